package metering

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// RefundPeriod is how long after its end a charge can be refunded: long enough
// for somebody to complain about a month's bill. Reservations are kept a little
// longer.
const RefundPeriod = 30 * 24 * time.Hour

// Settle ends a lease with the actual amount, 0 or more. It never fails for
// being more than was held, nor for coming after the deadline: what was used is
// counted. The first ending of a lease stands; a later one gets its answer. An
// unknown lease is ErrNotFound. Credits are taken down to zero, and the rest is
// the shortfall; outcome says in the ledger how what they paid for ended, such
// as store.OutcomeComplete.
//
// The end of ctx does not cancel it. ErrUnavailable means that it is not written
// yet: it is tried again, as of now, until the database takes it or Close fails
// to write it.
func (s *Service) Settle(ctx context.Context, id string, actual int64, outcome string) (store.Reservation, error) {
	if err := inRange(actual, 0); err != nil {
		return store.Reservation{}, err
	}
	return s.end(ctx, store.Settle{ID: id, Amount: actual, Outcome: outcome})
}

// Release ends a lease and returns its units. As with Settle, the first ending
// stands.
func (s *Service) Release(ctx context.Context, id string) (store.Reservation, error) {
	return s.end(ctx, store.Settle{ID: id, Release: true})
}

func (s *Service) end(ctx context.Context, ending store.Settle) (store.Reservation, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return store.Reservation{}, err
	}
	if !ids.Is(ids.Reservation, ending.ID) {
		return store.Reservation{}, errNoReservation()
	}
	ending.Now = s.now()
	r, err := s.write(ctx, ending)
	if errors.Is(err, store.ErrUnavailable) {
		s.unwritten.add(ending)
	}
	return r, err
}

// write ends a lease, or is ErrUnavailable.
func (s *Service) write(ctx context.Context, ending store.Settle) (store.Reservation, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	r, err := s.settles.Do(ctx, ending)
	if errors.Is(err, context.DeadlineExceeded) {
		err = store.Unavailable(err)
	}
	return r, err
}

// Extend moves the deadline of a lease to ttl (1 s to 1 h) from now and returns
// it. A lease that has ended, or whose deadline has passed, is returned as it
// is, and so is one whose place was given to another while the call waited; an
// unknown one is ErrNotFound.
func (s *Service) Extend(ctx context.Context, id string, ttl time.Duration) (store.Reservation, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return store.Reservation{}, err
	}
	if err := validTTL(ttl); err != nil {
		return store.Reservation{}, err
	}
	if !ids.Is(ids.Reservation, id) {
		return store.Reservation{}, errNoReservation()
	}
	now := s.now()
	return s.cfg.Store.MeterExtend(ctx, id, now, now.Add(ttl))
}

// Refund gives back what a settled reservation was charged: its units, or its
// credits to the grants they came from. The id may also be that of credits that
// were consumed, or of a spend in the ledger. The first refund stands; a later
// one gets its answer. Units of before a reset of usage are taken from the
// history only: the reset has given them back already. A reservation that was not
// settled, or that ended longer than RefundPeriod ago, is ErrConflict, an unknown
// one ErrNotFound, as the latter becomes in time. ErrUnavailable leaves open
// whether it was refunded; asking again is harmless.
func (s *Service) Refund(ctx context.Context, id, reason string) (store.Reservation, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return store.Reservation{}, err
	}
	if !ids.Is(ids.Reservation, id) && !ids.Is(ids.Ledger, id) {
		return store.Reservation{}, errNoReservation()
	}
	now := s.now()
	r, err := s.cfg.Store.MeterRefund(ctx, store.Refund{ID: id, Reason: reason, Now: now, Since: now.Add(-RefundPeriod)})
	if errors.Is(err, store.ErrNotFound) {
		err = store.Errorf(store.ErrNotFound, "There is no such reservation, or it ended more than 30 days ago and is refunded no more.")
	}
	return r, err
}

func errNoReservation() error {
	return store.Errorf(store.ErrNotFound, "There is no such reservation.")
}
