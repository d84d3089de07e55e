package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

const preface = `# Benchmarks

What usermgmt adds to a request whose credential it knows, beside the least that any library must add and beside other libraries. The page is written by

` + "```sh\n%s\n```" + `

in the folder ` + "`bench`" + `, a module of its own. What is compared was measured in turn, in one process and in %d rounds. A ratio is the median of the rounds' own ratios, since times of different rounds differ with what else the machine does; beside it stands the ratio of the best rounds.

- **ctx-only**, the floor, hands a principal to a handler through a context.
- **authenticate** is ` + "`middleware.Authenticate`" + ` with the real verifier over a SQLite file, for credentials it remembers.
- **limit, authenticate, limit** counts a request against its address and its principal too, and says so in RateLimit headers.
- **100,000 principals** take turns in an order that no processor cache knows.
- **Not remembered** is a credential that is verified or looked up: tokens beside golang-jwt with the same checks and the bare primitive; keys, with making the principal, beside the bare SQLite driver that only steps through the same row.
- **Loopback** is requests a second over sockets on one CPU, which the client shares; more is better.

`

// auditTrail is what is measured by its own tests.
const auditTrail = `
## The audit trail

Measured apart, on two processors: verifying while nothing else ran, writing on a busy machine, where processor time says more:

| what | processor time | time | memory |
|---|---|---|---|
| verify 1,000,000 events | 9.2 s | 12.1 s: 82,700 events a second | 0.9 MiB alive at most, 0.8 MiB of it before; 4.8 MiB with what was not collected yet |
| write one event, among 64 in a transaction, without the chain → with it | 28 → 37 µs | 109 → 156 µs (medians of three) | |

` + "```" + `sh
go test ./audit -run MemoryOfAPage -v -verify-events 1000000 -timeout 30m -cpuprofile cpu.out
time go test ./audit -run none -bench Append/of -benchtime 20000x -cpu 1
` + "```" + `

The chain costs an event a read and a write of the head, and an HMAC. A change that is alone in its transaction waits for the disk many times as long.
`

// write makes the page.
func (r report) write(w io.Writer) {
	fmt.Fprintf(w, preface, r.command, r.rounds)
	r.writeMachine(w)
	r.writeGoals(w)
	r.writeLoopback(w)
	r.writeTimes(w)
	fmt.Fprint(w, auditTrail)
}

func (r report) writeMachine(w io.Writer) {
	fmt.Fprintf(w, "Measured %s with %s on %s/%s, %d CPUs (%s), load average before the run %s; ",
		r.began.UTC().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), r.loadAverage)
	var peers []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			for _, path := range []string{"shaj13/go-guardian", "golang-jwt/jwt", "go-chi/jwtauth", "x/time", "mattn/go-sqlite3"} {
				if strings.Contains(dep.Path, path) {
					peers = append(peers, dep.Path+" "+dep.Version)
				}
			}
		}
	}
	fmt.Fprintf(w, "%s. The run took %s.\n", strings.Join(peers, ", "), r.took.Round(time.Second))
}

func (r report) writeGoals(w io.Writer) {
	fmt.Fprint(w, "\n## Goals\n\n| what | ÷ | among | CPUs | ratio | best ÷ best | goal | met |\n|---|---|---|---|---|---|---|---|\n")
	var reasons []string
	for _, g := range goals() {
		ratio, best := r.results.ratio(g.of, g.by)
		what, by, cpus := g.of.name, g.by.name, fmt.Sprint(g.of.cpus)
		switch {
		case what == by:
			by, cpus = "the same on both CPUs", "1 → 2"
		case g.of.stage == overLoopback: // requests a second, so the other way round
			what, by = by, what
		}
		verdict := ""
		if met := g.met(ratio, r.results[g.of][0]); len(g.bounds) > 0 {
			verdict = yes(met)
			if !met && g.reason != "" && !slices.Contains(reasons, g.reason) {
				reasons = append(reasons, g.reason)
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.3f | %.3f | %s | %s |\n", what, by, g.of.stage, cpus, ratio, best, g.bound(), verdict)
	}
	row := "| look-ups for each of %d callers' one %s credential | | %s | %d | %.2f | | ≤ 1 | %s |\n"
	fmt.Fprintf(w, row, missCallers, "good", notRemembered, runtime.NumCPU(), r.missesGood, yes(r.missesGood <= 1))
	fmt.Fprintf(w, row, missCallers, "wrong", notRemembered, runtime.NumCPU(), r.missesBad, yes(r.missesBad <= 1))
	if len(reasons) > 0 {
		fmt.Fprintf(w, "\nWhat stands in the way of those that are not met:\n\n- %s\n", strings.Join(reasons, "\n- "))
	}
}

// yes is how the page says whether a goal is met.
func yes(met bool) string {
	if met {
		return "yes"
	}
	return "**no**"
}

func (r report) writeLoopback(w io.Writer) {
	fmt.Fprint(w, "\n## Loopback\n\n| server | requests/s, median | best |\n|---|---|---|\n")
	for _, s := range r.samples(overLoopback) {
		times := r.results.times(s)
		fmt.Fprintf(w, "| %s | %.0f | %.0f |\n", s.name, 1e9/median(times), 1e9/slices.Min(times))
	}
}

func (r report) writeTimes(w io.Writer) {
	fmt.Fprint(w, "\n## Times of this run\n\nThey hold for this machine and hour only. On two CPUs a time is that of the whole, so half of what each operation took.\n\n| among | case | CPUs | median | best | B/op | allocs/op |\n|---|---|---|---|---|---|---|\n")
	for _, stage := range []string{onePrincipal, manyPrincipals, notRemembered, durable} {
		for _, s := range r.samples(stage) {
			times, result := r.results.times(s), r.results[s][0]
			fmt.Fprintf(w, "| %s | %s | %d | %s | %s | %d | %d |\n", stage, s.name, s.cpus,
				nanoseconds(median(times)), nanoseconds(slices.Min(times)), result.AllocedBytesPerOp(), result.AllocsPerOp())
		}
	}
}

// samples are those of a stage, by the time they take.
func (r report) samples(stage string) []sample {
	all := slices.DeleteFunc(slices.Collect(maps.Keys(r.results)), func(s sample) bool { return s.stage != stage })
	slices.SortFunc(all, func(a, b sample) int {
		if a.cpus != b.cpus {
			return a.cpus - b.cpus
		}
		return int(median(r.results.times(a)) - median(r.results.times(b)))
	})
	return all
}

// nanoseconds writes a time with three digits.
func nanoseconds(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.3g ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	default:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	}
}

// processor is the name of the CPU, where the system tells.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// loadAverage is that of the last minute, where the system tells.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
