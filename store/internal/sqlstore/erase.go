package sqlstore

import (
	"context"
	"time"
)

const (
	eraseBalance = `DELETE FROM balances WHERE user_id = ?1`
	eraseUsage   = `DELETE FROM usage WHERE (subject, meter, period, started_at) IN (
		SELECT subject, meter, period, started_at FROM usage WHERE subject = ?1 LIMIT ?2)`
	eraseHolds = `DELETE FROM holds WHERE (subject, meter, period, started_at, expires_at, reservation_id) IN (
		SELECT subject, meter, period, started_at, expires_at, reservation_id FROM holds WHERE subject = ?1 LIMIT ?2)`
	eraseLedger = `DELETE FROM ledger_entries WHERE id IN (
		SELECT id FROM ledger_entries WHERE user_id = ?1 LIMIT ?2)`
	eraseLeases = `DELETE FROM reservations WHERE id IN (
		SELECT id FROM reservations WHERE expires_at >= ?2 AND created_at >= ?2 AND subject = ?1
		ORDER BY expires_at LIMIT ?3)`
)

// MeterErase deletes what is kept of a subject. The balance goes first: it is the
// sum of a ledger that from then on is no longer whole.
func (q *Queries) MeterErase(ctx context.Context, subject string, since time.Time, limit int) (int, error) {
	return write(ctx, q, func(c Conn) (int, error) {
		erased, err := exec(ctx, c, eraseBalance, subject)
		if err != nil {
			return 0, err
		}
		for _, part := range []struct {
			query string
			args  []any
		}{
			{eraseUsage, []any{subject}},
			{eraseHolds, []any{subject}},
			{eraseLedger, []any{subject}},
			{eraseLeases, []any{subject, micros(since)}},
		} {
			room := int64(limit) - erased
			if room <= 0 {
				break
			}
			n, err := exec(ctx, c, part.query, append(part.args, room)...)
			if err != nil {
				return 0, err
			}
			erased += n
		}
		return int(erased), nil
	})
}
