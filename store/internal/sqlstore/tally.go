package sqlstore

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/usermgmt/usermgmt/store"
)

// countersTexts read counters as they are at the moment ?1, with their place in
// the list: what leases hold that are not past their deadline, and the first
// deadline of all that have a row.
var countersTexts = inSizes(func(n int) string {
	return `SELECT column1, COALESCE(used, 0), COALESCE(resets, 0),
		CAST(COALESCE((SELECT SUM(amount) FROM holds WHERE subject = column2 AND meter = column3 AND period = column4
			AND started_at = column5 AND expires_at > ?1), 0) AS BIGINT),
		COALESCE((SELECT MIN(expires_at) FROM holds WHERE subject = column2 AND meter = column3 AND period = column4
			AND started_at = column5), 0)
		FROM (VALUES ` + tuples("(#, ?, ?, ?, CAST(? AS BIGINT))", n, 2) + `) AS wanted
		LEFT JOIN usage ON subject = column2 AND meter = column3 AND period = column4 AND started_at = column5`
})

const holdsEnded = `DELETE FROM holds WHERE subject = ?1 AND meter = ?2 AND period = ?3 AND started_at = ?4
	AND expires_at <= ?5`

// counterKey is a counter as the database finds it.
type counterKey struct {
	subject, meter string
	period         store.Window
	start          int64
}

func keyOf(c store.Counter) counterKey {
	return counterKey{c.Subject, c.Meter, c.Window, micros(c.Start)}
}

func (k counterKey) counter() store.Counter {
	return store.Counter{Subject: k.subject, Meter: k.meter, Window: k.period, Start: fromMicros(k.start)}
}

// balanceKey is what leases of credits hold of a balance: a counter without a
// window.
func balanceKey(user string) counterKey {
	return keyOf(store.Counter{Subject: user, Meter: store.Credits})
}

func compareKeys(a, b counterKey) int {
	return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.meter, b.meter),
		cmp.Compare(a.period, b.period), cmp.Compare(a.start, b.start))
}

// inOrder sorts keys as everywhere, and leaves each once.
func inOrder(keys []counterKey) []counterKey {
	slices.SortFunc(keys, compareKeys)
	return slices.Compact(keys)
}

// count is a counter in the present transaction. It is true until the first of
// the leases in it ends.
type count struct {
	used, reserved int64
	resets         int64 // how often used was reset
	until          int64
}

// over reports whether a limit does not admit an amount. Without one, no more than
// store.MaxAmount is held at once, so that what is held can be added up.
func (n count) over(limit int64, r store.Reserve) bool {
	if limit == store.Unlimited {
		return !r.Consume && n.reserved+r.Amount > store.MaxAmount
	}
	return n.used+n.reserved+r.Amount > limit
}

// readCounters reads counters as they are at a moment.
func readCounters(ctx context.Context, c Reader, keys []counterKey, at int64) ([]count, error) {
	counts, read := make([]count, len(keys)), 0
	return counts, inParts(keys, func(part []counterKey) error {
		args := append(make([]any, 0, 1+4*len(part)), at)
		for _, k := range part {
			args = append(args, k.subject, k.meter, string(k.period), k.start)
		}
		_, err := all(ctx, c, func(r scanner) (struct{}, error) {
			var i int
			var n count
			err := r.Scan(&i, &n.used, &n.resets, &n.reserved, &n.until)
			if n.until == 0 {
				n.until = math.MaxInt64
			}
			counts[read+i] = n
			return struct{}{}, err
		}, countersTexts[len(part)], args...)
		read += len(part)
		return err
	})
}

// tally knows the counters of one batch: each is read once, and then follows
// what the members of the batch take.
//
// The row of a hold is its place. A decision at a moment past the deadline of a
// lease takes the row away before it counts: so what was given to another is
// not there any more when the lease is extended by a clock, or by a time, that is
// behind. Each member still decides at a time of its own.
type tally struct {
	conn    Conn
	counts  map[counterKey]*count
	pending usage // what the batch used and has not written yet
}

func newTally(c Conn) *tally {
	return &tally{conn: c, counts: map[counterKey]*count{}, pending: usage{}}
}

// at returns a counter to decide on at a moment, this batch included.
func (t *tally) at(ctx context.Context, k counterKey, now int64) (*count, error) {
	n := t.counts[k]
	if n == nil {
		if err := t.read(ctx, []counterKey{k}, now); err != nil {
			return nil, err
		}
		n = t.counts[k]
	}
	if now < n.until {
		return n, nil
	}
	if _, err := exec(ctx, t.conn, holdsEnded, k.subject, k.meter, string(k.period), k.start, now); err != nil {
		return nil, err
	}
	err := t.read(ctx, []counterKey{k}, now)
	return t.counts[k], err
}

// read reads counters as they are at a moment. What the batch held so far is in
// the database already, what it used is not.
func (t *tally) read(ctx context.Context, keys []counterKey, at int64) error {
	counts, err := readCounters(ctx, t.conn, keys, at)
	for i, k := range keys {
		counts[i].used = capped(counts[i].used + t.pending[k])
		t.counts[k] = &counts[i]
	}
	return err
}

// use counts units that are written at the end of the batch.
func (t *tally) use(k counterKey, amount int64) {
	t.pending.add(k, amount)
	if n := t.counts[k]; n != nil {
		n.used = capped(n.used + amount)
	}
}

// hold follows a lease that was written.
func (t *tally) hold(k counterKey, amount, ends int64) {
	if n := t.counts[k]; n != nil {
		n.reserved += amount
		n.until = min(n.until, ends)
	}
}

func earliest(batch []store.Reserve) int64 {
	from := int64(math.MaxInt64)
	for _, r := range batch {
		from = min(from, micros(r.Now))
	}
	return from
}
