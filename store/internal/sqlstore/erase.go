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
	eraseSessions = `DELETE FROM sessions WHERE id IN (
		SELECT id FROM sessions WHERE subject = ?1 LIMIT ?2)`
	eraseMessages = `DELETE FROM message_logs WHERE n IN (
		SELECT n FROM message_logs WHERE user_key = ?1 AND user_id = ?2 LIMIT ?3)`
	eraseConversations = `DELETE FROM conversations WHERE n IN (
		SELECT n FROM conversations WHERE user_id = ?1 LIMIT ?2)`
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
		n, err := eraseParts(ctx, c, limit-int(erased),
			part{eraseUsage, []any{subject}},
			part{eraseHolds, []any{subject}},
			part{eraseLedger, []any{subject}},
			part{eraseLeases, []any{subject, micros(since)}},
		)
		return int(erased) + n, err
	})
}

// SessionErase deletes sessions of a subject. Their tokens go with them.
func (q *Queries) SessionErase(ctx context.Context, subject string, limit int) (int, error) {
	n, err := q.change(ctx, eraseSessions, subject, limit)
	return int(n), err
}

// MessageErase deletes what is kept of a user: a message cannot be read without
// its conversation, so that goes after them.
func (q *Queries) MessageErase(ctx context.Context, userID string, limit int) (int, error) {
	return write(ctx, q, func(c Conn) (int, error) {
		return eraseParts(ctx, c, limit,
			part{eraseMessages, []any{keyOfUser(userID), userID}},
			part{eraseConversations, []any{userID}},
		)
	})
}

// part is one statement of an erasure, whose last argument is a limit.
type part struct {
	query string
	args  []any
}

// eraseParts runs statements one after the other until the limit is reached, and
// returns how many rows went.
func eraseParts(ctx context.Context, c Conn, limit int, parts ...part) (erased int, err error) {
	for _, p := range parts {
		room := limit - erased
		if room <= 0 {
			break
		}
		n, err := exec(ctx, c, p.query, append(p.args, room)...)
		if err != nil {
			return erased, err
		}
		erased += int(n)
	}
	return erased, nil
}
