package metering_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

var helper = store.Actor{Kind: store.ActorStaff, ID: "stf_1"}

// within grants under a ceiling of the day.
func (b *bench) within(t *testing.T, by store.Actor, ceiling, amount int64, key string) (replayed bool, err error) {
	t.Helper()
	in := metering.NewGrant{Amount: amount, Reason: "test", DayCeiling: &ceiling}
	if key != "" {
		in.Idempotency = &store.Idempotency{Caller: by.ID, Route: "grant", Key: key}
	}
	_, replayed, err = b.GrantCredits(t.Context(), by, ann.Subject, in)
	return replayed, err
}

// Of 50 grants at once by one member of staff, on two instances, no more are
// given than the ceiling of the day, and as many as fit. The ledger and the trail
// have those and no others.
func TestGrantsOfADayStayWithinTheCeiling(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := openIn(t, folder).withUser(t)
	instances := []*bench{first, openIn(t, folder)}
	var given, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			switch _, err := instances[i%2].within(t, helper, 100, 7, fmt.Sprint(i)); {
			case err == nil:
				given.Add(1)
			case errors.Is(err, store.ErrCeilingExceeded):
				refused.Add(1)
			default:
				t.Errorf("GrantCredits: %v", err)
			}
		})
	}
	wg.Wait()
	if given.Load() != 14 || refused.Load() != 36 {
		t.Errorf("%d given, %d refused; want 14 and 36", given.Load(), refused.Load())
	}
	first.wantBalance(t, 14*7, 0)
	if n := len(first.ledger(t)); n != 14 {
		t.Errorf("the ledger has %d entries", n)
	}
	if _, err := first.within(t, helper, 100, 2, ""); err != nil {
		t.Errorf("what is left: %v", err)
	}
	if _, err := first.within(t, helper, 100, 1, ""); !errors.Is(err, store.ErrCeilingExceeded) {
		t.Errorf("one more: %v, want ErrCeilingExceeded", err)
	}
}

func TestCeilingsCountByActorAndDay(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	want := func(what string, err error, code store.Code) {
		t.Helper()
		if store.CodeOf(err) != code {
			t.Errorf("%s: %v, want %q", what, err, code)
		}
	}
	grant := func(by store.Actor, ceiling, amount int64, key string) error {
		t.Helper()
		_, err := b.within(t, by, ceiling, amount, key)
		return err
	}
	want("all of it", grant(helper, 10, 10, "a"), "")
	want("one more", grant(helper, 10, 1, "b"), store.ErrCeilingExceeded)
	if replayed, err := b.within(t, helper, 10, 10, "a"); !replayed || err != nil {
		t.Errorf("a repeat: %v, %v", replayed, err)
	}
	want("a refused one, asked again, is not remembered", grant(helper, 11, 1, "b"), "")
	want("a lower ceiling", grant(helper, 5, 1, "c"), store.ErrCeilingExceeded)
	want("somebody else", grant(store.Actor{Kind: store.ActorStaff, ID: "stf_2"}, 10, 10, "d"), "")
	want("no ceiling at all", grant(helper, 0, 1, "e"), store.ErrCeilingExceeded)
	b.grant(t, metering.NewGrant{Amount: 1000}) // by an admin, who has none

	// A grant that fails otherwise does not count.
	other := store.Actor{Kind: store.ActorStaff, ID: "stf_3"}
	past, ceiling := noon.Add(-time.Hour), int64(10)
	_, _, err := b.GrantCredits(t.Context(), other, ann.Subject, metering.NewGrant{Amount: 10, Reason: "x", ExpiresAt: past, DayCeiling: &ceiling})
	want("one that has ended", err, store.ErrValidation)
	_, _, err = b.GrantCredits(t.Context(), other, "usr_nobody", metering.NewGrant{Amount: 10, Reason: "x", DayCeiling: &ceiling})
	want("a user who is not there", err, store.ErrNotFound)
	once := metering.NewGrant{Amount: 10, Reason: "x", Key: "order-1", DayCeiling: &ceiling}
	for range 2 {
		_, _, err = b.GrantCredits(t.Context(), other, ann.Subject, once)
		want("once for an order", err, "")
	}

	// The day is that of UTC, whatever the zone of the user is.
	b.now = time.Date(2026, 1, 9, 23, 59, 59, 999_999_000, time.UTC)
	want("just before midnight", grant(helper, 10, 10, ""), store.ErrCeilingExceeded)
	b.now = b.now.Add(time.Microsecond)
	want("at midnight", grant(helper, 10, 10, ""), "")
	want("after it", grant(helper, 10, 1, ""), store.ErrCeilingExceeded)

	// What staff granted is no usage of the user's.
	u, err := b.Usage(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range u.Counters {
		if c.Used != 0 {
			t.Errorf("a grant counts as usage: %+v", c)
		}
	}
}
