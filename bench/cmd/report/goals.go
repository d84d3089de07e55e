package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/bench"
)

// The stages. What is compared is of one stage.
const (
	onePrincipal   = "1 principal"
	manyPrincipals = "100,000 principals"
	notRemembered  = "not remembered"
	durable        = "durable"
	overLoopback   = "loopback"
)

// goal bounds how long of takes, in units of how long by takes. Without bounds
// it is there for what it tells.
type goal struct {
	of, by sample
	bounds []bound
	reason string // why it is missed, when it is
}

// What stands in the way of goals, as profiles show.
const (
	whyAboveFloor = "Authenticate also reads the clock and the headers, which the floor does not; the look-up itself is the least of it."
	whyAboveMap   = "A hit reads the entry of the cache, the verdict, its text, its principal and the counters it rests on, each from memory of its own; a map reads two places and the floor none."
	whyLimits     = "Each limit writes two headers, and the first of them copies the request; the goal is that of a path without headers."
	whyLoopback   = "Answers carry a request id, security and RateLimit headers. net/http alone that sends the same headers loses most of it too, as its row shows; what is left is ours."
)

// bound is one condition of a goal.
type bound struct {
	text  string
	holds func(ratio float64, of testing.BenchmarkResult) bool
}

func most(limit float64) bound {
	return bound{fmt.Sprintf("≤ %.4g", limit), func(ratio float64, _ testing.BenchmarkResult) bool { return ratio <= limit }}
}

func least(limit float64) bound {
	return bound{fmt.Sprintf("≥ %.4g", limit), func(ratio float64, _ testing.BenchmarkResult) bool { return ratio >= limit }}
}

func allocs(limit int64) bound {
	return bound{fmt.Sprintf("≤ %d allocs", limit), func(_ float64, of testing.BenchmarkResult) bool { return of.AllocsPerOp() <= limit }}
}

func bytes(limit int64) bound {
	return bound{fmt.Sprintf("≤ %d B", limit), func(_ float64, of testing.BenchmarkResult) bool { return of.AllocedBytesPerOp() <= limit }}
}

// met says whether the bounds hold.
func (g goal) met(ratio float64, of testing.BenchmarkResult) bool {
	return !slices.ContainsFunc(g.bounds, func(b bound) bool { return !b.holds(ratio, of) })
}

// bound is the goal in words; empty for none.
func (g goal) bound() string {
	var texts []string
	for _, b := range g.bounds {
		texts = append(texts, b.text)
	}
	return strings.Join(texts, ", ")
}

// goals are those of the report, in its order.
func goals() []goal {
	var all []goal
	add := func(of, by sample, reason string, bounds ...bound) {
		all = append(all, goal{of, by, bounds, reason})
	}
	compare := func(stage, of, by string, cpus int, reason string, bounds ...bound) {
		add(sample{stage, of, cpus}, sample{stage, by, cpus}, reason, bounds...)
	}
	credentials := []string{bench.Key, bench.EdDSA, bench.HS256}
	for _, stage := range []struct{ name, reason string }{{onePrincipal, whyAboveFloor}, {manyPrincipals, whyAboveMap}} {
		for _, credential := range credentials {
			compare(stage.name, credential, bench.Floor, 1, stage.reason, most(1.7), allocs(2), bytes(368))
			compare(stage.name, credential, bench.Floor, 2, stage.reason, most(1.5), allocs(2), bytes(368))
		}
	}
	for _, credential := range credentials {
		add(sample{manyPrincipals, credential, 1}, sample{manyPrincipals, credential, 2}, "", least(1.7))
	}
	add(sample{manyPrincipals, bench.Floor, 1}, sample{manyPrincipals, bench.Floor, 2}, "")
	compare(manyPrincipals, bench.Verify, bench.ReadOnlyMap, 2, whyAboveMap, most(3), allocs(0))
	compare(onePrincipal, bench.LimitedKey, bench.Floor, 1, whyLimits, most(2.2), allocs(2))
	compare(onePrincipal, bench.LimitedKey, bench.Floor, 2, whyLimits, most(1.8), allocs(2))
	for _, cpus := range []int{1, 2} {
		compare(onePrincipal, bench.RateCheck, bench.XTimeRate, cpus, "", most(1.15), allocs(0))
		compare(notRemembered, bench.TokensHS256, bench.GolangJWTHS256, cpus, "", most(0.6), allocs(20))
		compare(notRemembered, bench.TokensEdDSA, bench.BareEd25519, cpus, "", most(1.15))
		compare(notRemembered, bench.VerifyKey, bench.DriverOnly, cpus, "", most(1.8))
		compare(onePrincipal, bench.Key, bench.GuardianKey, cpus, "")
		compare(onePrincipal, bench.EdDSA, bench.GuardianJWT, cpus, "")
		compare(onePrincipal, bench.Protected, bench.Floor, cpus, "")
		compare(notRemembered, bench.GolangJWTEdDSA, bench.BareEd25519, cpus, "")
	}
	compare(durable, bench.OwnCommit, bench.Consume64, 2, "", least(7))
	compare(durable, bench.OwnCommit, bench.Consume256, 2, "", least(13))
	// Requests a second, so what the server takes is what divides.
	perSecond := func(of, by string, reason string, bounds ...bound) {
		compare(overLoopback, by, of, 1, reason, bounds...)
	}
	perSecond(bench.LoopbackKey, bench.LoopbackBareKey, whyLoopback, least(0.9))
	perSecond(bench.LoopbackEdDSA, bench.LoopbackBareJWT, whyLoopback, least(0.9))
	perSecond(bench.LoopbackKey, bench.LoopbackHeaders, "")
	perSecond(bench.LoopbackHeaders, bench.LoopbackBareKey, "")
	perSecond(bench.LoopbackAuth, bench.LoopbackBareKey, "")
	perSecond(bench.LoopbackGuardian, bench.LoopbackBareJWT, "")
	perSecond(bench.LoopbackJWTAuth, bench.LoopbackBareJWT, "")
	return all
}
