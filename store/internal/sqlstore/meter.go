package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// charging is one batch on its way: what it counted and spent so far, on top of
// what the database holds.
type charging struct {
	conn   Conn
	tally  *tally
	purses *purses
}

func newCharging(c Conn) *charging {
	return &charging{conn: c, tally: newTally(c), purses: newPurses(c)}
}

// MeterReserve decides on many leases in their order, in one transaction. What
// the batch counts at once, and what it spends, is added up first and written at
// its end, so that a counter that many members share is written once.
func (q *Queries) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	return write(ctx, q, func(c Conn) ([]store.ReserveResult, error) {
		counters := countersOf(batch)
		if err := q.lockCounters(ctx, c, counters); err != nil {
			return nil, err
		}
		b := newCharging(c)
		if err := b.tally.read(ctx, counters, earliest(batch)); err != nil {
			return nil, err
		}
		results := make([]store.ReserveResult, len(batch))
		for i, r := range batch {
			var err error
			if results[i], err = b.reserve(ctx, r); err != nil {
				return nil, err
			}
		}
		return results, b.write(ctx)
	})
}

func (b *charging) write(ctx context.Context) error {
	if err := b.tally.pending.write(ctx, b.conn); err != nil {
		return err
	}
	return b.purses.write(ctx)
}

// reserve gives the verdict on one member and remembers it where it is asked to.
func (b *charging) reserve(ctx context.Context, r store.Reserve) (store.ReserveResult, error) {
	if r.Idempotency == nil {
		return b.decide(ctx, r)
	}
	res, err := rememberedVerdict(ctx, b.conn, *r.Idempotency, r.Now)
	if !errors.Is(err, store.ErrNotFound) {
		return res, err
	}
	if res, err = b.decide(ctx, r); err == nil && res.Refused == store.Admitted {
		err = rememberVerdict(ctx, b.conn, *r.Idempotency, res, r.Now)
	}
	return res, err
}

// decide asks all limits, and the balance, before the first write.
func (b *charging) decide(ctx context.Context, r store.Reserve) (store.ReserveResult, error) {
	res := store.ReserveResult{Counters: make([]store.CounterState, len(r.Limits))}
	if err := b.check(ctx, r, &res); err != nil {
		return res, err
	}
	var err error
	if res.Refused != store.Admitted {
		if r.Consume {
			return res, nil
		}
		return res, mustBeNew(ctx, b.conn, r.ID)
	}
	if r.Consume {
		res.Reservation, err = b.consume(ctx, r)
	} else {
		res.Reservation, err = b.lease(ctx, r)
	}
	if err != nil {
		return res, err
	}
	err = b.check(ctx, r, &res) // as the counters are now
	res.Refused = store.Admitted
	return res, err
}

// check holds an amount against the counters as they are, and the balance.
func (b *charging) check(ctx context.Context, r store.Reserve, res *store.ReserveResult) error {
	res.Refused = store.Admitted
	for i, l := range r.Limits {
		n, err := b.tally.at(ctx, keyOf(l.Counter), micros(r.Now))
		if err != nil {
			return err
		}
		res.Counters[i] = store.CounterState{CounterLimit: l, Used: n.used, Reserved: n.reserved}
		if res.Refused == store.Admitted && n.over(l.Limit, r) {
			res.Refused = i
		}
	}
	if r.Meter != store.Credits {
		return nil
	}
	held, err := b.tally.at(ctx, balanceKey(r.Subject), micros(r.Now))
	if err != nil {
		return err
	}
	p, err := b.purses.of(ctx, r.Subject)
	if err != nil {
		return err
	}
	res.Balance = &store.Balance{Amount: p.at(micros(r.Now)), Reserved: held.reserved}
	if res.Refused == store.Admitted && res.Balance.Available() < r.Amount {
		res.Refused = store.RefusedByBalance
	}
	return nil
}

// consume counts an amount at once. Only one of credits leaves a row of its own,
// by which it can be refunded.
func (b *charging) consume(ctx context.Context, r store.Reserve) (store.Reservation, error) {
	done := store.Reservation{ID: r.ID, Subject: r.Subject, Meter: r.Meter, Amount: r.Amount, Settled: r.Amount,
		Status: store.ReservationSettled, ExpiresAt: stored(r.Now), CreatedAt: stored(r.Now), EndedAt: stored(r.Now)}
	l := lease{Reservation: done, counters: countersOfOne(r)}
	for _, k := range l.counters {
		b.tally.use(k, r.Amount)
	}
	if r.Meter != store.Credits {
		return done, nil
	}
	for _, k := range l.counters {
		l.counted(k, b.tally.counts[k].resets)
	}
	if err := insertLease(ctx, b.conn, l); err != nil {
		return done, err
	}
	p, err := b.purses.of(ctx, r.Subject)
	if err != nil {
		return done, err
	}
	_, err = b.purses.spend(ctx, p, r.Amount, store.LedgerEntry{ReservationID: r.ID, CreatedAt: r.Now})
	return done, err
}

// lease holds an amount until the deadline.
func (b *charging) lease(ctx context.Context, r store.Reserve) (store.Reservation, error) {
	l := lease{
		Reservation: store.Reservation{ID: r.ID, Subject: r.Subject, Meter: r.Meter, Amount: r.Amount,
			Status: store.ReservationHeld, ExpiresAt: stored(r.ExpiresAt), CreatedAt: stored(r.Now)},
		counters: countersOfOne(r),
	}
	if err := insertLease(ctx, b.conn, l); err != nil {
		return l.Reservation, err
	}
	for _, k := range l.holds() {
		if _, err := exec(ctx, b.conn, holdInsert, k.subject, k.meter, string(k.period), k.start,
			micros(l.ExpiresAt), l.ID, l.Amount); err != nil {
			return l.Reservation, err
		}
		b.tally.hold(k, l.Amount, micros(r.ExpiresAt))
	}
	return l.Reservation, nil
}

// mustBeNew is ErrConflict when a reservation has the id.
func mustBeNew(ctx context.Context, c Reader, id string) error {
	_, err := one(ctx, c, scanLease, leaseGet, id)
	switch {
	case err == nil:
		return store.ErrConflict
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

// countersOfOne returns the counters of one member, each once: two limits on one
// counter count once.
func countersOfOne(r store.Reserve) []counterKey {
	keys := make([]counterKey, 0, len(r.Limits))
	for _, l := range r.Limits {
		if k := keyOf(l.Counter); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// countersOf returns what a batch decides on, each once, in order.
func countersOf(batch []store.Reserve) []counterKey {
	keys := make([]counterKey, 0, 2*len(batch))
	for _, r := range batch {
		for _, l := range r.Limits {
			keys = append(keys, keyOf(l.Counter))
		}
		if r.Meter == store.Credits {
			keys = append(keys, balanceKey(r.Subject))
		}
	}
	return inOrder(keys)
}

// lockCounters orders transactions that change the same counters. The keys are
// in order.
func (q *Queries) lockCounters(ctx context.Context, c Conn, keys []counterKey) error {
	if q.locks.Counters == nil || len(keys) == 0 {
		return nil
	}
	counters := make([]store.Counter, len(keys))
	for i, k := range keys {
		counters[i] = k.counter()
	}
	return q.locks.Counters(ctx, c, counters)
}

// MeterUsage reads counters as they are at now, in the order given.
func (q *Queries) MeterUsage(ctx context.Context, counters []store.CounterLimit, now time.Time) ([]store.CounterState, error) {
	if len(counters) == 0 {
		return nil, nil
	}
	keys := make([]counterKey, len(counters))
	for i, l := range counters {
		keys[i] = keyOf(l.Counter)
	}
	return read(ctx, q, func(c Reader) ([]store.CounterState, error) {
		counts, err := readCounters(ctx, c, keys, micros(now))
		if err != nil {
			return nil, err
		}
		states := make([]store.CounterState, len(counters))
		for i, l := range counters {
			states[i] = store.CounterState{CounterLimit: l, Used: counts[i].used, Reserved: counts[i].reserved}
		}
		return states, nil
	})
}
