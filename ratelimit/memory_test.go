package ratelimit_test

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/ratelimit/ratelimittest"
)

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

func TestMemory(t *testing.T) {
	t.Parallel()
	ratelimittest.Run(t, func(*testing.T) ratelimit.Limiter { return ratelimit.NewMemory(0) })
}

func allow(t testing.TB, m *ratelimit.Memory, name string, r ratelimit.Rate, n int, now time.Time) ratelimit.Decision {
	t.Helper()
	d, err := m.Allow(t.Context(), ratelimit.NameKey("test", name), r, n, now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMemoryIsExactOnManyFreshKeys(t *testing.T) {
	t.Parallel()
	const keys, callers, burst = 10_000, 64, 3
	m := ratelimit.NewMemory(1 << 17) // enough for all to stay
	r := ratelimit.Rate{PerSecond: 1, Burst: burst}
	names := make([]ratelimit.Key, keys)
	for i := range names {
		names[i] = ratelimit.NameKey("test", fmt.Sprint(i))
	}
	var admitted [keys]atomic.Int32
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i, key := range names {
				if d, err := m.Allow(t.Context(), key, r, 1, noon); err == nil && d.Allowed {
					admitted[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range admitted {
		if n := admitted[i].Load(); n != burst {
			t.Fatalf("key %d: %d admitted, want %d", i, n, burst)
		}
	}
}

func TestCase_IP_05_MemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(1 << 13)
	perMinute := ratelimit.Rate{PerSecond: 0.5, Burst: 30}
	honest := netip.MustParseAddr("192.0.2.7")
	spent := 0
	for i := range 60_000 {
		now := noon.Add(time.Duration(i) * time.Millisecond)
		addr := netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, byte(i >> 16), byte(i >> 8), byte(i)})
		if d, _ := m.Allow(t.Context(), ratelimit.AddrKey("ip", addr), perMinute, 1, now); !d.Allowed {
			t.Fatal("a fresh address was refused")
		}
		if i%100 == 0 { // ten a second, twenty times what is allowed
			if d, _ := m.Allow(t.Context(), ratelimit.AddrKey("ip", honest), perMinute, 1, now); d.Allowed {
				spent++
			}
		}
	}
	if n := m.Len(); n > 1<<13 {
		t.Errorf("%d buckets are kept, want at most %d", n, 1<<13)
	}
	// Its bucket held 30 and had gained 29 by its last try, after 59.9 s.
	if spent != 59 {
		t.Errorf("the busy client was admitted %d times during the flood, want 59", spent)
	}
}

// While any bucket is full, no other is lost.
func TestMemoryEvictsOnlyIdleBuckets(t *testing.T) {
	t.Parallel()
	slow := ratelimit.Rate{PerSecond: 1, Burst: 10}
	for idle := range 8 {
		m := ratelimit.NewMemory(8)
		for i := range 8 {
			n := 10
			if i == idle {
				n = 1
			}
			allow(t, m, fmt.Sprint(i), slow, n, noon)
		}
		later := noon.Add(2 * time.Second) // one is full again
		allow(t, m, "new", slow, 10, later)
		if n := m.Len(); n != 8 {
			t.Fatalf("%d buckets are kept, want 8", n)
		}
		for i := range 8 {
			if i != idle && allow(t, m, fmt.Sprint(i), slow, 3, later).Allowed {
				t.Errorf("bucket %d was lost although %d was full", i, idle)
			}
		}
	}
}

// A bucket in steady use has an old place in the order of eviction, which must
// not cost it its state.
func TestMemoryKeepsWhatIsInUse(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(4)
	r := ratelimit.Rate{PerSecond: 1, Burst: 5}
	now, admitted := noon, 0
	for i := range 1000 {
		now = now.Add(500 * time.Millisecond)
		if allow(t, m, "busy", r, 1, now).Allowed {
			admitted++
		}
		allow(t, m, fmt.Sprint("other-", i), r, 1, now)
	}
	if admitted > 505 {
		t.Errorf("%d admitted in 500 s at 1/s with a burst of 5", admitted)
	}
}

func TestMemoryKeepsNoFullBucket(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(0)
	r := ratelimit.Rate{PerSecond: 1, Burst: 5}
	allow(t, m, "a", r, 0, noon)
	allow(t, m, "b", r, 6, noon)
	if n := m.Len(); n != 0 {
		t.Errorf("%d buckets are kept for keys that spent nothing", n)
	}
}

func TestMemoryHitAllocatesNothing(t *testing.T) {
	m := ratelimit.NewMemory(0)
	r := ratelimit.Rate{PerSecond: 50, Burst: 200}
	v4, v6 := netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1%eth0")
	var l ratelimit.Limiter = m
	if n := testing.AllocsPerRun(100, func() {
		l.Allow(t.Context(), ratelimit.NameKey("principal", "usr_1"), r, 1, noon)
		l.Allow(t.Context(), ratelimit.AddrKey("ip", v4), r, 1, noon)
		l.Allow(t.Context(), ratelimit.AddrKey("ip", v6), r, 1, noon)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestNewMemoryRefusesANegativeSize(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	ratelimit.NewMemory(-1)
}

func TestKeyString(t *testing.T) {
	t.Parallel()
	for want, key := range map[string]ratelimit.Key{
		"principal:usr_1":   ratelimit.NameKey("principal", "usr_1"),
		"ip:192.0.2.1":      ratelimit.AddrKey("ip", netip.MustParseAddr("::ffff:192.0.2.1")),
		"ip:2001:db8:1:2::": ratelimit.AddrKey("ip", netip.MustParseAddr("2001:db8:1:2:3:4:5:6%eth0")),
		"ip:":               ratelimit.AddrKey("ip", netip.Addr{}),
	} {
		if got := key.String(); got != want {
			t.Errorf("key is %q, want %q", got, want)
		}
	}
}
