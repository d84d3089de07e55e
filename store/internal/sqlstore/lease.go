package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	leaseFields = `id, subject, meter, amount, status, settled, shortfall, refunded, expires_at, created_at,
		ended_at, counters`

	leaseInsert = `INSERT INTO reservations (` + leaseFields + `)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING`
	leaseGet = `SELECT ` + leaseFields + ` FROM reservations WHERE id = ?1`
	leaseEnd = `UPDATE reservations SET settled = ?3, ended_at = ?4,
			status = CASE WHEN ?2 = 'settled' AND expires_at <= ?4 THEN 'settled_late' ELSE ?2 END
		WHERE id = ?1 AND status = 'held' RETURNING ` + leaseFields
	leaseLate   = `UPDATE reservations SET status = 'settled_late' WHERE id = ?1 AND status = 'settled'`
	leaseCounts = `UPDATE reservations SET counters = ?2 WHERE id = ?1`
	leaseShort  = `UPDATE reservations SET shortfall = ?2 WHERE id = ?1`
	leaseExtend = `UPDATE reservations SET expires_at = ?3 WHERE id = ?1 AND status = 'held' AND expires_at = ?2`
	leasePurge  = `DELETE FROM reservations WHERE id IN (
		SELECT id FROM reservations WHERE expires_at < ?1 AND ended_at < ?1
		ORDER BY expires_at LIMIT ?2) RETURNING ` + leaseFields

	holdInsert = `INSERT INTO holds (subject, meter, period, started_at, expires_at, reservation_id, amount)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`
	holdGet = `SELECT 1 FROM holds WHERE subject = ?1 AND meter = ?2 AND period = ?3
		AND started_at = ?4 AND expires_at = ?5 AND reservation_id = ?6`
	holdExtend = `UPDATE holds SET expires_at = ?7 WHERE subject = ?1 AND meter = ?2 AND period = ?3
		AND started_at = ?4 AND expires_at = ?5 AND reservation_id = ?6`
	holdDelete = `DELETE FROM holds WHERE subject = ?1 AND meter = ?2 AND period = ?3
		AND started_at = ?4 AND expires_at = ?5 AND reservation_id = ?6`
)

// lease is a reservation with what it counts against, which a settle and a
// refund must find again.
type lease struct {
	store.Reservation
	counters []counterKey
	resets   map[counterKey]int64 // how often they had been reset when they counted it
}

// holds are the counters that a lease has a row for, while it is held.
func (l lease) holds() []counterKey {
	if l.Meter == store.Credits {
		return append(slices.Clip(l.counters), balanceKey(l.Subject))
	}
	return l.counters
}

// counterText is how a counter of a lease is stored: what it shares with the
// lease is left out.
type counterText struct {
	Subject string       `json:"s,omitempty"`
	Meter   string       `json:"m,omitempty"`
	Window  store.Window `json:"w"`
	Start   int64        `json:"t"`
	Resets  int64        `json:"r,omitempty"`
}

// text is how the counters of a lease are stored.
func (l lease) text() string {
	counters := make([]counterText, len(l.counters))
	for i, k := range l.counters {
		counters[i] = counterText{Window: k.period, Start: k.start, Resets: l.resets[k]}
		if k.subject != l.Subject {
			counters[i].Subject = k.subject
		}
		if k.meter != l.Meter {
			counters[i].Meter = k.meter
		}
	}
	return text(counters)
}

func insertLease(ctx context.Context, c Conn, l lease) error {
	n, err := exec(ctx, c, leaseInsert, l.ID, l.Subject, l.Meter, l.Amount, string(l.Status), l.Settled,
		l.Shortfall, l.Refunded, micros(l.ExpiresAt), micros(l.CreatedAt), micros(l.EndedAt), l.text())
	if err == nil && n == 0 {
		return store.ErrConflict
	}
	return err
}

func scanLease(r scanner) (l lease, err error) {
	var counters []counterText
	err = r.Scan(&l.ID, &l.Subject, &l.Meter, &l.Amount, &l.Status, &l.Settled, &l.Shortfall, &l.Refunded,
		timeColumn{&l.ExpiresAt}, timeColumn{&l.CreatedAt}, timeColumn{&l.EndedAt}, jsonColumn{&counters})
	for _, k := range counters {
		key := counterKey{cmp.Or(k.Subject, l.Subject), cmp.Or(k.Meter, l.Meter), k.Window, k.Start}
		l.counters = append(l.counters, key)
		l.counted(key, k.Resets)
	}
	return l, err
}

// counted notes how often a counter of the lease had been reset.
func (l *lease) counted(k counterKey, resets int64) {
	if resets == 0 {
		return
	}
	if l.resets == nil {
		l.resets = map[counterKey]int64{}
	}
	l.resets[k] = resets
}

// place is the arguments that find the row by which a lease counts as held.
func (l lease) place(k counterKey) []any {
	return []any{k.subject, k.meter, string(k.period), k.start, micros(l.ExpiresAt), l.ID}
}

// stands reports whether a lease still has its places: none was given away at a
// time past its deadline.
func (l lease) stands(ctx context.Context, c Reader) (bool, error) {
	for _, k := range l.holds() {
		_, err := one(ctx, c, func(r scanner) (n int64, err error) { return n, r.Scan(&n) }, holdGet, l.place(k)...)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// drop removes the rows by which a lease counts as held, and reports whether all
// of them were still there.
func (l lease) drop(ctx context.Context, c Conn) (stood bool, err error) {
	stood = true
	for _, k := range l.holds() {
		n, err := exec(ctx, c, holdDelete, l.place(k)...)
		if err != nil {
			return false, err
		}
		stood = stood && n > 0
	}
	return stood, nil
}

// MeterSettle ends many leases in one transaction. All are ended before the
// first is paid for, so that balances are taken in one order.
func (q *Queries) MeterSettle(ctx context.Context, batch []store.Settle) ([]store.Reservation, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	return write(ctx, q, func(c Conn) ([]store.Reservation, error) {
		b := newCharging(c)
		ended := make([]store.Reservation, len(batch))
		var endedBefore, owed []int // indexes into batch
		var counted []lease
		for i, s := range batch {
			l, err := b.end(ctx, s)
			switch {
			case errors.Is(err, store.ErrNotFound):
				endedBefore = append(endedBefore, i)
			case err != nil:
				return nil, err
			case l.Settled > 0:
				counted = append(counted, l)
				if l.Meter == store.Credits {
					owed = append(owed, i)
				}
			}
			ended[i] = l.Reservation
		}
		if err := q.pay(ctx, b, batch, ended, owed); err != nil {
			return nil, err
		}
		for _, i := range endedBefore {
			l, err := one(ctx, c, scanLease, leaseGet, batch[i].ID)
			if err != nil {
				return nil, err
			}
			ended[i] = l.Reservation
		}
		if err := b.write(ctx); err != nil {
			return nil, err
		}
		return ended, b.noteResets(ctx, counted)
	})
}

// noteResets writes down with leases that were settled how often their counters
// had been reset by then. Hardly any was.
func (b *charging) noteResets(ctx context.Context, settled []lease) error {
	resets, err := readResets(ctx, b.conn, slices.SortedFunc(maps.Keys(b.tally.pending), compareKeys))
	if err != nil || len(resets) == 0 {
		return err
	}
	for _, l := range settled {
		for _, k := range l.counters {
			l.counted(k, resets[k])
		}
		if l.resets == nil {
			continue
		}
		if _, err := exec(ctx, b.conn, leaseCounts, l.ID, l.text()); err != nil {
			return err
		}
	}
	return nil
}

// end ends one lease that is held, and is ErrNotFound for any other.
func (b *charging) end(ctx context.Context, s store.Settle) (lease, error) {
	status, amount := store.ReservationSettled, s.Amount
	if s.Release {
		status, amount = store.ReservationReleased, 0
	}
	l, err := one(ctx, b.conn, scanLease, leaseEnd, s.ID, string(status), amount, micros(s.Now))
	if err != nil {
		return l, err
	}
	for _, k := range l.counters {
		b.tally.use(k, amount)
	}
	stood, err := l.drop(ctx, b.conn)
	if err != nil || stood || l.Status != store.ReservationSettled {
		return l, err
	}
	l.Status = store.ReservationSettledLate // its deadline passed for whoever took its place
	_, err = exec(ctx, b.conn, leaseLate, l.ID)
	return l, err
}

// pay spends what leases of credits were settled with.
func (q *Queries) pay(ctx context.Context, b *charging, batch []store.Settle, ended []store.Reservation, owed []int) error {
	users := make([]string, len(owed))
	for n, i := range owed {
		users[n] = ended[i].Subject
	}
	if err := q.lockBalances(ctx, b.conn, users...); err != nil {
		return err
	}
	for _, i := range owed {
		p, err := b.purses.of(ctx, ended[i].Subject)
		if err != nil {
			return err
		}
		short, err := b.purses.spend(ctx, p, ended[i].Settled,
			store.LedgerEntry{ReservationID: ended[i].ID, Outcome: batch[i].Outcome, CreatedAt: batch[i].Now})
		if err != nil {
			return err
		}
		if short == 0 {
			continue
		}
		ended[i].Shortfall = short
		if _, err := exec(ctx, b.conn, leaseShort, ended[i].ID, short); err != nil {
			return err
		}
	}
	return nil
}

// MeterExtend moves the deadline of a held lease.
func (q *Queries) MeterExtend(ctx context.Context, id string, now, expiresAt time.Time) (store.Reservation, error) {
	return write(ctx, q, func(c Conn) (store.Reservation, error) {
		for {
			l, err := one(ctx, c, scanLease, leaseGet, id)
			if err != nil || l.Status != store.ReservationHeld {
				return l.Reservation, err
			}
			stands, err := q.standsAt(ctx, c, l, now)
			if err != nil {
				return l.Reservation, err
			}
			if !stands {
				l.Status = store.ReservationExpired
				return l.Reservation, nil
			}
			n, err := exec(ctx, c, leaseExtend, id, micros(l.ExpiresAt), micros(expiresAt))
			if err != nil {
				return l.Reservation, err
			}
			if n > 0 { // nobody ended or extended it since it was read
				return l.moved(ctx, c, expiresAt)
			}
		}
	})
}

// standsAt reports whether a lease may be extended at a moment: it was read
// before the transaction began, and others may have decided since.
func (q *Queries) standsAt(ctx context.Context, c Conn, l lease, now time.Time) (bool, error) {
	if micros(l.ExpiresAt) <= micros(now) {
		return false, nil
	}
	if err := q.lockCounters(ctx, c, inOrder(slices.Clone(l.holds()))); err != nil {
		return false, err
	}
	return l.stands(ctx, c)
}

// moved moves the rows by which a lease counts as held to another deadline.
func (l lease) moved(ctx context.Context, c Conn, expiresAt time.Time) (store.Reservation, error) {
	for _, k := range l.holds() {
		if _, err := exec(ctx, c, holdExtend, append(l.place(k), micros(expiresAt))...); err != nil {
			return l.Reservation, err
		}
	}
	l.ExpiresAt = stored(expiresAt)
	return l.Reservation, nil
}

// MeterPurge deletes leases that no longer matter. Only one that never ended
// still has holds.
func (q *Queries) MeterPurge(ctx context.Context, before time.Time, limit int) (int, error) {
	return write(ctx, q, func(c Conn) (int, error) {
		gone, err := all(ctx, c, scanLease, leasePurge, micros(before), limit)
		if err != nil {
			return 0, err
		}
		for _, l := range gone {
			if l.Status != store.ReservationHeld {
				continue
			}
			if _, err := l.drop(ctx, c); err != nil {
				return 0, err
			}
		}
		return len(gone), nil
	})
}
