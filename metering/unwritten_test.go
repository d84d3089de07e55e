package metering_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

var errAway = store.Unavailable(errors.New("no connection"))

// What was used is counted although the database was away when it was told, so
// that the places of the leases go to nobody else.
func TestEndingsAreWrittenWhenTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, daily(3))
		used, returned := b.mustReserve(t, ann), b.mustReserve(t, ann)
		b.store.failWith(errAway)
		if _, err := b.Settle(t.Context(), used.ID, 1, store.OutcomeComplete); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Settle = %v, want ErrUnavailable", err)
		}
		if _, err := b.Release(t.Context(), returned.ID); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Release = %v, want ErrUnavailable", err)
		}
		<-time.After(10 * time.Second)
		if c := b.usage(t, ann, ann.Subject, store.Day); c.Used != 0 || c.Reserved != 2 {
			t.Errorf("while the database is away: %d used, %d reserved", c.Used, c.Reserved)
		}
		b.store.failWith(nil)
		<-time.After(2 * time.Second)
		synctest.Wait()
		if c := b.usage(t, ann, ann.Subject, store.Day); c.Used != 1 || c.Reserved != 0 {
			t.Errorf("when it is back: %d used, %d reserved; want 1 and 0", c.Used, c.Reserved)
		}
		b.Close()
	})
}

// Unlike the ending of a lease, what is counted after the fact has no name by
// which a second try is known: so an error means that there is no other try.
func TestCase_Q3_ACountThatFailedIsNotWrittenLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := open(t).withUser(t)
		b.grant(t, metering.NewGrant{Amount: 10})
		for _, fail := range []func(error){b.store.failWith, b.store.failEndsWith} {
			fail(errAway)
			if err := b.Count(t.Context(), ann, metering.Credits, 4); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Count = %v, want ErrUnavailable", err)
			}
			fail(nil)
			<-time.After(10 * time.Second)
			synctest.Wait()
			b.wantBalance(t, 10, 0)
		}
		if err := b.Count(t.Context(), ann, metering.Credits, 4); err != nil {
			t.Errorf("asked again: %v", err)
		}
		b.Close()
		b.wantBalance(t, 6, 0)
	})
}

func TestCase_Q4_CloseWritesTheEndingsThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, daily(3))
		r := b.mustReserve(t, ann)
		b.store.failWith(errAway)
		b.Settle(t.Context(), r.ID, 1, store.OutcomeComplete)
		synctest.Wait() // it was tried again, and waits
		b.store.failWith(nil)
		if err := b.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		b.start(t, daily(3))
		if c := b.usage(t, ann, ann.Subject, store.Day); c.Used != 1 || c.Reserved != 0 {
			t.Errorf("%d used, %d reserved; want 1 and 0", c.Used, c.Reserved)
		}

		r = b.mustReserve(t, ann)
		b.store.failWith(errAway)
		b.Settle(t.Context(), r.ID, 1, store.OutcomeComplete)
		if err := b.Close(); err == nil {
			t.Error("Close says nothing of an ending that is lost")
		}
	})
}

func TestAnEndingIsNotCancelledWithItsRequest(t *testing.T) {
	t.Parallel()
	b := open(t, daily(3))
	r := b.mustReserve(t, ann)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Settle(gone, r.ID, 1, store.OutcomeComplete); err != nil {
		t.Errorf("Settle = %v", err)
	}
	if c := b.usage(t, ann, ann.Subject, store.Day); c.Used != 1 || c.Reserved != 0 {
		t.Errorf("%d used, %d reserved; want 1 and 0", c.Used, c.Reserved)
	}
}
