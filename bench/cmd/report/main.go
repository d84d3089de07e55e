// Report measures the hot path beside its floor and its peers, holds the ratios
// against the goals and writes the page that shows them. It takes about five
// minutes of a machine that does nothing else. With -lists it measures lists of a
// million users instead, and writes the section of the page about them.
//
//	go run ./cmd/report
//	go run ./cmd/report -lists
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/bench"
)

const (
	people       = 100_000
	missCallers  = 64
	missTries    = 200
	loadRounds   = 12
	loadRequests = 8000
)

// report is what a run found.
type report struct {
	command     string
	rounds      int
	began       time.Time
	took        time.Duration
	loadAverage string
	results     results
	missesGood  float64 // look-ups a credential
	missesBad   float64
}

func main() {
	testing.Init() // the flags of testing.Benchmark
	rounds := flag.Int("count", 6, "how many rounds are measured")
	out := flag.String("out", filepath.Join("..", "docs", "BENCHMARKS.md"), "the page to write")
	benchtime := flag.String("benchtime", "100ms", "how long a case is measured in a round")
	lists := flag.Bool("lists", false, "measure lists of users instead")
	flag.Parse()
	measure := run
	if *lists {
		measure = runLists
	}
	if err := errors.Join(flag.Set("test.benchtime", *benchtime), measure(*rounds, *benchtime, *out)); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// inHouse runs fn with a house of its own.
func inHouse(fn func(context.Context, *bench.House) error) (err error) {
	dir, err := os.MkdirTemp("", "usermgmt-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	house, err := bench.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.Close()) }()
	return fn(ctx, house)
}

func run(rounds int, benchtime, out string) error {
	r := report{
		command:     fmt.Sprintf("go run ./cmd/report -count %d -benchtime %s", rounds, benchtime),
		rounds:      rounds,
		began:       time.Now(),
		loadAverage: loadAverage(),
		results:     results{},
	}
	if err := inHouse(r.measure); err != nil {
		return err
	}
	r.took = time.Since(r.began)
	var page strings.Builder
	r.write(&page)
	return replacePage(out, page.String())
}

// measure runs the stages. The one principal comes first: a hundred thousand
// make a heap whose collection every later case pays for.
func (r *report) measure(ctx context.Context, house *bench.House) error {
	one, err := house.Admit(ctx, 1)
	if err != nil {
		return err
	}
	cached, err := house.Cached(ctx, one)
	if err != nil {
		return err
	}
	r.results.measure(onePrincipal, r.rounds, cached)
	if err := r.measureLoad(house, one); err != nil {
		return err
	}

	many, err := house.Admit(ctx, people)
	if err != nil {
		return err
	}
	r.missesGood = house.Misses(ctx, many.Keys[:missTries], missCallers)
	wrong := make([]string, missTries)
	for i := range wrong {
		wrong[i] = authn.GenerateAPIKey("um_").Reveal()
	}
	r.missesBad = house.Misses(ctx, wrong, missCallers)
	uncached, err := house.Uncached(many)
	if err != nil {
		return err
	}
	r.results.measure(notRemembered, r.rounds, uncached)
	consumes, err := house.Consumes(ctx)
	if err != nil {
		return err
	}
	r.results.measure(durable, r.rounds, append(house.Durable(many), consumes...))
	if cached, err = house.Authenticate(ctx, many); err != nil {
		return err
	}
	r.results.measure(manyPrincipals, r.rounds, cached)
	return nil
}

func (r *report) measureLoad(house *bench.House, people *bench.People) (err error) {
	servers, err := house.Servers(people)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Close())
		}
	}()
	return r.results.load(overLoopback, loadRounds, loadRequests, servers)
}
