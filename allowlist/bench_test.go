package allowlist_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/allowlist"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
)

// BenchmarkRequest is what a list costs a request that it admits, on the way to
// a rate limit, which needs the time too.
func BenchmarkRequest(b *testing.B) {
	for _, bb := range []struct {
		name string
		live bool
		set  []string
	}{
		{"no list", false, nil},
		{"a list that is empty", true, nil},
		{"a list of three networks", true, []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.0/24"}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			house := open(b)
			house.set(b, bb.set...)
			cfg := house.config()
			cfg.Clock = time.Now
			list, err := allowlist.New(b.Context(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			var config middleware.AllowlistConfig
			if bb.live {
				config.Current = list.Current
			}
			limit := middleware.RateLimitByIP(middleware.RateLimitConfig{Limiter: ratelimit.NewMemory(0), Rate: ratelimit.Rate{PerSecond: 1e6, Burst: 1e9}, Space: "ip"})
			h := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			h = middleware.ResolveClientIP(middleware.TrustedProxies{})(middleware.Allowlist(config)(limit(h)))
			r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
