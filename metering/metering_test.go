package metering_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 9, 12, 0, 0, 0, time.UTC)

// bench is a service under test, with what it stands on.
type bench struct {
	*metering.Service
	store    *tap
	trail    trail
	versions *version.Table
	now      time.Time
}

// open makes a service whose default plan has the given limits.
func open(t testing.TB, limits ...store.Limit) *bench {
	t.Helper()
	return openIn(t, t.TempDir(), limits...)
}

// openIn does so on the database of a folder, as one of several instances.
func openIn(t testing.TB, folder string, limits ...store.Limit) *bench {
	t.Helper()
	b := &bench{store: openStore(t, folder), versions: version.New(), now: noon}
	b.start(t, limits...)
	if err := b.EnsureDefaultPlan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// start makes another service over the same store.
func (b *bench) start(t testing.TB, limits ...store.Limit) {
	t.Helper()
	clock := func() time.Time { return b.now }
	service, err := metering.New(metering.Config{
		Store:       b.store,
		Door:        change.NewDoor(change.Config{Store: b.store, Trail: &b.trail, Versions: b.versions, Origin: "a", Clock: clock}),
		Versions:    b.versions,
		Clock:       clock,
		Meters:      []metering.Meter{{Name: "tokens"}},
		DefaultPlan: store.Plan{ID: "free", Name: "Free", Limits: limits},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	b.Service = service
}

func daily(n int64) store.Limit {
	return store.Limit{Meter: metering.Conversations, Window: store.Day, Limit: n}
}

var ann = authn.Principal{Subject: "usr_ann", Kind: authn.KindUser, Plan: "free"}

// withKey is ann through a key of a family that has limits of its own.
func withKey(family string, limits ...store.Limit) authn.Principal {
	p := ann
	p.KeyID, p.KeyFamily, p.Limits = "key_"+family, "kfm_"+family, limits
	return p
}

// reserve holds one conversation for a minute.
func (b *bench) reserve(t *testing.T, p authn.Principal) (store.Reservation, error) {
	t.Helper()
	r, _, err := b.Reserve(t.Context(), p, metering.Conversations, 1, time.Minute)
	return r, err
}

func (b *bench) mustReserve(t *testing.T, p authn.Principal) store.Reservation {
	t.Helper()
	r, err := b.reserve(t, p)
	if err != nil {
		t.Fatalf("Reserve: %v", err)
	}
	return r
}

// usage returns the counter of a window under a subject.
func (b *bench) usage(t *testing.T, p authn.Principal, subject string, w store.Window) store.CounterState {
	t.Helper()
	used, err := b.Usage(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range used.Counters {
		if c.Subject == subject && c.Meter == metering.Conversations && c.Window == w {
			return c
		}
	}
	t.Fatalf("there is no counter for the %s of %s", w, subject)
	return store.CounterState{}
}

func TestCase_QT_01_ExactlyTheLimitIsAdmitted(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	instances := []*bench{openIn(t, folder, daily(100)), openIn(t, folder, daily(100)), openIn(t, folder, daily(100))}
	var admitted, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 900 {
		wg.Go(func() {
			switch _, err := instances[i%len(instances)].reserve(t, ann); {
			case err == nil:
				admitted.Add(1)
			case errors.Is(err, store.ErrQuotaExceeded):
				refused.Add(1)
			default:
				t.Errorf("Reserve: %v", err)
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 100 || refused.Load() != 800 {
		t.Errorf("%d admitted, %d refused; want 100 and 800", admitted.Load(), refused.Load())
	}
	if left := instances[0].usage(t, ann, "usr_ann", store.Day).Remaining(); left != 0 {
		t.Errorf("%d remain, want 0", left)
	}
}

// Leases that are settled, returned and left to run out by many callers at once
// leave the books right: what is used is what was settled.
func TestTheBooksAreRight(t *testing.T) {
	t.Parallel()
	b := open(t, daily(40))
	var settled, held atomic.Int64
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			r, err := b.reserve(t, ann)
			if err != nil {
				return
			}
			switch i % 3 {
			case 0:
				_, err = b.Settle(t.Context(), r.ID, 1, store.OutcomeComplete)
				settled.Add(1)
			case 1:
				_, err = b.Release(t.Context(), r.ID)
			default:
				held.Add(1)
			}
			if err != nil {
				t.Errorf("ending: %v", err)
			}
		})
	}
	wg.Wait()
	c := b.usage(t, ann, ann.Subject, store.Day)
	if c.Used != settled.Load() || c.Reserved != held.Load() || c.Used+c.Reserved > 40 {
		t.Errorf("the counter is %+v; %d were settled and %d are held", c, settled.Load(), held.Load())
	}
	b.now = noon.Add(time.Hour)
	if c := b.usage(t, ann, ann.Subject, store.Day); c.Used != settled.Load() || c.Reserved != 0 {
		t.Errorf("after the deadlines the counter is %+v; %d were settled", c, settled.Load())
	}
}

func TestARefusalSaysWhichLimitAndHowLong(t *testing.T) {
	t.Parallel()
	b := open(t, daily(5), store.Limit{Meter: metering.Conversations, Window: store.Month, Limit: 2})
	b.mustReserve(t, ann)
	_, counters, err := b.Reserve(t.Context(), ann, metering.Conversations, 2, time.Minute)
	e, ok := errors.AsType[*store.Error](err)
	if !ok || e.Code != store.ErrQuotaExceeded {
		t.Fatalf("Reserve = %v, want ErrQuotaExceeded", err)
	}
	february := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	want := store.QuotaRefusal{Meter: metering.Conversations, Window: store.Month, Limit: 2, Remaining: 1, ResetsAt: february}
	if *e.Quota != want {
		t.Errorf("the refusal is by %+v, want %+v", *e.Quota, want)
	}
	if wait := february.Sub(noon); e.RetryAfter != wait {
		t.Errorf("RetryAfter is %v, want %v", e.RetryAfter, wait)
	}
	if len(counters) != 2 || counters[0].Remaining() != 4 || counters[1].Remaining() != 1 {
		t.Errorf("the counters are %+v", counters)
	}
}

func TestCase_QT_04_Q2_AllLimitsHoldAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t, daily(50))
	first, second := withKey("a", daily(30)), withKey("b", daily(40))
	var admitted [2]atomic.Int64
	var wg sync.WaitGroup
	for i, p := range []authn.Principal{first, second} {
		for range 100 {
			wg.Go(func() {
				if _, err := b.reserve(t, p); err == nil {
					admitted[i].Add(1)
				}
			})
		}
	}
	wg.Wait()
	a, c := admitted[0].Load(), admitted[1].Load()
	if a > 30 || c > 40 || a+c != 50 {
		t.Errorf("%d and %d admitted, want at most 30 and 40 and 50 together", a, c)
	}
	// What the user's limit refused has not used up the keys' own.
	for i, family := range []string{"kfm_a", "kfm_b"} {
		p := []authn.Principal{first, second}[i]
		if got := b.usage(t, p, family, store.Day).Reserved; got != admitted[i].Load() {
			t.Errorf("%s holds %d, want the %d admitted", family, got, admitted[i].Load())
		}
	}
}

func TestCase_Q11_AFamilySharesItsLimit(t *testing.T) {
	t.Parallel()
	b := open(t)
	before := withKey("a", daily(1))
	b.mustReserve(t, before)
	after := before
	after.KeyID = "key_rotated"
	if _, err := b.reserve(t, after); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("the rotated key: %v, want ErrQuotaExceeded", err)
	}
}

func TestCase_QT_12_R6_ANewDayGivesTheLimitOnce(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	p := ann
	p.Zone = store.Zone{Name: "America/New_York"}
	for range 10 {
		if _, err := b.Settle(t.Context(), b.mustReserve(t, p).ID, 1, store.OutcomeComplete); err != nil {
			t.Fatal(err)
		}
	}
	midnight := time.Date(2026, 1, 10, 5, 0, 0, 0, time.UTC)
	b.now = midnight.Add(-time.Second)
	if _, err := b.reserve(t, p); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("before midnight: %v, want ErrQuotaExceeded", err)
	}
	b.now = midnight
	if left := b.usage(t, p, p.Subject, store.Day).Remaining(); left != 10 {
		t.Errorf("R6: at midnight %d remain, want 10", left)
	}
	for i := range 11 {
		if _, err := b.reserve(t, p); (err == nil) != (i < 10) {
			t.Errorf("reserve %d of the new day: %v", i+1, err)
		}
	}
	// A clock that is set back finds the old day used up.
	b.now = noon
	if _, err := b.reserve(t, p); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("the old day again: %v, want ErrQuotaExceeded", err)
	}
}

func TestCase_Q5_ALeasePastItsDeadlineIsReturned(t *testing.T) {
	t.Parallel()
	b := open(t, daily(1))
	b.mustReserve(t, ann)
	b.now = noon.Add(time.Minute - time.Microsecond)
	if _, err := b.reserve(t, ann); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Fatalf("before the deadline: %v, want ErrQuotaExceeded", err)
	}
	b.now = noon.Add(time.Minute)
	b.mustReserve(t, ann)
}

func TestCase_QT_09_TheFirstEndingStands(t *testing.T) {
	t.Parallel()
	b := open(t)
	for range 100 {
		r := b.mustReserve(t, ann)
		var answers [4]store.Reservation
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				var err error
				if i%2 == 0 {
					answers[i], err = b.Settle(t.Context(), r.ID, int64(i), store.OutcomeComplete)
				} else {
					answers[i], err = b.Release(t.Context(), r.ID)
				}
				if err != nil {
					t.Errorf("ending %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		for _, a := range answers[1:] {
			if a != answers[0] {
				t.Fatalf("two endings: %+v and %+v", answers[0], a)
			}
		}
	}
}

func TestSettleCountsTheActualAmount(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	for _, row := range []struct {
		name   string
		wait   time.Duration
		actual int64
		status store.ReservationStatus
		used   int64
	}{
		{"less", 0, 0, store.ReservationSettled, 0},
		{"as held", 0, 1, store.ReservationSettled, 1},
		{"late", time.Hour, 4, store.ReservationSettledLate, 5},
		{"more than the limit", 0, 50, store.ReservationSettled, 55},
	} {
		r := b.mustReserve(t, ann)
		b.now = b.now.Add(row.wait)
		got, err := b.Settle(t.Context(), r.ID, row.actual, store.OutcomeComplete)
		if err != nil || got.Status != row.status || got.Settled != row.actual {
			t.Errorf("%s: Settle = %+v, %v", row.name, got, err)
		}
		if c := b.usage(t, ann, ann.Subject, store.Day); c.Used != row.used || c.Reserved != 0 || c.Remaining() < 0 {
			t.Errorf("%s: the counter is %+v, want %d used", row.name, c, row.used)
		}
	}
}

func TestExtendKeepsALease(t *testing.T) {
	t.Parallel()
	b := open(t, daily(1))
	r := b.mustReserve(t, ann)
	b.now = noon.Add(40 * time.Second)
	r, err := b.Extend(t.Context(), r.ID, time.Minute)
	if err != nil || !r.ExpiresAt.Equal(noon.Add(100*time.Second)) {
		t.Fatalf("Extend = %+v, %v", r, err)
	}
	b.now = noon.Add(90 * time.Second)
	if _, err := b.reserve(t, ann); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("after the first deadline: %v, want ErrQuotaExceeded", err)
	}
}

func TestCountKnowsNoLimit(t *testing.T) {
	t.Parallel()
	b := open(t, daily(2))
	for _, amount := range []int64{0, 5} {
		if err := b.Count(t.Context(), withKey("a", daily(1)), metering.Conversations, amount); err != nil {
			t.Fatalf("Count(%d) = %v", amount, err)
		}
	}
	for _, subject := range []string{ann.Subject, "kfm_a"} {
		if c := b.usage(t, withKey("a", daily(1)), subject, store.Day); c.Used != 5 || c.Remaining() != 0 {
			t.Errorf("the counter of %s is %+v, want 5 used", subject, c)
		}
	}
}

func TestUsageShowsWhatIsNotLimitedToo(t *testing.T) {
	t.Parallel()
	b := open(t, store.Limit{Meter: "tokens", Window: store.Week, Limit: 10})
	b.mustReserve(t, ann)
	used, err := b.Usage(t.Context(), ann)
	if err != nil || used.Plan != "free" {
		t.Fatalf("Usage = %q, %v", used.Plan, err)
	}
	var got []string
	for _, c := range used.Counters {
		got = append(got, c.Meter+"-"+string(c.Window))
	}
	if want := "conversations-day tokens-week tokens-day"; strings.Join(got, " ") != want {
		t.Errorf("counters are %v, want %s", got, want)
	}
	if day := used.Counters[0]; day.Limit != store.Unlimited || day.Reserved != 1 {
		t.Errorf("the day's conversations are %+v", day)
	}
}

func TestCase_QT_05_WhatIsOutOfRange(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	for name, call := range map[string]func() error{
		"amount 0":      func() error { _, _, err := b.Reserve(t.Context(), ann, "tokens", 0, time.Minute); return err },
		"amount -1":     func() error { _, _, err := b.Reserve(t.Context(), ann, "tokens", -1, time.Minute); return err },
		"amount 2^53":   func() error { _, _, err := b.Reserve(t.Context(), ann, "tokens", 1<<53, time.Minute); return err },
		"ttl 0":         func() error { _, _, err := b.Reserve(t.Context(), ann, "tokens", 1, 0); return err },
		"ttl over 1 h":  func() error { _, _, err := b.Reserve(t.Context(), ann, "tokens", 1, time.Hour+1); return err },
		"no such meter": func() error { _, _, err := b.Reserve(t.Context(), ann, "pictures", 1, time.Minute); return err },
		"settle -1": func() error {
			_, err := b.Settle(t.Context(), ids.New(ids.Reservation), -1, store.OutcomeComplete)
			return err
		},
		"settle 2^53": func() error {
			_, err := b.Settle(t.Context(), ids.New(ids.Reservation), 1<<53, store.OutcomeComplete)
			return err
		},
		"extend by 0":    func() error { _, err := b.Extend(t.Context(), ids.New(ids.Reservation), 0); return err },
		"count -1":       func() error { return b.Count(t.Context(), ann, "tokens", -1) },
		"count 2^53":     func() error { return b.Count(t.Context(), ann, "tokens", 1<<53) },
		"count no meter": func() error { return b.Count(t.Context(), ann, "pictures", 1) },
	} {
		if err := call(); !errors.Is(err, store.ErrValidation) {
			t.Errorf("%s: %v, want ErrValidation", name, err)
		}
	}
	for _, id := range []string{"", "res_", ids.New(ids.User), ids.New(ids.Reservation)} {
		if _, err := b.Settle(t.Context(), id, 1, store.OutcomeComplete); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Settle(%q) = %v, want ErrNotFound", id, err)
		}
		if _, err := b.Extend(t.Context(), id, time.Minute); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Extend(%q) = %v, want ErrNotFound", id, err)
		}
	}
}

func TestCase_QT_20_OnlyUsersAreMetered(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	for _, kind := range []authn.Kind{authn.KindAdmin, authn.KindStaff, authn.KindService, ""} {
		p := authn.Principal{Subject: "adm_1", Kind: kind, Plan: "free"}
		if _, err := b.reserve(t, p); !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("Reserve by %q = %v, want ErrInvalidToken", kind, err)
		}
		if err := b.Count(t.Context(), p, "tokens", 1); !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("Count by %q = %v, want ErrInvalidToken", kind, err)
		}
		if _, err := b.Usage(t.Context(), p); !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("Usage of %q = %v, want ErrInvalidToken", kind, err)
		}
	}
}

func TestCase_Q9_WithoutAPlanNothingIsAdmitted(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	p := ann
	p.Plan = "gone"
	if _, err := b.reserve(t, p); store.CodeOf(err) != store.ErrInternal {
		t.Errorf("a plan that does not exist: %v, want ErrInternal", err)
	}
	b.store.failWith(store.Unavailable(errors.New("no connection")))
	p.Plan = "other"
	if _, err := b.reserve(t, p); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a plan that cannot be read: %v, want ErrUnavailable", err)
	}
	if _, err := b.reserve(t, ann); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a count that cannot be written: %v, want ErrUnavailable", err)
	}
}

func TestAStoreThatHangsIsUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, daily(10))
		b.store.gate = make(chan struct{})
		if _, err := b.reserve(t, ann); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Reserve = %v, want ErrUnavailable", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := b.Reserve(ctx, ann, metering.Conversations, 1, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a deadline of the caller's: %v, want his context's error", err)
		}
		b.Close()
	})
}

func TestCallersShareTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, daily(1000))
		b.store.gate = make(chan struct{})
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { b.mustReserve(t, ann) })
		}
		synctest.Wait()
		close(b.store.gate)
		wg.Wait()
		if b.store.batches > 2 {
			t.Errorf("%d transactions for 200 requests at once", b.store.batches)
		}
		b.Close()
	})
}

func TestAfterClose(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	r := b.mustReserve(t, ann)
	if err := cmp.Or(b.Close(), b.Close()); err != nil {
		t.Errorf("Close = %v", err)
	}
	_, err := b.reserve(t, ann)
	_, ended := b.Settle(t.Context(), r.ID, 1, store.OutcomeComplete)
	for _, err := range []error{err, ended, b.Count(t.Context(), ann, "tokens", 1)} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	}
}
