package metering

import (
	"context"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// Count counts units after the fact, whatever the limits say; later decisions
// see them. 0 counts nothing. It is durable when Count returns. Credits are
// taken down to zero, and the rest is the shortfall in the ledger. What fails is
// not tried again by itself, so whoever asks again counts once; but for a commit
// that failed without the database saying whether it is written.
func (s *Service) Count(ctx context.Context, p authn.Principal, meter string, amount int64) error {
	if err := change.OutsideHook(ctx); err != nil {
		return err
	}
	if err := isUser(p); err != nil {
		return err
	}
	if err := s.declared(meter); err != nil {
		return err
	}
	if err := inRange(amount, 0); err != nil || amount == 0 {
		return err
	}
	if meter == Credits {
		return s.spend(ctx, p, amount)
	}
	plan, err := s.planOf(ctx, p)
	if err != nil {
		return err
	}
	limits := s.counters(p, plan, meter, s.now())
	counters := make([]store.Counter, len(limits))
	for i, l := range limits {
		counters[i] = l.Counter
	}
	_, err = s.adds.Do(ctx, store.UsageAdd{Counters: counters, Amount: amount})
	return verdict(ctx, err)
}

// spend takes credits after the fact, down to nothing: it settles a hold of
// nothing with them, which no limit and no balance refuses.
func (s *Service) spend(ctx context.Context, p authn.Principal, amount int64) error {
	plan, err := s.planOf(ctx, p)
	if err != nil {
		return err
	}
	now := s.now()
	if err := s.grantPresent(ctx, p, plan, now); err != nil {
		return err
	}
	limits := s.counters(p, plan, Credits, now)
	for i := range limits {
		limits[i].Limit = store.Unlimited
	}
	held, err := s.reserves.Do(ctx, store.Reserve{ID: ids.New(ids.Reservation), Subject: p.Subject, Meter: Credits,
		Limits: limits, Now: now, ExpiresAt: now.Add(minTTL)})
	if err != nil {
		return verdict(ctx, err)
	}
	_, err = s.write(ctx, store.Settle{ID: held.Reservation.ID, Amount: amount, Outcome: store.OutcomeComplete, Now: s.now()})
	return err
}

// Usage is what a principal has used.
type Usage struct {
	Plan     string               // the id of the plan
	Counters []store.CounterState // of each limit that applies, and of each meter's day
	Credits  store.Balance
}

// Usage returns the counters of every limit that applies to a principal, those
// of each meter's day, and the balance. A key's own limits stand under its
// family, all others under the user.
func (s *Service) Usage(ctx context.Context, p authn.Principal) (Usage, error) {
	if err := isUser(p); err != nil {
		return Usage{}, err
	}
	plan, err := s.planOf(ctx, p)
	if err != nil {
		return Usage{}, err
	}
	now := s.now()
	var counters []store.CounterLimit
	for _, meter := range s.meters {
		counters = append(counters, s.counters(p, plan, meter, now)...)
	}
	for _, c := range s.counters(p, plan, Credits, now) {
		if c.Limit != store.Unlimited { // the balance says the rest
			counters = append(counters, c)
		}
	}
	u := Usage{Plan: plan.ID}
	if u.Counters, err = s.cfg.Store.MeterUsage(ctx, counters, now); err != nil {
		return Usage{}, err
	}
	u.Credits, err = s.cfg.Store.CreditBalance(ctx, p.Subject, now)
	return u, err
}
