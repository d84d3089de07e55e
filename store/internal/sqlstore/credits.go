package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	entryFields = `id, user_id, kind, amount, balance, shortfall, source, priority, remaining, expires_at, grant_id,
		reservation_id, outcome, reason, idempotency_key, created_at`
	entryInsert = `INSERT INTO ledger_entries (` + entryFields + `)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING`
	entryByKey = `SELECT ` + entryFields + ` FROM ledger_entries
		WHERE user_id = ?1 AND idempotency_key = ?2 AND idempotency_key <> ''`
	grantsEnded = `SELECT ` + entryFields + ` FROM ledger_entries
		WHERE remaining > 0 AND expires_at > 0 AND expires_at <= ?1 AND (expires_at, id) > (?2, ?3)
		ORDER BY expires_at, id LIMIT ?4`

	balanceNow = `SELECT
		COALESCE((SELECT amount FROM balances WHERE user_id = ?1), 0)
			- CAST(COALESCE((SELECT SUM(remaining) FROM ledger_entries
				WHERE user_id = ?1 AND remaining > 0 AND ends_at <= ?2), 0) AS BIGINT),
		CAST(COALESCE((SELECT SUM(amount) FROM holds
			WHERE subject = ?1 AND meter = 'credits' AND period = '' AND started_at = 0 AND expires_at > ?2), 0) AS BIGINT)`
)

func insertEntry(ctx context.Context, c Conn, e store.LedgerEntry) error {
	n, err := exec(ctx, c, entryInsert, e.ID, e.UserID, string(e.Kind), e.Amount, e.BalanceAfter, e.Shortfall,
		e.Source, e.Priority, e.Remaining, micros(e.ExpiresAt), e.GrantID, e.ReservationID, e.Outcome, e.Reason,
		e.IdempotencyKey, micros(e.CreatedAt))
	if err == nil && n == 0 {
		return store.ErrConflict
	}
	return err
}

func scanEntry(r scanner) (e store.LedgerEntry, err error) {
	err = r.Scan(&e.ID, &e.UserID, &e.Kind, &e.Amount, &e.BalanceAfter, &e.Shortfall, &e.Source, &e.Priority,
		&e.Remaining, timeColumn{&e.ExpiresAt}, &e.GrantID, &e.ReservationID, &e.Outcome, &e.Reason,
		&e.IdempotencyKey, timeColumn{&e.CreatedAt})
	return e, err
}

// lockBalances orders transactions that change the same balances.
func (q *Queries) lockBalances(ctx context.Context, c Conn, users ...string) error {
	keys := make([]counterKey, len(users))
	for i, user := range users {
		keys[i] = balanceKey(user)
	}
	return q.lockCounters(ctx, c, inOrder(keys))
}

// CreditGrant adds a grant.
func (q *Queries) CreditGrant(ctx context.Context, g store.Grant) (entry store.LedgerEntry, replayed bool, err error) {
	entry, err = write(ctx, q, func(c Conn) (store.LedgerEntry, error) {
		if err := q.lockBalances(ctx, c, g.UserID); err != nil {
			return store.LedgerEntry{}, err
		}
		replayed = false
		if g.IdempotencyKey != "" {
			e, err := one(ctx, c, scanEntry, entryByKey, g.UserID, g.IdempotencyKey)
			if !errors.Is(err, store.ErrNotFound) {
				replayed = err == nil
				return e, err
			}
		}
		return addGrant(ctx, c, g)
	})
	return entry, replayed, err
}

func addGrant(ctx context.Context, c Conn, g store.Grant) (store.LedgerEntry, error) {
	ps := newPurses(c)
	p, err := ps.of(ctx, g.UserID)
	if err != nil {
		return store.LedgerEntry{}, err
	}
	amount, now := g.Amount, micros(g.Now)
	if g.Mode == store.GrantTopUp {
		amount = max(0, amount-p.from(g.Source, now))
	}
	if p.at(now) > store.MaxAmount-amount {
		return store.LedgerEntry{}, store.Errorf(store.ErrConflict, "The balance would be more than %d. Grant less.", store.MaxAmount)
	}
	if _, err := ps.expire(ctx, p, g.Now); err != nil {
		return store.LedgerEntry{}, err
	}
	e, err := ps.enter(ctx, p, store.LedgerEntry{
		ID: g.ID, Kind: store.LedgerGrant, Amount: amount, Source: g.Source, Priority: g.Priority, Remaining: amount,
		ExpiresAt: stored(g.ExpiresAt), Reason: g.Reason, IdempotencyKey: g.IdempotencyKey, CreatedAt: g.Now,
	})
	if err != nil {
		return e, err
	}
	return e, ps.write(ctx)
}

// balancesText reads several balances.
func balancesText(n int) string {
	return `SELECT b.user_id,
		b.amount - CAST(COALESCE((SELECT SUM(remaining) FROM ledger_entries
			WHERE user_id = b.user_id AND remaining > 0 AND ends_at <= ?1), 0) AS BIGINT),
		CAST(COALESCE((SELECT SUM(amount) FROM holds
			WHERE subject = b.user_id AND meter = 'credits' AND period = '' AND started_at = 0 AND expires_at > ?1), 0) AS BIGINT)
		FROM balances b WHERE b.user_id IN (` + tuples("?", n, 2) + `)`
}

// CreditBalances reads balances of many users as they are at now.
func (q *Queries) CreditBalances(ctx context.Context, userIDs []string, now time.Time) (map[string]store.Balance, error) {
	return readMap(ctx, q, balancesText, micros(now), userIDs, func(r scanner) (id string, b store.Balance, err error) {
		err = r.Scan(&id, &b.Amount, &b.Reserved)
		return id, b, err
	})
}

// CreditBalance reads a balance as it is at now.
func (q *Queries) CreditBalance(ctx context.Context, userID string, now time.Time) (store.Balance, error) {
	return get(ctx, q, func(r scanner) (b store.Balance, err error) {
		err = r.Scan(&b.Amount, &b.Reserved)
		return b, err
	}, balanceNow, userID, micros(now))
}

// CreditEnded finds grants that have ended and of which something is left.
func (q *Queries) CreditEnded(ctx context.Context, now time.Time, after store.Position, limit int) ([]store.LedgerEntry, error) {
	return read(ctx, q, func(c Reader) ([]store.LedgerEntry, error) {
		return all(ctx, c, scanEntry, grantsEnded, micros(now), micros(after.At), after.ID, limit)
	})
}

// CreditExpire writes down which grants of users have ended.
func (q *Queries) CreditExpire(ctx context.Context, users []string, now time.Time) (int, error) {
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	if len(users) == 0 {
		return 0, nil
	}
	return write(ctx, q, func(c Conn) (ended int, err error) {
		if err := q.lockBalances(ctx, c, users...); err != nil {
			return 0, err
		}
		ps := newPurses(c)
		for _, user := range users {
			p, err := ps.of(ctx, user)
			if err != nil {
				return 0, err
			}
			n, err := ps.expire(ctx, p, now)
			if err != nil {
				return 0, err
			}
			ended += n
		}
		return ended, ps.write(ctx)
	})
}

// LedgerList lists the entries of a user.
func (q *Queries) LedgerList(ctx context.Context, userID string, p store.Page) (store.List[store.LedgerEntry], error) {
	entries := listing[store.LedgerEntry]{
		fields: entryFields, from: "ledger_entries", at: "created_at", id: "id", scan: scanEntry,
		pos: func(e store.LedgerEntry) store.Position { return store.Position{At: e.CreatedAt, ID: e.ID} },
	}
	var f filter
	f.where("user_id = ?%d", userID)
	return page(ctx, q, entries, f, p)
}
