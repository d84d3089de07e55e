package sqlstore

import (
	"context"
	"errors"

	"github.com/usermgmt/usermgmt/store"
)

const (
	// A refund is what was charged: what the balance did not cover was not.
	leaseRefund = `UPDATE reservations SET refunded = settled - shortfall
		WHERE id = ?1 AND status IN ('settled', 'settled_late') AND refunded = 0 AND settled > shortfall
			AND ended_at >= ?2
		RETURNING ` + leaseFields
	leaseOfSpend = `SELECT reservation_id FROM ledger_entries WHERE id = ?1 AND kind = 'spend'`
	spendsOf     = `SELECT ` + entryFields + ` FROM ledger_entries
		WHERE reservation_id = ?1 AND reservation_id <> '' AND kind = 'spend' AND amount < 0 ORDER BY id`
	grantGiveBack = `UPDATE ledger_entries SET remaining = remaining + ?2 WHERE id = ?1`
)

// MeterRefund gives back what a settled lease was charged.
func (q *Queries) MeterRefund(ctx context.Context, r store.Refund) (store.Reservation, error) {
	return write(ctx, q, func(c Conn) (store.Reservation, error) {
		id, err := one(ctx, c, func(row scanner) (id string, err error) {
			err = row.Scan(&id)
			return id, err
		}, leaseOfSpend, r.ID)
		spend := err == nil
		switch {
		case errors.Is(err, store.ErrNotFound):
			id = r.ID
		case err != nil:
			return store.Reservation{}, err
		}
		l, err := one(ctx, c, scanLease, leaseRefund, id, micros(r.Since))
		if errors.Is(err, store.ErrNotFound) {
			done, err := refundedBefore(ctx, c, id)
			if spend && errors.Is(err, store.ErrNotFound) { // the ledger outlives it
				err = errTooLate()
			}
			return done, err
		}
		if err != nil {
			return l.Reservation, err
		}
		return l.Reservation, q.giveBack(ctx, c, l, r)
	})
}

// refundedBefore returns a lease as the first refund left it, or says why there
// can be none.
func refundedBefore(ctx context.Context, c Conn, id string) (store.Reservation, error) {
	l, err := one(ctx, c, scanLease, leaseGet, id)
	if err != nil {
		return l.Reservation, err
	}
	if l.Status != store.ReservationSettled && l.Status != store.ReservationSettledLate {
		return l.Reservation, store.Errorf(store.ErrConflict, "Only a reservation that was settled can be refunded.")
	}
	if l.Refunded == 0 && l.Settled > l.Shortfall {
		return l.Reservation, errTooLate()
	}
	return l.Reservation, nil
}

func errTooLate() error {
	return store.Errorf(store.ErrConflict, "It was charged too long ago to be refunded. Grant credits or reset usage instead.")
}

// giveBack returns units to the counters, and credits to the grants they came
// from: to one that has ended in the meantime only to go with it.
func (q *Queries) giveBack(ctx context.Context, c Conn, l lease, r store.Refund) error {
	for _, k := range l.counters {
		if _, err := exec(ctx, c, usageGiveBack, k.subject, k.meter, string(k.period), k.start, l.Settled, l.resets[k]); err != nil {
			return err
		}
	}
	if l.Meter != store.Credits {
		return nil
	}
	if err := q.lockBalances(ctx, c, l.Subject); err != nil {
		return err
	}
	spends, err := all(ctx, c, scanEntry, spendsOf, l.ID)
	if err != nil {
		return err
	}
	for _, s := range spends {
		if _, err := exec(ctx, c, grantGiveBack, s.GrantID, -s.Amount); err != nil {
			return err
		}
	}
	ps := newPurses(c)
	p, err := ps.of(ctx, l.Subject)
	if err != nil {
		return err
	}
	for _, s := range spends {
		if _, err := ps.enter(ctx, p, store.LedgerEntry{Kind: store.LedgerRefund, Amount: -s.Amount,
			GrantID: s.GrantID, ReservationID: l.ID, Reason: r.Reason, CreatedAt: r.Now}); err != nil {
			return err
		}
	}
	if _, err := ps.expire(ctx, p, r.Now); err != nil {
		return err
	}
	return ps.write(ctx)
}
