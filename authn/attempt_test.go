package authn_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// measured is a Hasher without a fixed floor.
func measured(c *authn.PasswordConfig) { c.Floor = 0 }

// padded is how long an attempt takes that is padded after some time. It is the
// bubble's time, in which hashing takes none.
func padded(t *testing.T, h *authn.Hasher, spent time.Duration, schemes ...string) time.Duration {
	t.Helper()
	start := time.Now()
	try := h.Begin()
	<-time.After(spent)
	if err := try.Pad(t.Context(), schemes); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

func TestCase_EN_02_PadWaitsForTheFloor(t *testing.T) {
	t.Parallel()
	const floor = 300 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, func(c *authn.PasswordConfig) { c.Floor = floor })
		for _, spent := range []time.Duration{0, 100 * time.Millisecond, floor, time.Second} {
			if got, want := padded(t, h, spent), max(spent, floor); got != want {
				t.Errorf("after %v: answered at %v, want %v", spent, got, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), floor/3)
		defer cancel()
		start := time.Now()
		if err := h.Begin().Pad(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != floor/3 {
			t.Errorf("Pad with an ending context = %v after %v", err, time.Since(start))
		}
	})
}

// The floor is 1.25 times the slowest hash that is configured or stored.
func TestCase_EN_02_TheFloorCoversEveryStoredScheme(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, func(c *authn.PasswordConfig) { measured(c); c.BcryptCost = 6 })
		h.Takes("bcrypt:6", 80*time.Millisecond)
		h.Takes("bcrypt:4", 20*time.Millisecond)
		h.Takes("bcrypt:8", 320*time.Millisecond)
		h.Takes("argon2id:m=64,t=1,p=1", 160*time.Millisecond)
		for _, tt := range []struct {
			schemes string
			want    time.Duration
		}{
			{"", 100 * time.Millisecond},
			{"bcrypt:4 bcrypt:6", 100 * time.Millisecond},
			{"argon2id:m=64,t=1,p=1 bcrypt:4", 200 * time.Millisecond},
			{"bcrypt:4 bcrypt:8", 400 * time.Millisecond},
			{"bcrypt:99 md5", 100 * time.Millisecond}, // nobody can verify these
		} {
			if got := padded(t, h, 0, strings.Fields(tt.schemes)...); got != tt.want {
				t.Errorf("%s: %v, want %v", tt.schemes, got, tt.want)
			}
		}
	})
}

// On a machine that is busy the floor is higher by as much as hashes were slower
// before: for an attempt of any kind, whatever its own hash took.
func TestCase_EN_02_ABusyMachineRaisesTheFloor(t *testing.T) {
	t.Parallel()
	const quick = 100 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			slowdown time.Duration
			want     time.Duration // of 1.25 times 400 ms
		}{{1, 500 * time.Millisecond}, {2, time.Second}, {3, 1500 * time.Millisecond}, {3600, 2 * time.Second}} {
			h := newHasher(t, func(c *authn.PasswordConfig) { measured(c); c.BcryptCost = 6 })
			h.Takes("bcrypt:6", quick)
			h.Takes("bcrypt:8", 4*quick)
			for range 200 {
				h.Takes("bcrypt:6", quick*tt.slowdown)
			}
			if got := padded(t, h, 0, "bcrypt:8"); (got - tt.want).Abs() > time.Millisecond {
				t.Errorf("%d times as slow: answered at %v, want %v", tt.slowdown, got, tt.want)
			}
			// Those of imported hashes say nothing: the next refusals would tell
			// what an account has.
			before := padded(t, h, 0, "bcrypt:8")
			for range 200 {
				h.Takes("bcrypt:8", time.Minute)
			}
			if after := padded(t, h, 0, "bcrypt:8"); after != before {
				t.Errorf("after slow hashes of another scheme: %v, want %v", after, before)
			}
		}
	})
}

// Waiting for a turn hides nothing: the floor counts from after it.
func TestCase_EN_02_TheQueueIsNoPartOfTheFloor(t *testing.T) {
	t.Parallel()
	const floor, queued = 300 * time.Millisecond, 500 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, func(c *authn.PasswordConfig) { c.Concurrency, c.Floor = 1, floor })
		release := h.OccupySlot(t)
		var waiting sync.WaitGroup
		waiting.Go(func() {
			start := time.Now()
			try := h.Begin()
			if err := try.Pretend(t.Context(), "password"); err != nil {
				t.Error(err)
			}
			if err := try.Pad(t.Context(), nil); err != nil || time.Since(start) != floor+queued {
				t.Errorf("answered after %v, %v", time.Since(start), err)
			}
		})
		<-time.After(queued)
		release()
		waiting.Wait()
	})
}

func TestFloorIsMeasuredWhenNotGiven(t *testing.T) {
	t.Parallel()
	h := newHasher(t, measured)
	start := time.Now()
	if err := h.Begin().Pad(t.Context(), []string{"argon2id:m=4096,t=4,p=1"}); err != nil || time.Since(start) <= 0 {
		t.Errorf("Pad = %v after %v", err, time.Since(start))
	}
}

// A floor that was measured while the machine was busy does not stay: it would
// slow every refused sign-in down until the next start.
func TestFloorFallsWithTheNextHash(t *testing.T) {
	t.Parallel()
	h := newHasher(t, measured)
	h.Takes("bcrypt:4", time.Hour)
	if err := h.Begin().Pretend(t.Context(), "a quiet walk"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Begin().Pad(ctx, nil); err != nil {
		t.Errorf("after a quick hash: %v", err)
	}
}

// A refused hash that is cheaper than a configured one is followed by the work it
// lacks, of the configured algorithm.
func TestCase_EN_02_PiecesMakeUpTheWork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scheme string
		share  float64
		want   string
	}{
		{"bcrypt:12", 1, "bcrypt:12"},
		{"bcrypt:12", 0.5, "bcrypt:11"},
		{"bcrypt:12", 0.75, "bcrypt:11 bcrypt:10"},
		{"bcrypt:7", 0.87, "bcrypt:6 bcrypt:5 bcrypt:4"},
		{"bcrypt:12", 255.0 / 256, "bcrypt:11 bcrypt:10 bcrypt:9 bcrypt:8 bcrypt:7 bcrypt:6 bcrypt:5 bcrypt:4"},
		{"bcrypt:12", 0, ""},
		{"bcrypt:12", -1, ""},
		{"bcrypt:4", 0.5, ""},
		{"argon2id:m=19456,t=2,p=1", 1, "argon2id:m=19456,t=2,p=1"},
		{"argon2id:m=19456,t=2,p=1", 0.25, "argon2id:m=4864,t=2,p=1"},
		{"argon2id:m=19456,t=2,p=1", 0.0001, ""},
		{"argon2id:m=19456,t=2,p=1", -3, ""},
	} {
		if got := authn.Pieces(tt.scheme, tt.share); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%v of %s: %v, want %s", tt.share, tt.scheme, got, tt.want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		share := rapid.Float64Range(0, 0.999).Draw(rt, "share")
		work := 0
		for _, piece := range authn.Pieces("bcrypt:16", share) {
			cost, err := strconv.Atoi(strings.TrimPrefix(piece, "bcrypt:"))
			if err != nil {
				rt.Fatal(err)
			}
			work += 1 << cost
		}
		if lack := share*(1<<16) - float64(work); math.Abs(lack) > 1<<3 {
			rt.Fatalf("%v of bcrypt:16: %v too little", share, lack)
		}
	})
}

func TestNewPasswordHash(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const rest = "cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm"
	const argon2Rest = "$c29tZXNhbHRzb21lc2FsdA$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"
	for encoded, scheme := range map[string]string{
		"$2b$04$" + rest: "bcrypt:4",
		"$2y$12$" + rest: "bcrypt:12",
		"$2a$16$" + rest: "bcrypt:16",
		"$argon2id$v=19$m=19456,t=2,p=1" + argon2Rest: "argon2id:m=19456,t=2,p=1",
	} {
		got, err := authn.NewPasswordHash("usr_1", encoded, at)
		if want := (store.PasswordHash{Subject: "usr_1", Hash: encoded, Scheme: scheme, UpdatedAt: at}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", encoded, got, err)
		}
		if !authn.RecognizesScheme(scheme) {
			t.Errorf("%s is not read back", scheme)
		}
	}
	for _, encoded := range []string{"", "nothing", "$2x$04$" + rest, "$2b$17$" + rest, "$2b$31$" + rest, "$argon2id$v=19$m=2097152,t=1,p=1" + argon2Rest} {
		_, err := authn.NewPasswordHash("usr_1", encoded, at)
		if !errors.Is(err, store.ErrValidation) || encoded != "" && strings.Contains(err.Error(), encoded) {
			t.Errorf("%q: %v, want a validation error that does not repeat it", encoded, err)
		}
	}
	for _, text := range []string{"", "bcrypt:3", "bcrypt:17", "bcrypt:012", "bcrypt:12 ", "argon2id:m=1,t=1,p=1", "argon2id:m=64,t=1,p=1,x=2", "md5"} {
		if authn.RecognizesScheme(text) {
			t.Errorf("%q is recognised as a scheme", text)
		}
	}
}

// A password that bcrypt would not read whole costs an unknown name as much as
// a known one: which algorithm could store it says nothing about a stored hash.
func TestCase_EN_02_LongPasswordsCostTheSame(t *testing.T) {
	t.Parallel()
	h := newHasher(t, func(c *authn.PasswordConfig) {
		c.BcryptCost, c.Argon2, c.Concurrency, c.Queue = 4, authn.Argon2Params{Memory: 256 << 10, Time: 4, Parallelism: 1}, 1, 1
	})
	if err := h.Begin().Pretend(t.Context(), strings.Repeat("long ", 20)); err != nil {
		t.Fatal(err)
	}
	if h.Met("argon2id:m=262144,t=4,p=1") || !h.Met("bcrypt:4") {
		t.Error("an unknown name costs what a long password would")
	}
}
