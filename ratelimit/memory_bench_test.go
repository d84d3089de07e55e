package ratelimit_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/usermgmt/usermgmt/ratelimit"
)

// A hit, beside a bare x/time/rate limiter that needs no look-up.
func BenchmarkAllow(b *testing.B) {
	now := time.Now()
	b.Run("x-time-rate", func(b *testing.B) {
		l := rate.NewLimiter(50, 200)
		for b.Loop() {
			now = now.Add(time.Microsecond)
			l.AllowN(now, 1)
		}
	})
	b.Run("name", func(b *testing.B) {
		m := ratelimit.NewMemory(0)
		key := ratelimit.NameKey("principal", "usr_0190f3c4a5b67c8d9e0f1a2b3c4d5e6f")
		for b.Loop() {
			now = now.Add(time.Microsecond)
			m.Allow(b.Context(), key, ratelimit.Rate{PerSecond: 50, Burst: 200}, 1, now)
		}
	})
	b.Run("address", func(b *testing.B) {
		m := ratelimit.NewMemory(0)
		addr := netip.MustParseAddr("2001:db8:1:2:3:4:5:6")
		for b.Loop() {
			now = now.Add(time.Microsecond)
			m.Allow(b.Context(), ratelimit.AddrKey("ip", addr), ratelimit.Rate{PerSecond: 50, Burst: 200}, 1, now)
		}
	})
}

// A new key each time, with all buckets in use.
func BenchmarkAllowNewKeys(b *testing.B) {
	now := time.Now()
	m := ratelimit.NewMemory(1 << 16)
	names := make([]string, 1<<18)
	for i := range names {
		names[i] = fmt.Sprintf("usr_%d", i)
	}
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Microsecond)
		m.Allow(b.Context(), ratelimit.NameKey("principal", names[i%len(names)]), ratelimit.Rate{PerSecond: 0.5, Burst: 30}, 1, now)
	}
}
