package sqlstore

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// A key counts until no attempt was made for a whole window, so that no window,
// wherever it begins, holds more attempts than the limit. While it is locked,
// attempts move neither the lock nor the end, unless these are further ahead
// than two windows (?6): then a clock that was wrong has set them, and they are
// a window from now.
const (
	signInAttempt = `INSERT INTO sign_in_failures (key, count, expires_at, locked_until) VALUES (?1, 1, ?3, ?4)
		ON CONFLICT (key) DO UPDATE SET
			count = CASE WHEN sign_in_failures.expires_at <= ?2 THEN 1 ELSE sign_in_failures.count + 1 END,
			locked_until = CASE
				WHEN sign_in_failures.locked_until > ?6 THEN ?3
				WHEN sign_in_failures.locked_until > ?2 THEN sign_in_failures.locked_until
				WHEN sign_in_failures.expires_at <= ?2 THEN ?4
				WHEN sign_in_failures.count >= ?5 THEN ?3
				ELSE 0 END,
			expires_at = CASE
				WHEN sign_in_failures.expires_at > ?6 THEN ?3
				WHEN sign_in_failures.locked_until > ?2 THEN sign_in_failures.locked_until
				WHEN sign_in_failures.expires_at > ?3 THEN sign_in_failures.expires_at
				ELSE ?3 END
		RETURNING count, locked_until`
	signInClear   = `DELETE FROM sign_in_failures WHERE key = ?1`
	signInForgive = `UPDATE sign_in_failures SET count = count - 1 WHERE key = ?1 AND count > 0 AND locked_until = 0`
	signInUnlock  = `DELETE FROM sign_in_failures WHERE key = ?1 OR key >= ?2 AND key < ?3`
	signInPurge   = `DELETE FROM sign_in_failures WHERE key IN (
		SELECT key FROM sign_in_failures WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)`

	knownDevicePut = `INSERT INTO known_devices (subject, address, seen_at) VALUES (?1, ?2, ?3)
		ON CONFLICT (subject, address) DO UPDATE SET seen_at = excluded.seen_at
		WHERE excluded.seen_at > known_devices.seen_at`
	knownDeviceSince  = `SELECT COUNT(*) FROM known_devices WHERE subject = ?1 AND address = ?2 AND seen_at >= ?3`
	knownDeviceDelete = `DELETE FROM known_devices WHERE subject = ?1`
	knownDevicePurge  = `DELETE FROM known_devices WHERE (subject, address) IN (
		SELECT subject, address FROM known_devices WHERE seen_at < ?1 ORDER BY seen_at LIMIT ?2)`
)

// SignInAttempt counts one attempt under key, in one statement.
func (q *Queries) SignInAttempt(ctx context.Context, key string, rule store.SignInRule, now time.Time) (store.SignInFailures, error) {
	until, wrong := micros(now.Add(rule.Window)), micros(now.Add(2*rule.Window))
	var first int64 // the lock that the first attempt of a window sets: none
	if rule.Limit < 1 {
		first = until
	}
	return write(ctx, q, func(c Conn) (store.SignInFailures, error) {
		return one(ctx, c, func(r scanner) (f store.SignInFailures, err error) {
			err = r.Scan(&f.Count, timeColumn{&f.LockedUntil})
			return f, err
		}, signInAttempt, key, micros(now), until, first, rule.Limit, wrong)
	})
}

// SignInClear forgets the attempts under a key.
func (q *Queries) SignInClear(ctx context.Context, key string) error {
	_, err := q.change(ctx, signInClear, key)
	return err
}

// SignInForgive takes back one attempt under a key.
func (q *Queries) SignInForgive(ctx context.Context, key string) error {
	_, err := q.change(ctx, signInForgive, key)
	return err
}

func locksText(n int) string {
	return `SELECT key, locked_until FROM sign_in_failures WHERE locked_until > ?1 AND key IN (` + tuples("?", n, 2) + `)`
}

// SignInLocks returns until when those keys are locked that are.
func (q *Queries) SignInLocks(ctx context.Context, keys []string, now time.Time) (map[string]time.Time, error) {
	return readMap(ctx, q, locksText, micros(now), keys, func(r scanner) (key string, until time.Time, err error) {
		err = r.Scan(&key, timeColumn{&until})
		return key, until, err
	})
}

// SignInUnlock forgets the attempts under a key and under those that begin with
// a prefix.
func (q *Queries) SignInUnlock(ctx context.Context, key, prefix string) (int, error) {
	n, err := q.change(ctx, signInUnlock, key, prefix, prefixEnd(prefix))
	return int(n), err
}

// SignInPurge deletes keys that no longer count at now.
func (q *Queries) SignInPurge(ctx context.Context, now time.Time, limit int) (int, error) {
	n, err := q.change(ctx, signInPurge, micros(now), limit)
	return int(n), err
}

// KnownDevicePut inserts or refreshes a device.
func (q *Queries) KnownDevicePut(ctx context.Context, d store.KnownDevice) error {
	_, err := q.change(ctx, knownDevicePut, d.Subject, d.Address, micros(d.At))
	return err
}

// KnownDeviceSince reports whether a device was seen at or after a time.
func (q *Queries) KnownDeviceSince(ctx context.Context, subject, address string, since time.Time) (bool, error) {
	n, err := get(ctx, q, scanInt, knownDeviceSince, subject, address, micros(since))
	return n > 0, err
}

// KnownDeviceDelete forgets the devices of a subject.
func (q *Queries) KnownDeviceDelete(ctx context.Context, subject string) error {
	_, err := q.change(ctx, knownDeviceDelete, subject)
	return err
}

// KnownDevicePurge deletes devices last seen before a time.
func (q *Queries) KnownDevicePurge(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := q.change(ctx, knownDevicePurge, micros(before), limit)
	return int(n), err
}
