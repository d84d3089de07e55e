package sqlstore

import (
	"cmp"
	"context"
	"math"

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

// balanceCounter is what leases of credits hold of a balance: a counter without
// a window.
func balanceCounter(user string) store.Counter {
	return store.Counter{Subject: user, Meter: store.Credits}
}

func balanceKey(user string) counterKey { return keyOf(balanceCounter(user)) }

func compareKeys(a, b counterKey) int {
	return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.meter, b.meter),
		cmp.Compare(a.period, b.period), cmp.Compare(a.start, b.start))
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
	conn    Reader
	from    int64 // the earliest moment that a member decides at
	counts  map[counterKey]*count
	pending usage // what the batch used and has not written yet
}

func newTally(c Reader, from int64) *tally {
	return &tally{conn: c, from: from, counts: map[counterKey]*count{}, pending: usage{}}
}

// at returns a counter as it is at a moment, this batch included.
func (t *tally) at(ctx context.Context, k counterKey, now int64) (*count, error) {
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

// load reads a counter as it is at a moment. What the batch held so far is in
// the database already, what it used is not.
func (t *tally) load(ctx context.Context, k counterKey, n *count, at int64) error {
	_, err := one(ctx, t.conn, func(r scanner) (struct{}, error) {
		return struct{}{}, r.Scan(&n.used, &n.reserved, &n.until)
	}, counterGet, k.subject, k.meter, string(k.period), k.start, at)
	n.from = at
	n.used += t.pending[k]
	if n.until == 0 {
		n.until = math.MaxInt64
	}
	return err
}

// use counts units that are written at the end of the batch.
func (t *tally) use(k counterKey, amount int64) {
	t.pending[k] += amount
	if n := t.counts[k]; n != nil {
		n.used += amount
	}
}

// hold follows a lease that was written, from now until it ends.
func (t *tally) hold(k counterKey, amount, now, ends int64) {
	if n := t.counts[k]; n != nil && ends > now {
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
