package main

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// faults are stores that keep their books wrong.
var faults = map[string]func(store.Store) store.Store{
	"reads, then writes":  func(s store.Store) store.Store { return readsThenWrites{s} },
	"never returns":       func(s store.Store) store.Store { return neverReturns{s} },
	"spends twice":        func(s store.Store) store.Store { return spendsTwice{s} },
	"nobody can reach it": func(s store.Store) store.Store { return outOfReach{s} },
}

// readsThenWrites takes a decision and carries it out later.
type readsThenWrites struct{ store.Store }

func (s readsThenWrites) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	results := make([]store.ReserveResult, len(batch))
	for i, r := range batch {
		states, err := s.MeterUsage(ctx, r.Limits, r.Now)
		if err != nil {
			return nil, err
		}
		results[i] = store.ReserveResult{Counters: states, Refused: store.Admitted}
		for n, c := range states {
			if c.Limit != store.Unlimited && c.Remaining() < r.Amount {
				results[i].Refused = n
			}
		}
	}
	for i, r := range batch {
		if results[i].Refused != store.Admitted {
			continue
		}
		limits := r.Limits
		r.Limits = make([]store.CounterLimit, len(limits))
		for n, l := range limits {
			r.Limits[n] = l
			r.Limits[n].Limit = store.Unlimited
		}
		one, err := s.Store.MeterReserve(ctx, []store.Reserve{r})
		if err != nil {
			return nil, err
		}
		results[i] = one[0]
		for n, l := range limits {
			results[i].Counters[n].Limit = l.Limit
		}
	}
	return results, nil
}

// neverReturns forgets that leases end.
type neverReturns struct{ store.Store }

func (s neverReturns) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	for i := range batch {
		batch[i].ExpiresAt = batch[i].Now.Add(time.Hour)
	}
	return s.Store.MeterReserve(ctx, batch)
}

// spendsTwice writes a grant of its own over what was spent.
type spendsTwice struct{ store.Store }

func (s spendsTwice) MeterSettle(ctx context.Context, batch []store.Settle) ([]store.Reservation, error) {
	ended, err := s.Store.MeterSettle(ctx, batch)
	for _, r := range ended {
		if r.Meter != store.Credits || r.Settled == 0 || err != nil {
			continue
		}
		_, _, err = s.CreditGrant(ctx, store.Grant{ID: "led_again" + r.ID, UserID: r.Subject, Amount: r.Settled,
			Mode: store.GrantAdd, Source: "a fault", IdempotencyKey: r.ID, Now: r.EndedAt})
	}
	return ended, err
}

// outOfReach does not answer.
type outOfReach struct{ store.Store }

func (outOfReach) MeterUsage(context.Context, []store.CounterLimit, time.Time) ([]store.CounterState, error) {
	return nil, store.ErrUnavailable
}
