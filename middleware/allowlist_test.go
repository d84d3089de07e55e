package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

func prefixes(t *testing.T, csv string) []netip.Prefix {
	t.Helper()
	p, err := middleware.ParsePrefixes(csv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAllowlist(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, fixed, current, remote string
		admitted                     bool
	}{
		{"no lists", "", "", "9.9.9.9:1", true},
		{"fixed admits", "9.9.9.0/24", "", "9.9.9.9:1", true},
		{"fixed refuses", "10.0.0.0/8", "", "9.9.9.9:1", false},
		{"current admits", "", "9.9.9.0/24", "9.9.9.9:1", true},
		{"current refuses", "", "10.0.0.0/8", "9.9.9.9:1", false},
		{"both admit", "9.0.0.0/8", "9.9.9.9", "9.9.9.9:1", true},
		{"only fixed admits", "9.0.0.0/8", "10.0.0.0/8", "9.9.9.9:1", false},
		{"only current admits", "10.0.0.0/8", "9.0.0.0/8", "9.9.9.9:1", false},
		{"mapped address", "9.9.9.0/24", "", "[::ffff:9.9.9.9]:1", true},
		{"IPv6 with a zone", "fe80::/10", "", "[fe80::1%eth0]:1", true},
		{"IPv4-compatible is not IPv4", "9.9.9.0/24", "", "[::9.9.9.9]:1", false},
		{"unknown address", "0.0.0.0/0,::/0", "", "@", false},
		{"unknown address, no lists", "", "", "@", true},
	}
	for _, tt := range tests {
		t.Run("S1 "+tt.name, func(t *testing.T) {
			t.Parallel()
			var h handler
			var denied []error
			current := prefixes(t, tt.current)
			mw := middleware.Allowlist(middleware.AllowlistConfig{
				Prefixes: prefixes(t, tt.fixed),
				Current:  func(time.Time) []netip.Prefix { return current },
				Exempt:   func(r *http.Request) bool { return r.URL.Path == "/health/live" },
				Denied:   func(_ *http.Request, err error) { denied = append(denied, err) },
			})
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.remote
			r.Header.Set("X-Forwarded-For", "10.0.0.1")
			w := serve(mw(&h), r)
			if admitted := h.calls == 1; admitted != tt.admitted {
				t.Fatalf("admitted = %v, want %v", admitted, tt.admitted)
			}
			if !tt.admitted {
				wantProblem(t, w, http.StatusForbidden, store.ErrIPNotAllowed)
				if len(denied) != 1 {
					t.Errorf("%d denials reported, want 1", len(denied))
				}
			}

			probe := httptest.NewRequest("GET", "/health/live", nil)
			probe.RemoteAddr = tt.remote
			if w := serve(mw(&h), probe); w.Code != http.StatusOK {
				t.Errorf("exempt path: status %d", w.Code)
			}
		})
	}
}

func TestAllowlistGoesByTheResolvedAddress(t *testing.T) {
	t.Parallel()
	proxies, err := middleware.ParseTrustedProxies("10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	var h handler
	mw := chain(&h,
		middleware.ResolveClientIP(proxies),
		middleware.Allowlist(middleware.AllowlistConfig{Prefixes: prefixes(t, "10.0.0.0/8")}))
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.5:80"
	r.Header.Set("X-Forwarded-For", "3.3.3.3")
	wantProblem(t, serve(mw, r), http.StatusForbidden, store.ErrIPNotAllowed)
}

func TestAllowlistPanicsOnAnInvalidNetwork(t *testing.T) {
	t.Parallel()
	mustPanic(t, func() { middleware.Allowlist(middleware.AllowlistConfig{Prefixes: make([]netip.Prefix, 1)}) })
}
