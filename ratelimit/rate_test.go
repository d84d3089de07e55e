package ratelimit_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt/ratelimit"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]ratelimit.Rate{
		"50/s,burst=200": {PerSecond: 50, Burst: 200},
		"30/m":           {PerSecond: 0.5, Burst: 30},
		"100/h":          {PerSecond: 100.0 / 3600, Burst: 100},
		"0.5/s":          {PerSecond: 0.5, Burst: 1},
		"1000000/s":      {PerSecond: 1e6, Burst: 1e6},
	} {
		got, err := ratelimit.ParseRate(s)
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %+v, %v; want %+v", s, got, err, want)
		}
	}
}

func TestParseRateRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "50", "50/", "/s", "50/d", "50/S", "50/s ", " 50/s", "50 /s", "50/s/s", "-50/s", "+50/s", "0/s",
		"0.0/s", "1e3/s", "0x10/s", "Inf/s", "NaN/s", "1_000/s", ".5/s", "5./s", "1.2.3/s", "٣/s", "1000001/s",
		"50/s,burst=", "50/s,burst=0", "50/s,burst=-1", "50/s,burst=1.5", "50/s,burst=1000000001",
		"50/s,burst=2,burst=3", "50/s,Burst=2", "50/s, burst=2", "50/s;burst=2", "50/s,", "1/h,burst=1000000",
		strings.Repeat("9", 400) + "/s", "0." + strings.Repeat("0", 400) + "1/s",
	} {
		r, err := ratelimit.ParseRate(s)
		if err == nil {
			t.Errorf("ParseRate(%q) = %+v, want an error", s, r)
		} else if len(s) > 12 && strings.Contains(err.Error(), s) {
			t.Errorf("the error echoes %q", s)
		}
	}
}

func TestRateString(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]ratelimit.Rate{
		"50/s,burst=200":   {PerSecond: 50, Burst: 200},
		"30/m":             {PerSecond: 0.5, Burst: 30},
		"30/m,burst=1":     {PerSecond: 0.5, Burst: 1},
		"100/h":            {PerSecond: 100.0 / 3600, Burst: 100},
		"7/h,burst=2":      {PerSecond: 7.0 / 3600, Burst: 2},
		"18/m,burst=9":     {PerSecond: 0.3, Burst: 9},
		"0.0123/s,burst=9": {PerSecond: 0.0123, Burst: 9},
	} {
		if got := r.String(); got != want {
			t.Errorf("%+v is %q, want %q", r, got, want)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"50/s,burst=200", "30/m", "100/h", "0.5/s", "0/s", "50/s,burst=0", "1e9/s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ratelimit.ParseRate(s)
		if err != nil {
			return
		}
		if !r.Valid() {
			t.Errorf("ParseRate(%q) = %+v, which is not valid", s, r)
		}
		if again, err := ratelimit.ParseRate(r.String()); err != nil || again != r {
			t.Errorf("%q is %+v, written %q, read again %+v, %v", s, r, r, again, err)
		}
	})
}

// Over any span, a bucket admits no more than it holds and gains; and a caller
// that waits as told is admitted.
func TestSpendHoldsItsPromise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := ratelimit.Rate{
			PerSecond: rapid.Float64Range(1e-3, 1e6).Draw(t, "per second"),
			Burst:     rapid.IntRange(1, 10_000).Draw(t, "burst"),
		}
		var now, full time.Duration
		admitted := 0
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(r.Window())).Draw(t, "wait"))
			n := rapid.IntRange(0, r.Burst).Draw(t, "n")
			d, until := r.Spend(full-now, n)
			if !d.Allowed {
				if d, _ := r.Spend(full-now-d.RetryAfter, n); !d.Allowed {
					t.Fatalf("refused after the advertised wait: %+v", d)
				}
				if d, _ := r.Spend(full-now-d.RetryAfter+1, n); d.Allowed {
					t.Fatalf("admitted before the advertised wait: %+v", d)
				}
				continue
			}
			full = now + until
			admitted += n
			if most := float64(r.Burst) + now.Seconds()*r.PerSecond; float64(admitted) > most+1e-6*most {
				t.Fatalf("%d admitted in %v, want at most %v", admitted, now, most)
			}
		}
	})
}
