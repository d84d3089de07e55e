package middleware_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
)

// nothing is a handler and a ResponseWriter at no cost.
type nothing struct{ header http.Header }

func (n nothing) Header() http.Header                        { return n.header }
func (nothing) Write(p []byte) (int, error)                  { return len(p), nil }
func (nothing) WriteHeader(int)                              {}
func (nothing) ServeHTTP(http.ResponseWriter, *http.Request) {}

// Authentication of a cached credential costs what handing over a principal
// costs: a context and a copy of the request.
func TestAuthenticateAllocatesTwice(t *testing.T) {
	h, r, w := authenticate()(nothing{}), as("alice"), nothing{http.Header{}}
	if got := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); got > 2 {
		t.Errorf("%v allocations, want at most 2", got)
	}
}

func BenchmarkMiddleware(b *testing.B) {
	type key struct{}
	floor := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, alice)))
		})
	}
	fast := middleware.RateLimitConfig{Limiter: ratelimit.NewMemory(0), Rate: ratelimit.Rate{PerSecond: 1e6, Burst: 1e9}}
	auth := middleware.Authenticate(middleware.AuthenticateConfig{Verifier: principalAlways{}})
	outer := []func(http.Handler) http.Handler{
		middleware.AssignRequestID(), middleware.ResolveClientIP(middleware.TrustedProxies{}),
		middleware.Recover(nil), middleware.SecurityHeaders(middleware.HeadersConfig{}), middleware.NotFound(),
	}
	protect := []func(http.Handler) http.Handler{
		middleware.RateLimitByIP(fast), auth, middleware.RequireUser(), middleware.RateLimitByPrincipal(fast),
	}
	for _, bb := range []struct {
		name  string
		chain []func(http.Handler) http.Handler
	}{
		{"floor: a principal in the context", []func(http.Handler) http.Handler{floor}},
		{"authenticate", []func(http.Handler) http.Handler{auth}},
		{"limit, authenticate, limit", protect},
		{"everything but the meter", append(outer, protect...)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			h, r := chain(nothing{}, bb.chain...), as("alice")
			r.Header.Set("X-Request-ID", "id-1")
			w := nothing{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}

// principalAlways is a verifier whose every look-up is a hit.
type principalAlways struct{}

func (principalAlways) Verify(context.Context, string, authn.Caller, time.Time) (*authn.Principal, error) {
	return alice, nil
}
