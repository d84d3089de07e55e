package bench_test

import (
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/bench"
)

func open(t testing.TB, people int) (*bench.House, *bench.People) {
	t.Helper()
	h, err := bench.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := h.Admit(t.Context(), people)
	if err != nil {
		t.Fatal(err)
	}
	return h, p
}

// cases are all there are, in the order of the report.
func cases(t testing.TB, h *bench.House, p *bench.People) []bench.Case {
	t.Helper()
	cached, err := h.Cached(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	uncached, err := h.Uncached(p)
	if err != nil {
		t.Fatal(err)
	}
	consumes, err := h.Consumes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(cached, uncached, h.Durable(p), consumes)
}

func BenchmarkOnePrincipal(b *testing.B) {
	h, p := open(b, 1)
	for _, c := range cases(b, h, p) {
		b.Run(c.Name, c.Run)
	}
}

func BenchmarkManyPrincipals(b *testing.B) {
	h, p := open(b, 100_000)
	for _, c := range cases(b, h, p) {
		b.Run(c.Name, c.Run)
	}
}

// Each case does what it is called, or there is nothing to compare.
func TestCasesRun(t *testing.T) {
	h, p := open(t, 300)
	for _, c := range cases(t, h, p) {
		t.Run(c.Name, func(t *testing.T) {
			op := c.Worker()
			for range 3 {
				op()
			}
		})
	}
}

func TestServersAnswer(t *testing.T) {
	h, p := open(t, 1)
	servers, err := h.Servers(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		if _, err := s.Load(64); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOneLookUpForEachCredential(t *testing.T) {
	h, p := open(t, 20)
	unknown := make([]string, 20)
	for i := range unknown {
		unknown[i] = authn.GenerateAPIKey("um_").Reveal()
	}
	for name, credentials := range map[string][]string{"known": p.Keys, "unknown": unknown} {
		if got := h.Misses(t.Context(), credentials, 64); got != 1 {
			t.Errorf("%s keys: %v look-ups for each, want 1", name, got)
		}
	}
}
