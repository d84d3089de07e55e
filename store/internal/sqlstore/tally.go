package sqlstore

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"github.com/usermgmt/usermgmt/store"
)

// What is held comes from a range of leases that are not past their deadline,
// together with the first deadline in it: until then the sum stays true.
const counterGet = `SELECT
	COALESCE((SELECT used FROM usage WHERE subject = ?1 AND meter = ?2 AND period = ?3 AND started_at = ?4), 0),
	CAST(COALESCE(SUM(amount), 0) AS BIGINT), COALESCE(MIN(expires_at), 0)
	FROM holds WHERE subject = ?1 AND meter = ?2 AND period = ?3 AND started_at = ?4 AND expires_at > ?5`

// counterKey is a counter as the database finds it.
type counterKey struct {
	subject, meter string
	period         store.Window
	start          int64
}

func keyOf(c store.Counter) counterKey {
	return counterKey{c.Subject, c.Meter, c.Window, micros(c.Start)}
}

func compareKeys(a, b counterKey) int {
	return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.meter, b.meter),
		cmp.Compare(a.period, b.period), cmp.Compare(a.start, b.start))
}

func scanCounter(r scanner) (k counterKey, err error) {
	err = r.Scan(&k.subject, &k.meter, &k.period, &k.start)
	return k, err
}

// count is a counter in the present transaction. It is true for every moment
// from from on and before until, when the first of the leases in it ends.
type count struct {
	used, reserved int64
	from, until    int64
}

// tally knows the counters of one batch: each is read once, and then follows
// what the members of the batch take.
type tally struct {
	conn   Reader
	from   int64 // the earliest moment that a member decides at
	counts map[counterKey]*count
}

func newTally(c Reader, from int64) *tally {
	return &tally{conn: c, from: from, counts: map[counterKey]*count{}}
}

// at returns a counter as it is at a moment, this batch included.
func (t *tally) at(ctx context.Context, counter store.Counter, now int64) (*count, error) {
	k := keyOf(counter)
	n := t.counts[k]
	if n != nil && n.from <= now && now < n.until {
		return n, nil
	}
	from := now
	if n == nil {
		n, from = &count{}, min(t.from, now)
		t.counts[k] = n
	}
	if err := t.load(ctx, k, n, from); err != nil {
		return nil, err
	}
	if now >= n.until {
		return n, t.load(ctx, k, n, now)
	}
	return n, nil
}

// load reads a counter as it is at a moment. What the batch took so far is in
// the database already.
func (t *tally) load(ctx context.Context, k counterKey, n *count, at int64) error {
	_, err := one(ctx, t.conn, func(r scanner) (struct{}, error) {
		return struct{}{}, r.Scan(&n.used, &n.reserved, &n.until)
	}, counterGet, k.subject, k.meter, string(k.period), k.start, at)
	n.from = at
	if n.until == 0 {
		n.until = math.MaxInt64
	}
	return err
}

// hold counts a lease against one counter.
func hold(ctx context.Context, c Conn, n *count, counter store.Counter, r store.Reserve) error {
	ends := micros(r.ExpiresAt)
	k := keyOf(counter)
	if _, err := exec(ctx, c, holdInsert, k.subject, k.meter, string(k.period), k.start,
		ends, r.ID, r.Amount); err != nil {
		return err
	}
	if ends > micros(r.Now) {
		n.reserved += r.Amount
		n.until = min(n.until, ends)
	}
	return nil
}

// usage is units to be added to counters.
type usage map[counterKey]int64

// write adds the units, in an order that is the same everywhere.
func (u usage) write(ctx context.Context, c Conn) error {
	for _, k := range slices.SortedFunc(maps.Keys(u), compareKeys) {
		if u[k] == 0 {
			continue
		}
		if _, err := exec(ctx, c, usageAdd, k.subject, k.meter, string(k.period), k.start, u[k]); err != nil {
			return err
		}
	}
	return nil
}

func earliest(batch []store.Reserve) int64 {
	from := int64(math.MaxInt64)
	for _, r := range batch {
		from = min(from, micros(r.Now))
	}
	return from
}

// countersOf returns the counters of a batch, each once, in order.
func countersOf(batch []store.Reserve) []store.Counter {
	var counters []store.Counter
	for _, r := range batch {
		for _, l := range r.Limits {
			counters = append(counters, l.Counter)
		}
	}
	slices.SortFunc(counters, func(a, b store.Counter) int { return compareKeys(keyOf(a), keyOf(b)) })
	return slices.CompactFunc(counters, func(a, b store.Counter) bool { return keyOf(a) == keyOf(b) })
}

func (q *Queries) lockCounters(ctx context.Context, c Conn, counters []store.Counter) error {
	if q.locks.Counters == nil {
		return nil
	}
	return q.locks.Counters(ctx, c, counters)
}
