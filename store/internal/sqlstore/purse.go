package sqlstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

const (
	grantsLeft = `SELECT id, source, remaining, ends_at FROM ledger_entries
		WHERE user_id = ?1 AND remaining > 0 ORDER BY priority, ends_at, created_at, id`
	grantTake  = `UPDATE ledger_entries SET remaining = ?2 WHERE id = ?1`
	balanceGet = `SELECT amount, updated_at FROM balances WHERE user_id = ?1`
	balancePut = `INSERT INTO balances (user_id, amount, updated_at) VALUES (?1, ?2, ?3)
		ON CONFLICT (user_id) DO UPDATE SET amount = excluded.amount, updated_at = excluded.updated_at`
)

// grant is a grant with something left of it.
type grant struct {
	id, source      string
	remaining, ends int64
	changed         bool
}

// purse is what one user has, in the present transaction: it is read once, and
// what changed in it is written once.
type purse struct {
	user    string
	amount  int64    // the balance, with what has ended and is not written down yet
	last    int64    // when the latest entry was made
	grants  []*grant // in the order in which they are spent
	changed bool
}

// at returns what has not ended at a moment.
func (p *purse) at(now int64) (amount int64) {
	for _, g := range p.grants {
		if g.ends > now {
			amount += g.remaining
		}
	}
	return amount
}

// from returns what has not ended at a moment, of the grants of one source.
func (p *purse) from(source string, now int64) (amount int64) {
	for _, g := range p.grants {
		if g.source == source && g.ends > now {
			amount += g.remaining
		}
	}
	return amount
}

// purses are those that a transaction has opened.
type purses struct {
	conn Conn
	open map[string]*purse
}

func newPurses(c Conn) *purses { return &purses{conn: c, open: map[string]*purse{}} }

// of returns the purse of a user. The caller has locked the balance.
func (ps *purses) of(ctx context.Context, user string) (*purse, error) {
	if p := ps.open[user]; p != nil {
		return p, nil
	}
	p := &purse{user: user}
	_, err := all(ctx, ps.conn, func(r scanner) (struct{}, error) {
		return struct{}{}, r.Scan(&p.amount, &p.last)
	}, balanceGet, user)
	if err != nil {
		return nil, err
	}
	p.grants, err = all(ctx, ps.conn, func(r scanner) (*grant, error) {
		var g grant
		return &g, r.Scan(&g.id, &g.source, &g.remaining, &g.ends)
	}, grantsLeft, user)
	if err != nil {
		return nil, err
	}
	ps.open[user] = p
	return p, nil
}

// enter adds an entry to the ledger of a user, and its amount to the balance.
// Its time is after that of the entry before, also where a clock is behind, so
// that the order of times is that in which the balance changed.
func (ps *purses) enter(ctx context.Context, p *purse, e store.LedgerEntry) (store.LedgerEntry, error) {
	if e.ID == "" {
		e.ID = ids.New(ids.Ledger)
	}
	p.amount += e.Amount
	p.last = max(micros(e.CreatedAt), p.last+1)
	p.changed = true
	e.UserID, e.BalanceAfter, e.CreatedAt = p.user, p.amount, fromMicros(p.last)
	return e, insertEntry(ctx, ps.conn, e)
}

// expire writes down that grants have ended, and returns how many.
func (ps *purses) expire(ctx context.Context, p *purse, now time.Time) (n int, err error) {
	for _, g := range p.grants {
		if g.remaining == 0 || g.ends > micros(now) {
			continue
		}
		gone := store.LedgerEntry{Kind: store.LedgerExpire, Amount: -g.remaining, GrantID: g.id, CreatedAt: now}
		if _, err := ps.enter(ctx, p, gone); err != nil {
			return n, err
		}
		g.remaining, g.changed = 0, true
		n++
	}
	return n, nil
}

// spend takes an amount, or as much of it as there is, and returns what is
// missing. like has what the entries share.
func (ps *purses) spend(ctx context.Context, p *purse, amount int64, like store.LedgerEntry) (short int64, err error) {
	if _, err := ps.expire(ctx, p, like.CreatedAt); err != nil {
		return 0, err
	}
	like.Kind = store.LedgerSpend
	short = amount
	var entries []store.LedgerEntry
	for _, g := range p.grants {
		taken := min(short, g.remaining)
		if taken == 0 {
			continue
		}
		short -= taken
		g.remaining, g.changed = g.remaining-taken, true
		like.Amount, like.GrantID = -taken, g.id
		entries = append(entries, like)
	}
	if len(entries) == 0 {
		entries = append(entries, like) // nothing to take it from
	}
	entries[len(entries)-1].Shortfall = short
	for _, e := range entries {
		if _, err := ps.enter(ctx, p, e); err != nil {
			return short, err
		}
	}
	return short, nil
}

// write stores what changed, in an order that is the same everywhere.
func (ps *purses) write(ctx context.Context) error {
	for _, user := range slices.Sorted(maps.Keys(ps.open)) {
		p := ps.open[user]
		for _, g := range p.grants {
			if !g.changed {
				continue
			}
			if _, err := exec(ctx, ps.conn, grantTake, g.id, g.remaining); err != nil {
				return err
			}
		}
		if !p.changed {
			continue
		}
		if _, err := exec(ctx, ps.conn, balancePut, p.user, p.amount, p.last); err != nil {
			return err
		}
	}
	return nil
}
