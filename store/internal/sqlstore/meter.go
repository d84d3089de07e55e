package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	reservationFields = `id, subject, meter, amount, status, settled, shortfall, expires_at, created_at, ended_at`

	reservationInsert = `INSERT INTO reservations (` + reservationFields + `)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING`
	reservationGet = `SELECT ` + reservationFields + ` FROM reservations WHERE id = ?1`
	reservationEnd = `UPDATE reservations SET settled = ?3, ended_at = ?4,
			status = CASE WHEN ?2 = 'settled' AND expires_at <= ?4 THEN 'settled_late' ELSE ?2 END
		WHERE id = ?1 AND status = 'held' RETURNING ` + reservationFields
	reservationExtend = `UPDATE reservations SET expires_at = ?3
		WHERE id = ?1 AND status = 'held' AND expires_at > ?2 RETURNING ` + reservationFields

	reservationPurge = `DELETE FROM reservations WHERE id IN (
		SELECT id FROM reservations WHERE created_at < ?1 AND (status <> 'held' OR expires_at < ?1)
		ORDER BY created_at LIMIT ?2) RETURNING id, status`

	holdInsert = `INSERT INTO holds (subject, meter, period, started_at, expires_at, reservation_id, amount)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`
	holdExtend = `UPDATE holds SET expires_at = ?2 WHERE reservation_id = ?1`
	holdGet    = `SELECT subject, meter, period, started_at FROM holds WHERE reservation_id = ?1`
	holdDelete = `DELETE FROM holds WHERE reservation_id = ?1`

	usageAdd = `INSERT INTO usage (subject, meter, period, started_at, used) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (subject, meter, period, started_at) DO UPDATE SET used = usage.used + excluded.used`
)

// MeterReserve decides on many leases in their order, in one transaction.
func (q *Queries) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	return write(ctx, q, func(c Conn) ([]store.ReserveResult, error) {
		if err := q.lockCounters(ctx, c, countersOf(batch)); err != nil {
			return nil, err
		}
		t := newTally(c, earliest(batch))
		results := make([]store.ReserveResult, len(batch))
		for i, r := range batch {
			var err error
			if results[i], err = reserve(ctx, c, t, r); err != nil {
				return nil, err
			}
		}
		return results, nil
	})
}

// reserve decides on one lease: all limits first, then the first write.
func reserve(ctx context.Context, c Conn, t *tally, r store.Reserve) (store.ReserveResult, error) {
	res := store.ReserveResult{Counters: make([]store.CounterState, len(r.Limits)), Refused: -1}
	counts := make([]*count, len(r.Limits))
	for i, l := range r.Limits {
		n, err := t.at(ctx, l.Counter, micros(r.Now))
		if err != nil {
			return res, err
		}
		counts[i] = n
		res.Counters[i] = store.CounterState{CounterLimit: l, Used: n.used, Reserved: n.reserved}
		if res.Refused < 0 && l.Limit != store.Unlimited && n.used+n.reserved+r.Amount > l.Limit {
			res.Refused = i
		}
	}
	if res.Refused >= 0 {
		return res, mustBeNew(ctx, c, r.ID)
	}

	res.Reservation = store.Reservation{ID: r.ID, Subject: r.Subject, Meter: r.Meter, Amount: r.Amount,
		Status: store.ReservationHeld, ExpiresAt: stored(r.ExpiresAt), CreatedAt: stored(r.Now)}
	if err := insertReservation(ctx, c, res.Reservation); err != nil {
		return res, err
	}
	for i, l := range r.Limits {
		if slices.Contains(counts[:i], counts[i]) {
			continue // two limits on one counter count once
		}
		if err := hold(ctx, c, counts[i], l.Counter, r); err != nil {
			return res, err
		}
	}
	for i, n := range counts {
		res.Counters[i].Reserved = n.reserved
	}
	return res, nil
}

func insertReservation(ctx context.Context, c Conn, r store.Reservation) error {
	n, err := exec(ctx, c, reservationInsert, r.ID, r.Subject, r.Meter, r.Amount, string(r.Status),
		r.Settled, r.Shortfall, micros(r.ExpiresAt), micros(r.CreatedAt), micros(r.EndedAt))
	if err == nil && n == 0 {
		return store.ErrConflict
	}
	return err
}

// mustBeNew is ErrConflict when a reservation has the id.
func mustBeNew(ctx context.Context, c Reader, id string) error {
	_, err := one(ctx, c, scanReservation, reservationGet, id)
	switch {
	case err == nil:
		return store.ErrConflict
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

func scanReservation(r scanner) (v store.Reservation, err error) {
	err = r.Scan(&v.ID, &v.Subject, &v.Meter, &v.Amount, &v.Status, &v.Settled, &v.Shortfall,
		timeColumn{&v.ExpiresAt}, timeColumn{&v.CreatedAt}, timeColumn{&v.EndedAt})
	return v, err
}

// MeterSettle ends many leases in one transaction. What they used is added up
// first, so that a counter that many of them share is written once.
func (q *Queries) MeterSettle(ctx context.Context, batch []store.Settle) ([]store.Reservation, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	return write(ctx, q, func(c Conn) ([]store.Reservation, error) {
		used := usage{}
		ended := make([]store.Reservation, len(batch))
		for i, s := range batch {
			var err error
			if ended[i], err = settle(ctx, c, s, used); err != nil {
				return nil, err
			}
		}
		return ended, used.write(ctx, c)
	})
}

// settle ends one lease, or returns it as the first ending left it.
func settle(ctx context.Context, c Conn, s store.Settle, used usage) (store.Reservation, error) {
	status, amount := store.ReservationSettled, s.Amount
	if s.Release {
		status, amount = store.ReservationReleased, 0
	}
	r, err := one(ctx, c, scanReservation, reservationEnd, s.ID, string(status), amount, micros(s.Now))
	if errors.Is(err, store.ErrNotFound) {
		return one(ctx, c, scanReservation, reservationGet, s.ID)
	}
	if err != nil {
		return r, err
	}
	counters, err := all(ctx, c, scanCounter, holdGet, s.ID)
	if err != nil {
		return r, err
	}
	for _, k := range counters {
		used[k] += amount
	}
	_, err = exec(ctx, c, holdDelete, s.ID)
	return r, err
}

// MeterExtend moves the deadline of a held lease.
func (q *Queries) MeterExtend(ctx context.Context, id string, now, expiresAt time.Time) (store.Reservation, error) {
	return write(ctx, q, func(c Conn) (store.Reservation, error) {
		r, err := one(ctx, c, scanReservation, reservationExtend, id, micros(now), micros(expiresAt))
		if err == nil {
			_, err = exec(ctx, c, holdExtend, id, micros(expiresAt))
			return r, err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return r, err
		}
		r, err = one(ctx, c, scanReservation, reservationGet, id)
		if r.Status == store.ReservationHeld {
			r.Status = store.ReservationExpired
		}
		return r, err
	})
}

// MeterPurge deletes leases that no longer matter. Only one that never ended
// still has holds.
func (q *Queries) MeterPurge(ctx context.Context, before time.Time, limit int) (int, error) {
	return write(ctx, q, func(c Conn) (int, error) {
		gone, err := all(ctx, c, scanEnd, reservationPurge, micros(before), limit)
		if err != nil {
			return 0, err
		}
		for _, r := range gone {
			if r.Status != store.ReservationHeld {
				continue
			}
			if _, err := exec(ctx, c, holdDelete, r.ID); err != nil {
				return 0, err
			}
		}
		return len(gone), nil
	})
}

func scanEnd(r scanner) (v store.Reservation, err error) {
	err = r.Scan(&v.ID, &v.Status)
	return v, err
}

// MeterAdd counts units without a limit.
func (q *Queries) MeterAdd(ctx context.Context, batch []store.UsageAdd) error {
	used := usage{}
	for _, a := range batch {
		for _, k := range a.Counters {
			used[keyOf(k)] += a.Amount
		}
	}
	if len(used) == 0 {
		return nil
	}
	return q.run.Write(ctx, func(c Conn) error { return used.write(ctx, c) })
}

// MeterUsage reads counters as they are at now, in the order given.
func (q *Queries) MeterUsage(ctx context.Context, counters []store.CounterLimit, now time.Time) ([]store.CounterState, error) {
	if len(counters) == 0 {
		return nil, nil
	}
	return read(ctx, q, func(c Reader) ([]store.CounterState, error) {
		t := newTally(c, micros(now))
		states := make([]store.CounterState, len(counters))
		for i, l := range counters {
			n, err := t.at(ctx, l.Counter, micros(now))
			if err != nil {
				return nil, err
			}
			states[i] = store.CounterState{CounterLimit: l, Used: n.used, Reserved: n.reserved}
		}
		return states, nil
	})
}
