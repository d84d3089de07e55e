package main

import (
	"fmt"
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
}

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

// verdict says whether the bounds hold.
func (g goal) verdict(ratio float64, of testing.BenchmarkResult) string {
	if len(g.bounds) == 0 {
		return ""
	}
	for _, b := range g.bounds {
		if !b.holds(ratio, of) {
			return "**no**"
		}
	}
	return "yes"
}

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
	compare := func(stage, of, by string, cpus int, bounds ...bound) {
		all = append(all, goal{sample{stage, of, cpus}, sample{stage, by, cpus}, bounds})
	}
	credentials := []string{bench.Key, bench.EdDSA, bench.HS256}
	for _, credential := range credentials {
		compare(onePrincipal, credential, bench.Floor, 1, most(1.7), allocs(2), bytes(368))
		compare(onePrincipal, credential, bench.Floor, 2, most(1.5), allocs(2), bytes(368))
	}
	for _, credential := range credentials {
		compare(manyPrincipals, credential, bench.Floor, 1, allocs(2), bytes(368))
		compare(manyPrincipals, credential, bench.Floor, 2, allocs(2), bytes(368))
	}
	for _, name := range append(credentials, bench.Floor) {
		g := goal{of: sample{manyPrincipals, name, 1}, by: sample{manyPrincipals, name, 2}}
		if name != bench.Floor {
			g.bounds = []bound{least(1.7)}
		}
		all = append(all, g)
	}
	compare(manyPrincipals, bench.Verify, bench.ReadOnlyMap, 2, most(3), allocs(0))
	compare(onePrincipal, bench.LimitedKey, bench.Floor, 1, most(2.2), allocs(2))
	compare(onePrincipal, bench.LimitedKey, bench.Floor, 2, most(1.8), allocs(2))
	for _, cpus := range []int{1, 2} {
		compare(onePrincipal, bench.RateCheck, bench.XTimeRate, cpus, most(1.15), allocs(0))
		compare(notRemembered, bench.TokensHS256, bench.GolangJWTHS256, cpus, most(0.6), allocs(20))
		compare(notRemembered, bench.TokensEdDSA, bench.BareEd25519, cpus, most(1.15))
		compare(notRemembered, bench.VerifyKey, bench.DriverOnly, cpus, most(1.8))
		compare(onePrincipal, bench.Key, bench.GuardianKey, cpus)
		compare(onePrincipal, bench.EdDSA, bench.GuardianJWT, cpus)
		compare(onePrincipal, bench.Protected, bench.Floor, cpus)
		compare(notRemembered, bench.GolangJWTEdDSA, bench.BareEd25519, cpus)
	}
	// Requests a second, so how long the server takes is what divides.
	perSecond := func(of, by string, bounds ...bound) {
		all = append(all, goal{sample{overLoopback, by, 1}, sample{overLoopback, of, 1}, bounds})
	}
	perSecond(bench.LoopbackKey, bench.LoopbackBareKey, least(0.9))
	perSecond(bench.LoopbackEdDSA, bench.LoopbackBareJWT, least(0.9))
	perSecond(bench.LoopbackAuth, bench.LoopbackBareKey)
	perSecond(bench.LoopbackGuardian, bench.LoopbackBareJWT)
	perSecond(bench.LoopbackJWTAuth, bench.LoopbackBareJWT)
	return all
}
