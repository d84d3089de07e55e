package metering_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// An extension that waits for its turn to write has read the time before: what
// was given away meanwhile stays given away.
func TestCase_QT_01_ALeaseWhosePlaceWasGivenAwayIsNotExtended(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b, other := openIn(t, folder, daily(1)), openIn(t, folder, daily(1))
	r := b.mustReserve(t, ann)
	b.now, other.now = noon.Add(time.Minute-time.Microsecond), noon.Add(time.Minute)
	b.store.beforeExtend = func() { other.mustReserve(t, ann) }
	extended, err := b.Extend(t.Context(), r.ID, time.Minute)
	if err != nil || extended.Status != store.ReservationExpired {
		t.Errorf("Extend = %+v, %v; want an expired lease", extended, err)
	}
	b.now = other.now
	for _, instance := range []*bench{b, other} {
		if c := instance.usage(t, ann, ann.Subject, store.Day); c.Reserved != 1 {
			t.Errorf("%d are reserved of 1", c.Reserved)
		}
		if _, err := instance.reserve(t, ann); !errors.Is(err, store.ErrQuotaExceeded) {
			t.Errorf("another: %v, want ErrQuotaExceeded", err)
		}
	}
	ended, err := b.Settle(t.Context(), r.ID, 1, store.OutcomeComplete)
	if err != nil || ended.Status != store.ReservationSettledLate {
		t.Errorf("Settle = %+v, %v", ended, err)
	}
}

func TestAChargeIsRefundedForThirtyDaysAfterItsEnd(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	var charged [2]store.Reservation
	for i := range charged { // each is held for two days before it ends
		b.now = noon
		charged[i] = b.mustReserve(t, ann)
		for range 100 {
			b.now = b.now.Add(29 * time.Minute)
			if _, err := b.Extend(t.Context(), charged[i].ID, 30*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Settle(t.Context(), charged[i].ID, 1, store.OutcomeComplete); err != nil {
			t.Fatal(err)
		}
	}
	ended := b.now
	for i, row := range []struct {
		after time.Duration
		want  error
	}{{metering.RefundPeriod, nil}, {metering.RefundPeriod + time.Microsecond, store.ErrConflict}} {
		b.now = ended.Add(row.after)
		r, err := b.Refund(t.Context(), charged[i].ID, "broken")
		if !errors.Is(err, row.want) || err == nil && r.Refunded != 1 {
			t.Errorf("%v after its end: %+v, %v; want %v", row.after, r, err, row.want)
		}
	}
	if r, err := b.Refund(t.Context(), charged[0].ID, "again"); err != nil || r.Refunded != 1 {
		t.Errorf("asked again: %+v, %v", r, err)
	}
}
