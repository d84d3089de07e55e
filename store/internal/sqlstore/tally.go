package sqlstore

import (
	"cmp"
	"context"
	"math"

	"github.com/usermgmt/usermgmt/store"
)

// countersText reads counters as they are at the moment ?1. What is held comes
// from a range of leases that are not past their deadline, together with the
// first deadline in it: until then the sum stays true.
func countersText(n int) string {
	return `SELECT column1, column2, column3, column4,
		COALESCE((SELECT used FROM usage WHERE subject = column1 AND meter = column2 AND period = column3
			AND started_at = column4), 0),
		CAST(COALESCE((SELECT SUM(amount) FROM holds WHERE subject = column1 AND meter = column2 AND period = column3
			AND started_at = column4 AND expires_at > ?1), 0) AS BIGINT),
		COALESCE((SELECT MIN(expires_at) FROM holds WHERE subject = column1 AND meter = column2 AND period = column3
			AND started_at = column4 AND expires_at > ?1), 0)
		FROM (VALUES ` + tuples("(?, ?, ?, CAST(? AS BIGINT))", n, 2) + `) AS wanted`
}

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
		from = min(t.from, now)
	}
	if err := t.read(ctx, []counterKey{k}, from); err != nil {
		return nil, err
	}
	if now >= t.counts[k].until {
		if err := t.read(ctx, []counterKey{k}, now); err != nil {
			return nil, err
		}
	}
	return t.counts[k], nil
}

// preload reads counters, each once, as they are at the earliest moment.
func (t *tally) preload(ctx context.Context, counters []store.Counter) error {
	keys := make([]counterKey, len(counters))
	for i, c := range counters {
		keys[i] = keyOf(c)
	}
	return inParts(keys, func(part []counterKey) error { return t.read(ctx, part, t.from) })
}

// read reads counters as they are at a moment. What the batch held so far is in
// the database already, what it used is not.
func (t *tally) read(ctx context.Context, keys []counterKey, at int64) error {
	args := make([]any, 1, 1+4*len(keys))
	args[0] = at
	for _, k := range keys {
		args = append(args, k.subject, k.meter, string(k.period), k.start)
	}
	_, err := all(ctx, t.conn, func(r scanner) (struct{}, error) {
		var k counterKey
		n := count{from: at}
		err := r.Scan(&k.subject, &k.meter, &k.period, &k.start, &n.used, &n.reserved, &n.until)
		n.used += t.pending[k]
		if n.until == 0 {
			n.until = math.MaxInt64
		}
		t.counts[k] = &n
		return struct{}{}, err
	}, countersText(len(keys)), args...)
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
