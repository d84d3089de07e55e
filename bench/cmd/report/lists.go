package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/bench"
)

// The section of the page about lists, which is measured by itself.
const (
	listsHeading = "## Lists of users\n"
	crowdSize    = 1_000_000
	ofCrowd      = "1,000,000 users"
	listTries    = 101
)

// Goals of lists: how long a page takes in units of the first one of the same
// list, and others in units of the first page of everybody.
var (
	deepPage  = most(1.5)
	totalPage = most(2)
	foundPage = most(2)
)

const listsPreface = `
A million users in one SQLite file, in a run of their own:

` + "```sh\n%s\n```" + `

Each list is read at its start, in its middle and at its last page, by keyset, 50 users a page. The three are read in turn, each %d times a round; a round's time is the median of these, and a ratio the median of the rounds' own. The filters select: suspended one user in %d, the plan one in %d; a search for *u* finds everybody, most twice by their user name and their address, and one for *user* everybody, half of them twice. Three signed up in the same microsecond, and one in three never signed in.

`

const listsNote = `
A search merges a range of user names with one of addresses for each of its bytes, so that nobody is found twice; within a plan, and of any status, twice as many: that is the one that misses its goal, where one does.
`

// runLists measures lists and writes their section.
func runLists(rounds int, _, out string) error {
	r := report{
		command:     fmt.Sprintf("go run ./cmd/report -lists -count %d", rounds),
		rounds:      rounds,
		began:       time.Now(),
		loadAverage: loadAverage(),
		results:     results{},
	}
	var section string
	err := inHouse(func(ctx context.Context, house *bench.House) error {
		crowd, err := house.Gather(ctx, crowdSize)
		if err != nil {
			return err
		}
		gathered := time.Since(r.began)
		lists, searches, total := crowd.Lists(ctx), crowd.Searches(ctx), crowd.Total(ctx)
		for _, l := range lists {
			r.results.alternate(l.Name, rounds, listTries, []bench.Case{l.First, l.Middle, l.End})
			if l.Search {
				searches = append(searches, l.First)
			}
		}
		everybody := lists[0].First
		for _, c := range append(searches, total) {
			r.results.alternate("first pages: "+c.Name, rounds, listTries, []bench.Case{c, everybody})
		}
		took, grew, err := crowd.Export(ctx)
		if err != nil {
			return err
		}
		section = r.listsSection(lists, searches, total) + fmt.Sprintf(
			"\nAll %s, one after the other through `Users.All`: %s, during which the heap grew by at most %.1f MiB. To make them took %s.\n",
			ofCrowd, took.Round(100*time.Millisecond), float64(grew)/(1<<20), gathered.Round(time.Second))
		return nil
	})
	if err != nil {
		return err
	}
	return replaceSection(out, section)
}

// listsSection is the section without the export.
func (r report) listsSection(lists []bench.ListCase, searches []bench.Case, total bench.Case) string {
	var w strings.Builder
	fmt.Fprint(&w, listsHeading)
	fmt.Fprintf(&w, listsPreface, r.command, listTries, bench.SuspendedShare, bench.ProShare)
	fmt.Fprintf(&w, "Measured %s with %s on %s/%s, %d CPUs (%s), of which one was used, in %d rounds; load average before the run %s.\n\n",
		r.began.UTC().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), r.rounds, r.loadAverage)
	fmt.Fprint(&w, "| list | first page | middle ÷ first | end ÷ first | goal | met |\n|---|---|---|---|---|---|\n")
	for _, l := range lists {
		first := sample{l.Name, l.First.Name, 1}
		middle, _ := r.results.ratio(sample{l.Name, l.Middle.Name, 1}, first)
		end, _ := r.results.ratio(sample{l.Name, l.End.Name, 1}, first)
		met := deepPage.holds(max(middle, end), r.results[first][0])
		fmt.Fprintf(&w, "| %s | %s | %.2f | %.2f | %s | %s |\n", l.Name,
			nanoseconds(median(r.results.times(first))), middle, end, deepPage.text, yes(met))
	}
	fmt.Fprint(&w, "\n| first page | time | ÷ first page of everybody | goal | met |\n|---|---|---|---|---|\n")
	row := func(c bench.Case, goal bound) {
		stage := "first pages: " + c.Name
		of := sample{stage, c.Name, 1}
		ratio, _ := r.results.ratio(of, sample{stage, lists[0].First.Name, 1})
		fmt.Fprintf(&w, "| %s | %s | %.2f | %s | %s |\n", c.Name,
			nanoseconds(median(r.results.times(of))), ratio, goal.text, yes(goal.holds(ratio, r.results[of][0])))
	}
	row(total, totalPage)
	for _, c := range searches {
		row(c, foundPage)
	}
	fmt.Fprint(&w, listsNote)
	return w.String()
}

// replacePage writes the page, and keeps the section about lists.
func replacePage(out, page string) error {
	old, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, section, found := strings.Cut(string(old), listsHeading); found {
		page += "\n" + listsHeading + section
	}
	return os.WriteFile(out, []byte(page), 0o644)
}

// replaceSection writes the section about lists, which is the page's last, and
// keeps the others.
func replaceSection(out, section string) error {
	old, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	page, _, _ := strings.Cut(string(old), listsHeading)
	if page = strings.TrimRight(page, "\n"); page != "" {
		page += "\n\n"
	}
	return os.WriteFile(out, []byte(page+section), 0o644)
}
