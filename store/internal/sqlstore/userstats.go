package sqlstore

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// The counters of users are kept by triggers of the schema, in the transaction
// that adds, removes or suspends one.
const (
	userTotalKept = `SELECT COALESCE(SUM(value), 0) FROM counters WHERE name IN ('users.active', 'users.suspended')`
	userCounts    = `SELECT
			COALESCE((SELECT value FROM counters WHERE name = 'users.active'), 0),
			COALESCE((SELECT value FROM counters WHERE name = 'users.suspended'), 0),
			COALESCE((SELECT value FROM counters WHERE name = 'deleted_users'), 0),
			(SELECT COUNT(*) FROM users WHERE suspension_end > 0 AND suspension_end <= ?1)`
	deletedTotalKept = `SELECT COALESCE(SUM(value), 0) FROM counters WHERE name = 'deleted_users'`
	userSignUps      = `SELECT day, users FROM sign_ups WHERE day >= ?1 AND day < ?2 AND users > 0 ORDER BY day`
	userSignIns      = `SELECT
			(SELECT COUNT(*) FROM users WHERE status = 'active' AND last_login_at >= ?1) +
			(SELECT COUNT(*) FROM users WHERE status = 'suspended' AND last_login_at >= ?1)`
	suspensionEnd = `UPDATE users SET status = 'active', suspended_reason = '', suspended_until = 0 WHERE id IN (
		SELECT id FROM users WHERE suspension_end > 0 AND suspension_end < ?1 ORDER BY suspension_end LIMIT ?2)`
)

// Counters of keys, which count the same units again, are left out.
var (
	usageDays = `SELECT meter, started_at, ` + cappedSum("counted") + ` FROM usage
		WHERE started_at >= ?1 AND started_at < ?2 AND period = 'day' AND subject >= ?3 AND subject < ?4 AND counted > 0
		GROUP BY started_at, meter ORDER BY started_at, meter`
	usageDaysOf = `SELECT meter, started_at, ` + cappedSum("counted") + ` FROM usage
		WHERE started_at >= ?1 AND started_at < ?2 AND period = 'day' AND subject >= ?3 AND subject < ?4 AND counted > 0 AND meter = ?5
		GROUP BY started_at, meter ORDER BY started_at, meter`
	usageTop = `SELECT subject, ` + cappedSum("counted") + ` AS used FROM usage
		WHERE started_at >= ?1 AND started_at < ?2 AND period = 'day' AND subject >= ?3 AND subject < ?4 AND counted > 0 AND meter = ?5
		GROUP BY subject ORDER BY used DESC, subject LIMIT ?6`
)

// UserCounts counts users and deleted ones.
func (q *Queries) UserCounts(ctx context.Context, now time.Time) (store.UserCounts, error) {
	return get(ctx, q, func(r scanner) (n store.UserCounts, err error) {
		var ended int64
		err = r.Scan(&n.Active, &n.Suspended, &n.Deleted, &ended)
		n.Active, n.Suspended = n.Active+ended, n.Suspended-ended
		return n, err
	}, userCounts, micros(now))
}

// UserSignUps returns how many users signed up on each day.
func (q *Queries) UserSignUps(ctx context.Context, from, until time.Time) ([]store.DayCount, error) {
	return read(ctx, q, func(c Reader) ([]store.DayCount, error) {
		return all(ctx, c, func(r scanner) (d store.DayCount, err error) {
			err = r.Scan(timeColumn{&d.Date}, &d.Count)
			return d, err
		}, userSignUps, micros(from), micros(until))
	})
}

// UserSignIns returns how many users last signed in at or after a time.
func (q *Queries) UserSignIns(ctx context.Context, since time.Time) (int64, error) {
	return get(ctx, q, scanInt, userSignIns, micros(since))
}

// SuspensionEnd writes down which suspensions have ended.
func (q *Queries) SuspensionEnd(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := q.change(ctx, suspensionEnd, micros(before), limit)
	return int(n), err
}

// UsageDays returns what all users together used on each day.
func (q *Queries) UsageDays(ctx context.Context, meter string, from, until time.Time) ([]store.UsagePoint, error) {
	query, args := usageDays, []any{micros(from), micros(until), ids.User, prefixEnd(ids.User)}
	if meter != "" {
		query, args = usageDaysOf, append(args, meter)
	}
	return read(ctx, q, func(c Reader) ([]store.UsagePoint, error) {
		return all(ctx, c, scanUsagePoint, query, args...)
	})
}

// UsageTop returns the users who used most of a meter.
func (q *Queries) UsageTop(ctx context.Context, meter string, from, until time.Time, limit int) ([]store.UserUsage, error) {
	return read(ctx, q, func(c Reader) ([]store.UserUsage, error) {
		return all(ctx, c, func(r scanner) (u store.UserUsage, err error) {
			err = r.Scan(&u.UserID, &u.Used)
			return u, err
		}, usageTop, micros(from), micros(until), ids.User, prefixEnd(ids.User), meter, limit)
	})
}
