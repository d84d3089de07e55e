package metering

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// How long a lease may last before it has to be renewed.
const (
	minTTL = time.Second
	maxTTL = time.Hour
)

// Reserve holds amount units of a meter for ttl (1 s to 1 h) against every limit
// that applies to the principal, or against none. It returns the lease and the
// counters as they are then.
//
// A limit that does not admit the amount is ErrQuotaExceeded: the error names
// the limit and how long to wait for its window to end, and the counters are
// returned with it. A meter that is not declared, or an amount or ttl out of
// range, is ErrValidation. Other kinds of account than users are
// ErrInvalidToken. A cancelled ctx ends the call as long as nothing is held.
func (s *Service) Reserve(ctx context.Context, p authn.Principal, meter string, amount int64, ttl time.Duration) (store.Reservation, []store.CounterState, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return store.Reservation{}, nil, err
	}
	if err := s.admissible(p, meter, amount, ttl); err != nil {
		return store.Reservation{}, nil, err
	}
	plan, err := s.planOf(ctx, p)
	if err != nil {
		return store.Reservation{}, nil, err
	}
	now := s.now()
	result, err := s.reserves.Do(ctx, store.Reserve{
		ID:        ids.New(ids.Reservation),
		Subject:   p.Subject,
		Meter:     meter,
		Amount:    amount,
		Limits:    s.counters(p, plan, meter, now),
		Now:       now,
		ExpiresAt: now.Add(ttl),
	})
	switch {
	case err != nil:
		return store.Reservation{}, nil, verdict(ctx, err)
	case result.Refused >= 0:
		return store.Reservation{}, result.Counters, refusal(result.Counters[result.Refused], amount, now)
	default:
		return result.Reservation, result.Counters, nil
	}
}

// admissible checks a request before anything is asked of the store.
func (s *Service) admissible(p authn.Principal, meter string, amount int64, ttl time.Duration) error {
	if err := isUser(p); err != nil {
		return err
	}
	if err := s.declared(meter); err != nil {
		return err
	}
	if err := inRange(amount, 1); err != nil {
		return err
	}
	return validTTL(ttl)
}

func isUser(p authn.Principal) error {
	if p.Kind == authn.KindUser && p.Subject != "" {
		return nil
	}
	return store.Errorf(store.ErrInvalidToken, "Only users have limits. Use a user's credential.")
}

func validTTL(ttl time.Duration) error {
	if ttl >= minTTL && ttl <= maxTTL {
		return nil
	}
	return store.Invalid("ttl_seconds", "range", "must be from 1 to 3600 seconds")
}

// refusal is the error for a limit that does not admit an amount.
func refusal(c store.CounterState, amount int64, now time.Time) error {
	detail := "The limit of this " + string(c.Window) + " is used up. Wait for the next one."
	switch {
	case amount > c.Limit && c.Limit > 0:
		detail = "The amount is more than any " + string(c.Window) + " admits. Ask for less."
	case c.Remaining() > 0:
		detail = "The amount is more than is left of this " + string(c.Window) + ". Ask for less, or wait for the next one."
	}
	return &store.Error{
		Code:       store.ErrQuotaExceeded,
		Detail:     detail,
		RetryAfter: c.End.Sub(now),
		Quota: &store.QuotaRefusal{
			Meter:     c.Meter,
			Window:    c.Window,
			Limit:     c.Limit,
			Remaining: c.Remaining(),
			ResetsAt:  c.End,
		},
	}
}

// Settle ends a lease with the actual amount, 0 or more. It never fails for
// being more than was held, nor for coming after the deadline: what was used is
// counted. The first ending of a lease stands; a later one gets its answer. An
// unknown lease is ErrNotFound.
//
// The end of ctx does not cancel it. ErrUnavailable means that it is not written
// yet: it is tried again, as of now, until the database takes it or Close fails
// to write it.
func (s *Service) Settle(ctx context.Context, id string, actual int64) (store.Reservation, error) {
	if err := inRange(actual, 0); err != nil {
		return store.Reservation{}, err
	}
	return s.end(ctx, store.Settle{ID: id, Amount: actual})
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
// is; an unknown one is ErrNotFound.
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

func errNoReservation() error {
	return store.Errorf(store.ErrNotFound, "There is no such reservation.")
}
