package sqlstore

import (
	"context"
	"math"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// Rows leave the feed from its oldest on and without a gap, so that a follower
// sees from the oldest id alone whether it missed any. The largest id that
// left is kept, for the feed may become empty.
const (
	feedAppend = `INSERT INTO change_feed (key, origin, at) VALUES (?1, ?2, ?3)`
	feedAfter  = `SELECT id, key, origin, at FROM change_feed WHERE id > ?1 ORDER BY id LIMIT ?2`
	feedBounds = `SELECT COALESCE((SELECT MIN(id) FROM change_feed), 0),
		COALESCE((SELECT MAX(id) FROM change_feed), 0),
		COALESCE((SELECT value FROM counters WHERE name = 'change_feed_purged'), 0)`
	feedOldest  = `(SELECT id, at FROM change_feed ORDER BY id LIMIT ?2)`
	feedPurgeTo = `SELECT COALESCE(MAX(id), 0), COUNT(*) FROM ` + feedOldest + ` AS oldest
		WHERE id < COALESCE((SELECT MIN(id) FROM ` + feedOldest + ` AS fresh WHERE at >= ?1), ?3)`
	feedPurge  = `DELETE FROM change_feed WHERE id <= ?1`
	feedPurged = `INSERT INTO counters (name, value) VALUES ('change_feed_purged', ?1)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`
)

// FeedAppend adds one row a key.
func (q *Queries) FeedAppend(ctx context.Context, origin string, at time.Time, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return q.run.Write(ctx, func(c Conn) error {
		if q.locks.Feed != nil {
			if err := q.locks.Feed(ctx, c); err != nil {
				return err
			}
		}
		for _, key := range keys {
			if _, err := exec(ctx, c, feedAppend, key, origin, micros(at)); err != nil {
				return err
			}
		}
		return nil
	})
}

// FeedAfter returns rows after an id, in order.
func (q *Queries) FeedAfter(ctx context.Context, id int64, limit int) ([]store.FeedRow, error) {
	return read(ctx, q, func(c Reader) ([]store.FeedRow, error) {
		return all(ctx, c, func(r scanner) (f store.FeedRow, err error) {
			err = r.Scan(&f.ID, &f.Key, &f.Origin, timeColumn{&f.At})
			return f, err
		}, feedAfter, id, limit)
	})
}

// FeedBounds returns the smallest id still there and the largest ever given.
func (q *Queries) FeedBounds(ctx context.Context) (oldest, newest int64, err error) {
	_, err = get(ctx, q, func(r scanner) (struct{}, error) {
		var purged int64
		err := r.Scan(&oldest, &newest, &purged)
		if newest == 0 && purged > 0 {
			oldest, newest = purged+1, purged
		}
		return struct{}{}, err
	}, feedBounds)
	return oldest, newest, err
}

// FeedPurge deletes rows older than a time, from the oldest on.
func (q *Queries) FeedPurge(ctx context.Context, before time.Time, limit int) (int, error) {
	return write(ctx, q, func(c Conn) (int, error) {
		var to, n int64
		_, err := one(ctx, c, func(r scanner) (struct{}, error) {
			return struct{}{}, r.Scan(&to, &n)
		}, feedPurgeTo, micros(before), limit, int64(math.MaxInt64))
		if err != nil || n == 0 {
			return 0, err
		}
		if _, err := exec(ctx, c, feedPurged, to); err != nil {
			return 0, err
		}
		_, err = exec(ctx, c, feedPurge, to)
		return int(n), err
	})
}
