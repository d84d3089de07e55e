// Package ratelimittest is the conformance suite of ratelimit.Limiter: what
// every limiter promises, ours and others'.
package ratelimittest

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/ratelimit"
)

// Run tests the limiters that open makes, a fresh one for each test, to be ended
// by t.Cleanup. The suite injects the time; for a limiter that reads its
// server's clock, open returns one that sets this clock to now first.
func Run(t *testing.T, open func(t *testing.T) ratelimit.Limiter) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, subject)
	}{
		{"ANewBucketIsFull", aNewBucketIsFull},
		{"FreshKeysAreExact", freshKeysAreExact},
		{"RefillsAsTimePasses", refillsAsTimePasses},
		{"TheAdvertisedWaitIsTheTrueWait", theAdvertisedWait},
		{"IP-07 NeverTwiceTheLimitAroundAnEdge", neverTwiceTheLimit},
		{"MoreThanABucketHoldsIsRefused", moreThanABucketHolds},
		{"ZeroOnlyLooks", zeroOnlyLooks},
		{"ARefusalCostsNothing", aRefusalCostsNothing},
		{"KeysAreIndependent", keysAreIndependent},
		{"AChangedRateAppliesAtOnce", aChangedRate},
		{"AClockSetBackIsHarmless", aClockSetBack},
		{"MistakesAreErrors", mistakesAreErrors},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, subject{Limiter: open(t), now: time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)})
		})
	}
}

// subject is a limiter under test with the time it is told.
type subject struct {
	ratelimit.Limiter
	now time.Time
}

func (s subject) allow(t *testing.T, key string, r ratelimit.Rate, n int) ratelimit.Decision {
	t.Helper()
	d, err := s.Allow(t.Context(), ratelimit.NameKey("test", key), r, n, s.now)
	if err != nil {
		t.Fatalf("Allow: %v", err)
	}
	return d
}

// want fails the test unless n units are admitted, or refused, as said.
func (s subject) want(t *testing.T, key string, r ratelimit.Rate, n int, allowed bool) ratelimit.Decision {
	t.Helper()
	d := s.allow(t, key, r, n)
	if d.Allowed != allowed {
		t.Fatalf("%d units at %v: allowed is %v, want %v (%+v)", n, s.now.Format(time.TimeOnly), d.Allowed, allowed, d)
	}
	return d
}

// A bucket of 10 that gains 2 a second.
var ten = ratelimit.Rate{PerSecond: 2, Burst: 10}

func aNewBucketIsFull(t *testing.T, s subject) {
	d := s.want(t, "a", ten, 1, true)
	want := ratelimit.Decision{
		Allowed: true, Limit: 10, Window: 5 * time.Second, Remaining: 9, ResetAfter: 500 * time.Millisecond,
	}
	if d != want {
		t.Errorf("decision is %+v, want %+v", d, want)
	}
	for range 9 {
		s.want(t, "a", ten, 1, true)
	}
	d = s.want(t, "a", ten, 1, false)
	want = ratelimit.Decision{
		Limit: 10, Window: 5 * time.Second, RetryAfter: 500 * time.Millisecond, ResetAfter: 5 * time.Second,
	}
	if d != want {
		t.Errorf("refusal is %+v, want %+v", d, want)
	}
}

// Many goroutines at once on keys nobody has used: the moment at which a
// limiter that reads and then writes admits too many.
func freshKeysAreExact(t *testing.T, s subject) {
	const callers, keys = 64, 200
	var admitted [keys]atomic.Int64
	var faults atomic.Int64
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			<-start
			for i := range keys {
				key := ratelimit.NameKey("test", fmt.Sprint("fresh-", i))
				d, err := s.Allow(t.Context(), key, ten, 1, s.now)
				if err != nil {
					faults.Add(1)
				} else if d.Allowed {
					admitted[i].Add(1)
				}
			}
		})
	}
	close(start)
	wg.Wait()
	if n := faults.Load(); n > 0 {
		t.Fatalf("%d calls failed", n)
	}
	for i := range admitted {
		if n := admitted[i].Load(); n != 10 {
			t.Fatalf("key %d: %d admitted of %d at once, want exactly 10", i, n, callers)
		}
	}
}

func refillsAsTimePasses(t *testing.T, s subject) {
	s.want(t, "a", ten, 10, true)
	for _, step := range []struct {
		after time.Duration
		gains int
	}{
		{500 * time.Millisecond, 1},
		{499 * time.Millisecond, 0},
		{time.Millisecond, 1},
		{2 * time.Second, 4},
		{time.Hour, 10},
	} {
		s.now = s.now.Add(step.after)
		if d := s.allow(t, "a", ten, 0); d.Remaining != step.gains {
			t.Fatalf("%v later %d units are there, want %d", step.after, d.Remaining, step.gains)
		}
		s.want(t, "a", ten, step.gains+1, false)
		s.want(t, "a", ten, step.gains, true)
	}
}

func theAdvertisedWait(t *testing.T, s subject) {
	for _, r := range []ratelimit.Rate{ten, {PerSecond: 0.5, Burst: 30}, {PerSecond: 100, Burst: 7}} {
		key := r.String()
		s.want(t, key, r, r.Burst, true)
		d := s.want(t, key, r, 3, false)

		early, late := s, s
		early.now = s.now.Add(d.RetryAfter - time.Millisecond)
		early.want(t, key, r, 3, false)
		late.now = s.now.Add(d.RetryAfter)
		d = late.want(t, key, r, 3, true)

		late.now = late.now.Add(d.ResetAfter)
		if d := late.allow(t, key, r, 0); d.Remaining != r.Burst || d.ResetAfter != 0 {
			t.Fatalf("%s: after ResetAfter the bucket is not full: %+v", r, d)
		}
	}
}

// Case IP-07: a burst on each side of a second, a minute and an hour.
func neverTwiceTheLimit(t *testing.T, s subject) {
	perMinute := ratelimit.Rate{PerSecond: 0.5, Burst: 30}
	admitted := 0
	for range 2 {
		for range 31 {
			if s.allow(t, "a", perMinute, 1).Allowed {
				admitted++
			}
		}
		s.now = s.now.Add(2 * time.Second)
	}
	if admitted != 31 {
		t.Errorf("%d admitted within 2 s, want 31: a burst of 30 and the one gained", admitted)
	}
}

func moreThanABucketHolds(t *testing.T, s subject) {
	d := s.want(t, "a", ten, 11, false)
	if d.RetryAfter != 0 {
		t.Errorf("RetryAfter is %v, want zero: no wait would help", d.RetryAfter)
	}
	if d.Remaining != 10 {
		t.Errorf("%d units are left, want all 10", d.Remaining)
	}
}

func zeroOnlyLooks(t *testing.T, s subject) {
	for range 20 {
		if d := s.want(t, "a", ten, 0, true); d.Remaining != 10 {
			t.Fatalf("looking spent: %+v", d)
		}
	}
	s.want(t, "a", ten, 10, true)
	s.want(t, "a", ten, 0, true)
}

func aRefusalCostsNothing(t *testing.T, s subject) {
	s.want(t, "a", ten, 8, true)
	for range 20 {
		s.want(t, "a", ten, 3, false)
	}
	s.want(t, "a", ten, 2, true)
}

func keysAreIndependent(t *testing.T, s subject) {
	keys := []ratelimit.Key{
		ratelimit.NameKey("principal", "a"),
		ratelimit.NameKey("principal", "b"),
		ratelimit.NameKey("login", "a"),
		ratelimit.AddrKey("ip", netip.MustParseAddr("192.0.2.1")),
		ratelimit.AddrKey("ip", netip.MustParseAddr("192.0.2.2")),
		ratelimit.AddrKey("login", netip.MustParseAddr("192.0.2.1")),
		ratelimit.AddrKey("ip", netip.MustParseAddr("2001:db8:0:1::1")),
		ratelimit.AddrKey("ip", netip.MustParseAddr("2001:db8:0:2::1")),
	}
	for _, key := range keys {
		d, err := s.Allow(t.Context(), key, ten, 10, s.now)
		if err != nil || !d.Allowed {
			t.Errorf("%v: %+v, %v; want a bucket of its own", key, d, err)
		}
	}
	same := ratelimit.AddrKey("ip", netip.MustParseAddr("2001:db8:0:2:ffff::2"))
	if d, err := s.Allow(t.Context(), same, ten, 1, s.now); err != nil || d.Allowed {
		t.Errorf("an address of the same /64: %+v, %v; want a refusal", d, err)
	}
}

func aChangedRate(t *testing.T, s subject) {
	small, large := ten, ratelimit.Rate{PerSecond: 2, Burst: 20}
	s.want(t, "a", large, 20, true)
	// 10 s of waiting remain; the smaller bucket is never more than 5 s away.
	if d := s.want(t, "a", small, 1, false); d.RetryAfter > 500*time.Millisecond {
		t.Errorf("after a change to a smaller bucket RetryAfter is %v", d.RetryAfter)
	}
	s.now = s.now.Add(time.Minute)
	s.want(t, "a", small, 11, false)
	s.want(t, "a", large, 20, true)
}

func aClockSetBack(t *testing.T, s subject) {
	s.want(t, "a", ten, 10, true)
	s.now = s.now.Add(-24 * time.Hour)
	d := s.want(t, "a", ten, 1, false)
	if d.RetryAfter > d.Window {
		t.Errorf("after the clock was set back RetryAfter is %v, more than the window of %v", d.RetryAfter, d.Window)
	}
	s.now = s.now.Add(d.RetryAfter)
	s.want(t, "a", ten, 1, true)
	s.want(t, "a", ten, 1, false)
}

func mistakesAreErrors(t *testing.T, s subject) {
	for name, call := range map[string]struct {
		rate ratelimit.Rate
		n    int
	}{
		"no rate":         {ratelimit.Rate{}, 1},
		"a negative rate": {ratelimit.Rate{PerSecond: -1, Burst: 10}, 1},
		"no burst":        {ratelimit.Rate{PerSecond: 1}, 1},
		"a negative cost": {ten, -1},
	} {
		if d, err := s.Allow(t.Context(), ratelimit.NameKey("test", "a"), call.rate, call.n, s.now); err == nil || d.Allowed {
			t.Errorf("%s: %+v, %v; want an error", name, d, err)
		}
	}
	if d := s.allow(t, "a", ten, 0); d.Remaining != 10 {
		t.Errorf("a mistake spent: %+v", d)
	}
}
