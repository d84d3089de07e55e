package metering

import (
	"context"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// Count counts units after the fact, whatever the limits say; later decisions
// see them. 0 counts nothing. It is durable when Count returns.
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

// Usage returns the id of the principal's plan and the counters of every limit
// that applies, and of each meter's day. A key's own limits stand under
// its family, all others under the user.
func (s *Service) Usage(ctx context.Context, p authn.Principal) (plan string, counters []store.CounterState, err error) {
	if err := isUser(p); err != nil {
		return "", nil, err
	}
	of, err := s.planOf(ctx, p)
	if err != nil {
		return "", nil, err
	}
	now := s.now()
	var all []store.CounterLimit
	for _, meter := range s.meters {
		all = append(all, s.counters(p, of, meter, now)...)
	}
	counters, err = s.cfg.Store.MeterUsage(ctx, all, now)
	return of.ID, counters, err
}
