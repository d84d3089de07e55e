package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

var twoAMinute = ratelimit.Rate{PerSecond: 2.0 / 60, Burst: 2}

func limiting(rate ratelimit.Rate) middleware.RateLimitConfig {
	return middleware.RateLimitConfig{Limiter: ratelimit.NewMemory(0), Rate: rate, Clock: atNoon}
}

func from(addr string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = addr
	return r
}

func TestCase_IP_09_HeadersOfRateLimits(t *testing.T) {
	t.Parallel()
	h := middleware.RateLimitByIP(limiting(twoAMinute))(&handler{})
	want := []struct{ status, remaining, reset int }{{200, 1, 30}, {200, 0, 60}, {429, 0, 60}}
	for i, want := range want {
		w := serve(h, from("192.0.2.1:1"))
		if w.Code != want.status {
			t.Fatalf("request %d: status %d, want %d", i, w.Code, want.status)
		}
		if got := w.Header().Get("RateLimit-Policy"); got != `"requests";q=2;w=60` {
			t.Errorf("RateLimit-Policy = %s", got)
		}
		if got := w.Header().Get("RateLimit"); got != fmt.Sprintf(`"requests";r=%d;t=%d`, want.remaining, want.reset) {
			t.Errorf("RateLimit = %s", got)
		}
		if want.status == 429 {
			wantProblem(t, w, 429, store.ErrRateLimited)
			if got := w.Header().Get("Retry-After"); got != "30" {
				t.Errorf("Retry-After = %s", got)
			}
		}
	}
}

func TestCase_S2_AddressesOfOneCustomerShareALimit(t *testing.T) {
	t.Parallel()
	h := middleware.RateLimitByIP(limiting(ratelimit.Rate{PerSecond: 1, Burst: 1}))(&handler{})
	for _, step := range []struct {
		addr   string
		status int
	}{
		{"[2001:db8:1:2::1]:1", 200},
		{"[2001:db8:1:2:ffff::9]:1", 429},
		{"[2001:db8:1:3::1]:1", 200},
		{"192.0.2.1:1", 200},
		{"[::ffff:192.0.2.1]:1", 429},
		{"192.0.2.2:1", 200},
	} {
		if w := serve(h, from(step.addr)); w.Code != step.status {
			t.Errorf("%s: status %d, want %d", step.addr, w.Code, step.status)
		}
	}
}

func TestRateLimitByPrincipal(t *testing.T) {
	t.Parallel()
	one := ratelimit.Rate{PerSecond: 1, Burst: 1}
	ps := principals{
		"alice":   alice,
		"key":     key,
		"rotated": {Subject: "usr_alice", Kind: authn.KindUser, KeyID: "key_2", KeyFamily: "kfm_1"},
		"fast":    {Subject: "usr_fast", Kind: authn.KindUser, Rate: ratelimit.Rate{PerSecond: 1, Burst: 3}},
	}
	h := chain(&handler{},
		middleware.Authenticate(middleware.AuthenticateConfig{Verifier: ps, Clock: atNoon}),
		middleware.RateLimitByPrincipal(limiting(one)))
	for i, step := range []struct {
		credential string
		status     int
	}{
		{"alice", 200}, {"alice", 429},
		{"key", 200}, {"rotated", 429},
		{"fast", 200}, {"fast", 200}, {"fast", 200}, {"fast", 429},
		{"", 200}, {"", 200},
	} {
		if w := serve(h, as(step.credential)); w.Code != step.status {
			t.Errorf("step %d, %q: status %d, want %d", i, step.credential, w.Code, step.status)
		}
	}
}

func TestCase_Q13_OneRequestIsOneUnitOfARateLimit(t *testing.T) {
	t.Parallel()
	protect := func(next http.Handler) http.Handler { return next }
	cfg := limiting(twoAMinute)
	byIP, byPrincipal := middleware.RateLimitByIP(cfg), middleware.RateLimitByPrincipal(cfg)
	for range 3 {
		inner := protect
		protect = func(next http.Handler) http.Handler {
			return chain(inner(next), byIP, authenticate(), byPrincipal)
		}
	}
	h := protect(&handler{})
	for i, status := range []int{200, 200, 429} {
		w := serve(h, as("alice"))
		if w.Code != status {
			t.Fatalf("request %d: status %d, want %d", i, w.Code, status)
		}
		if got := strings.Count(w.Header().Get("RateLimit"), `"requests"`); got != 1 {
			t.Errorf("RateLimit = %s", w.Header().Get("RateLimit"))
		}
	}
}

func TestRateLimitsOfTwoSpacesBothHold(t *testing.T) {
	t.Parallel()
	wide, narrow := limiting(ratelimit.Rate{PerSecond: 10, Burst: 10}), limiting(ratelimit.Rate{PerSecond: 1, Burst: 1})
	narrow.Space = "login"
	h := chain(&handler{}, middleware.RateLimitByIP(wide), middleware.RateLimitByIP(narrow))
	for i, status := range []int{200, 429} {
		if w := serve(h, from("192.0.2.1:1")); w.Code != status {
			t.Errorf("request %d: status %d, want %d", i, w.Code, status)
		}
	}
}

type brokenLimiter struct{}

func (brokenLimiter) Allow(context.Context, ratelimit.Key, ratelimit.Rate, int, time.Time) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, errors.New("s3cret: connection refused")
}

func TestALimiterThatFailsAdmitsNobody(t *testing.T) {
	t.Parallel()
	var h handler
	w := serve(middleware.RateLimitByIP(middleware.RateLimitConfig{Limiter: brokenLimiter{}, Rate: twoAMinute})(&h), from("192.0.2.1:1"))
	wantProblem(t, w, http.StatusServiceUnavailable, store.ErrUnavailable)
	if h.calls != 0 || strings.Contains(w.Body.String(), "s3cret") {
		t.Errorf("handler ran %d times; body %s", h.calls, w.Body)
	}
}

func TestRateLimitPanicsOnWrongArguments(t *testing.T) {
	t.Parallel()
	mustPanic(t, func() { middleware.RateLimitByIP(middleware.RateLimitConfig{Rate: twoAMinute}) })
	mustPanic(t, func() { middleware.RateLimitByPrincipal(middleware.RateLimitConfig{Limiter: ratelimit.NewMemory(0)}) })
}
