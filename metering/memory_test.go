package metering_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// memory is a store of plans and counters that keeps the promises of
// store.MeterStore under one lock.
type memory struct {
	store.Base

	mu      sync.Mutex
	fail    error
	gate    chan struct{} // when set, a batch of reserves waits for a token
	plans   map[string]store.Plan
	reads   int // of plans
	used    map[store.Counter]int64
	holds   map[string]held
	audit   []store.Change
	batches int
}

type held struct {
	reservation store.Reservation
	counters    []store.Counter
}

func newMemory() *memory {
	return &memory{plans: map[string]store.Plan{}, used: map[store.Counter]int64{}, holds: map[string]held{}}
}

// Append makes memory a trail too.
func (s *memory) Append(_ context.Context, _ store.Queries, c store.Change) error {
	s.audit = append(s.audit, c)
	return nil
}

func (s *memory) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	return fn(ctx, s)
}

func (s *memory) FeedAppend(context.Context, string, time.Time, []string) error { return nil }

func (s *memory) PlanGet(_ context.Context, id string) (store.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.fail != nil {
		return store.Plan{}, s.fail
	}
	p, ok := s.plans[id]
	if !ok {
		return p, store.ErrNotFound
	}
	return p, nil
}

func (s *memory) PlanInsert(_ context.Context, p store.Plan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.plans[p.ID]; ok {
		return store.ErrConflict
	}
	s.plans[p.ID] = p
	return nil
}

func (s *memory) PlanUpdate(_ context.Context, p store.Plan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans[p.ID] = p
	return nil
}

func (s *memory) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches++
	if s.fail != nil {
		return nil, s.fail
	}
	results := make([]store.ReserveResult, len(batch))
	for i, r := range batch {
		results[i] = s.reserve(r)
	}
	return results, nil
}

func (s *memory) reserve(r store.Reserve) store.ReserveResult {
	states := s.states(r.Limits, r.Now)
	refused := slices.IndexFunc(states, func(c store.CounterState) bool {
		return c.Limit != store.Unlimited && c.Used+c.Reserved+r.Amount > c.Limit
	})
	if refused >= 0 {
		return store.ReserveResult{Counters: states, Refused: refused}
	}
	h := held{reservation: store.Reservation{
		ID: r.ID, Subject: r.Subject, Meter: r.Meter, Amount: r.Amount,
		Status: store.ReservationHeld, ExpiresAt: r.ExpiresAt, CreatedAt: r.Now,
	}}
	for _, l := range r.Limits {
		h.counters = append(h.counters, l.Counter)
	}
	s.holds[r.ID] = h
	return store.ReserveResult{Reservation: h.reservation, Counters: s.states(r.Limits, r.Now), Refused: -1}
}

func (s *memory) states(limits []store.CounterLimit, now time.Time) []store.CounterState {
	states := make([]store.CounterState, len(limits))
	for i, l := range limits {
		states[i] = store.CounterState{CounterLimit: l, Used: s.used[l.Counter]}
		for _, h := range s.holds {
			if h.reservation.Status == store.ReservationHeld && h.reservation.ExpiresAt.After(now) && slices.Contains(h.counters, l.Counter) {
				states[i].Reserved += h.reservation.Amount
			}
		}
	}
	return states
}

func (s *memory) MeterSettle(_ context.Context, batch []store.Settle) ([]store.Reservation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range batch {
		if _, ok := s.holds[e.ID]; !ok {
			return nil, store.ErrNotFound
		}
	}
	out := make([]store.Reservation, len(batch))
	for i, e := range batch {
		h := s.holds[e.ID]
		if r := &h.reservation; r.Status == store.ReservationHeld {
			switch {
			case e.Release:
				r.Status = store.ReservationReleased
			case e.Now.Before(r.ExpiresAt):
				r.Status, r.Settled = store.ReservationSettled, e.Amount
			default:
				r.Status, r.Settled = store.ReservationSettledLate, e.Amount
			}
			r.EndedAt = e.Now
			for _, c := range h.counters {
				s.used[c] += r.Settled
			}
			s.holds[e.ID] = h
		}
		out[i] = h.reservation
	}
	return out, nil
}

func (s *memory) MeterExtend(_ context.Context, id string, now, expiresAt time.Time) (store.Reservation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holds[id]
	if !ok {
		return store.Reservation{}, store.ErrNotFound
	}
	if h.reservation.Status == store.ReservationHeld && now.Before(h.reservation.ExpiresAt) {
		h.reservation.ExpiresAt = expiresAt
		s.holds[id] = h
	}
	return h.reservation, nil
}

func (s *memory) MeterAdd(_ context.Context, batch []store.UsageAdd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range batch {
		for _, c := range a.Counters {
			s.used[c] += a.Amount
		}
	}
	return nil
}

func (s *memory) MeterUsage(_ context.Context, counters []store.CounterLimit, now time.Time) ([]store.CounterState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states(counters, now), nil
}
