package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/bench"
)

// sample names what was measured once in each round.
type sample struct {
	stage string
	name  string
	cpus  int
}

// results are the rounds of every sample, in their order.
type results map[sample][]testing.BenchmarkResult

// measure runs the cases of a stage in turn, round by round, on one CPU and on
// two. Each round begins with another case, so that none always follows the
// same one.
func (r results) measure(stage string, rounds int, cases []bench.Case) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for round := range rounds {
		for _, cpus := range []int{1, 2} {
			runtime.GOMAXPROCS(cpus)
			for i := range cases {
				c := cases[(round+i)%len(cases)]
				s := sample{stage, c.Name, cpus}
				r[s] = append(r[s], testing.Benchmark(c.Run))
			}
		}
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", stage, round+1, rounds)
	}
}

// alternate runs the operations of a stage one by one in turn, so many times a
// round, on one CPU. What one took in a round is the median of its tries. So what
// else the machine does hits all of them, and hardly moves what is told.
func (r results) alternate(stage string, rounds, tries int, cases []bench.Case) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	operations, times := make([]func(), len(cases)), make([][]time.Duration, len(cases))
	for i, c := range cases {
		operations[i], times[i] = c.Worker(), make([]time.Duration, tries)
	}
	for range rounds {
		for try := range tries {
			for i, operation := range operations {
				began := time.Now()
				operation()
				times[i][try] = time.Since(began)
			}
		}
		for i, c := range cases {
			s := sample{stage, c.Name, 1}
			r[s] = append(r[s], testing.BenchmarkResult{N: 1, T: median(times[i])})
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %d rounds\n", stage, rounds)
}

// load measures servers round by round, on one CPU that the client shares.
func (r results) load(stage string, rounds, requests int, servers []*bench.Server) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for round := range rounds {
		for i := range servers {
			server := servers[(round+i)%len(servers)]
			took, err := server.Load(requests)
			if err != nil {
				return fmt.Errorf("%s: %w", server.Name, err)
			}
			s := sample{stage, server.Name, 1}
			r[s] = append(r[s], testing.BenchmarkResult{N: 1, T: took})
		}
	}
	return nil
}

// times are the nanoseconds an operation took in each round.
func (r results) times(s sample) []float64 {
	var ns []float64
	for _, result := range r[s] {
		ns = append(ns, float64(result.T.Nanoseconds())/float64(result.N))
	}
	return ns
}

// ratio is the median of how much longer of took than by in the same round, and
// the ratio of their best rounds.
func (r results) ratio(of, by sample) (middle, best float64) {
	dividends, divisors := r.times(of), r.times(by)
	ratios := make([]float64, len(dividends))
	for i := range ratios {
		ratios[i] = dividends[i] / divisors[i]
	}
	return median(ratios), slices.Min(dividends) / slices.Min(divisors)
}

func median[T cmp.Ordered](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
