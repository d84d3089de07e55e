package storetest

import (
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// newGrant makes a grant at moment(0) that never ends.
func newGrant(user string, amount int64) store.Grant {
	return store.Grant{ID: newID("led_"), UserID: user, Amount: amount, Mode: store.GrantAdd, Source: "admin",
		Reason: "sorry", Now: moment(0)}
}

// until is a grant that ends n seconds after the first moment.
func until(g store.Grant, n int) store.Grant {
	g.ExpiresAt = moment(n)
	return g
}

// purse is a user with credits, and helpers that fail the test.
type purse struct {
	meter
	user string
}

func (p purse) grant(t *testing.T, g store.Grant) store.LedgerEntry {
	t.Helper()
	entry, _, err := p.CreditGrant(t.Context(), g)
	must(t, err)
	return entry
}

// ask asks for credits at moment(n).
func (p purse) ask(n int, amount int64, consume bool) store.Reserve {
	return store.Reserve{ID: newID("res_"), Subject: p.user, Meter: store.Credits, Amount: amount, Consume: consume,
		Now: moment(n), ExpiresAt: moment(n + 60)}
}

func (p purse) wantBalance(t *testing.T, n int, amount, reserved int64) {
	t.Helper()
	balance := store.Balance{Amount: amount, Reserved: reserved}
	want(t, got(p.CreditBalance(t.Context(), p.user, moment(n)))(t), balance)
	many := got(p.CreditBalances(t.Context(), []string{newID("usr_"), p.user}, moment(n)))(t)
	want(t, many[p.user], balance)
}

// ledger reads all entries, oldest first, and checks what must always hold.
func (p purse) ledger(t *testing.T) []store.LedgerEntry {
	t.Helper()
	entries := got(readLedger(t.Context(), p.Store, p.user))(t)
	must(t, checkLedger(entries))
	return entries
}

// moved is what of an entry the tests compare.
type moved struct {
	Kind      store.LedgerKind
	Amount    int64
	Grant     string
	Shortfall int64
}

func moves(entries []store.LedgerEntry) (out []moved) {
	for _, e := range entries {
		if e.Kind != store.LedgerGrant {
			out = append(out, moved{e.Kind, e.Amount, e.GrantID, e.Shortfall})
		}
	}
	return out
}

func testCredits(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, p purse)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, purse{meter{s}, newID("usr_")})
		})
	}

	run("CreditGrant/AddsToTheBalance", func(t *testing.T, p purse) {
		p.wantBalance(t, 0, 0, 0)
		g := until(newGrant(p.user, 50), 60)
		g.Priority, g.IdempotencyKey = 3, newID("k")
		entry := store.LedgerEntry{ID: g.ID, UserID: p.user, Kind: store.LedgerGrant, Amount: 50, BalanceAfter: 50,
			Source: "admin", Priority: 3, Remaining: 50, ExpiresAt: kept(g.ExpiresAt), Reason: "sorry",
			IdempotencyKey: g.IdempotencyKey, CreatedAt: kept(g.Now)}
		want(t, p.grant(t, g), entry)
		want(t, p.ledger(t), []store.LedgerEntry{entry})
		p.grant(t, newGrant(p.user, 7))
		p.wantBalance(t, 0, 57, 0)
	})
	run("CreditGrant/Q7 OneKeyOneGrant", func(t *testing.T, p purse) {
		g := newGrant(p.user, 50)
		g.IdempotencyKey = "order 7"
		replays := make([]bool, 20)
		together(20, func(i int) {
			g := g
			g.ID = newID("led_")
			entry, replayed, err := p.CreditGrant(t.Context(), g)
			if err != nil || entry.Amount != 50 {
				t.Error(entry, err)
			}
			replays[i] = replayed
		})
		fresh := 0
		for _, replayed := range replays {
			if !replayed {
				fresh++
			}
		}
		want(t, fresh, 1)
		p.wantBalance(t, 0, 50, 0)
		other := purse{p.meter, newID("usr_")}
		g.ID, g.UserID = newID("led_"), other.user
		other.grant(t, g)
		other.wantBalance(t, 0, 50, 0)
	})
	run("CreditGrant/R7 TopUpAddsWhatIsMissing", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 500))
		topUp := newGrant(p.user, 100)
		topUp.Mode, topUp.Source = store.GrantTopUp, "plan:free"
		for _, want100 := range []int64{100, 0} {
			topUp.ID = newID("led_")
			want(t, p.grant(t, topUp).Amount, want100)
		}
		topUp.Priority = -1
		p.reserve(t, p.ask(1, 530, true)) // the older, never ending one of the two goes first
		topUp.ID = newID("led_")
		want(t, p.grant(t, topUp).Amount, 30)
		p.wantBalance(t, 1, 100, 0)
		p.ledger(t)
	})
	run("CreditGrant/BalanceHasAnEnd", func(t *testing.T, p purse) {
		p.grant(t, until(newGrant(p.user, store.MaxAmount), 5))
		_, _, err := p.CreditGrant(t.Context(), newGrant(p.user, 1))
		wantError(t, err, store.ErrConflict)
		late := newGrant(p.user, store.MaxAmount)
		late.Now = moment(5)
		p.grant(t, late)
		p.wantBalance(t, 5, store.MaxAmount, 0)
		p.ledger(t)
	})
	run("CreditGrant/IDTwiceIsConflict", func(t *testing.T, p purse) {
		g := newGrant(p.user, 5)
		p.grant(t, g)
		_, _, err := p.CreditGrant(t.Context(), g)
		wantError(t, err, store.ErrConflict)
		p.wantBalance(t, 0, 5, 0)
	})
	run("LedgerList/OfOneUserNewestFirst", func(t *testing.T, p purse) {
		for i := range 5 {
			g := newGrant(p.user, 1)
			g.Now = moment(i)
			p.grant(t, g)
		}
		list := got(p.LedgerList(t.Context(), p.user, store.Page{Limit: 2, Total: true}))(t)
		want(t, list.Total, 5)
		want(t, []int64{list.Items[0].BalanceAfter, list.Items[1].BalanceAfter}, []int64{5, 4})
		list = got(p.LedgerList(t.Context(), p.user, store.Page{Limit: 2, After: list.Next}))(t)
		want(t, list.Items[0].BalanceAfter, 3)
		want(t, len(got(p.LedgerList(t.Context(), newID("usr_"), store.Page{}))(t).Items), 0)
	})
	testSpending(open, run)
	testCreditRefunds(open, run)
	t.Run("CreditExpire/WritesDownWhatEnded", func(t *testing.T) {
		t.Parallel()
		testCreditExpire(t, open(t))
	})
}

func testCreditExpire(t *testing.T, s store.Store) {
	a, b := purse{meter{s}, newID("usr_")}, purse{meter{s}, newID("usr_")}
	first := a.grant(t, until(newGrant(a.user, 5), 10))
	second := b.grant(t, until(newGrant(b.user, 6), 20))
	third := a.grant(t, until(newGrant(a.user, 7), 30))
	a.grant(t, newGrant(a.user, 8))
	spent := b.grant(t, until(newGrant(b.user, 4), 15))
	b.reserve(t, b.ask(1, 4, true))
	want(t, spent.Remaining, 4)

	ended := func(n int, after store.Position, limit int) (ids []string) {
		for _, e := range got(s.CreditEnded(t.Context(), moment(n), after, limit))(t) {
			ids = append(ids, e.ID)
		}
		return ids
	}
	want(t, ended(9, store.Position{}, 9), nil)
	want(t, ended(10, store.Position{}, 9), []string{first.ID})
	want(t, ended(99, store.Position{}, 2), []string{first.ID, second.ID})
	want(t, ended(99, store.Position{At: second.ExpiresAt, ID: second.ID}, 2), []string{third.ID})

	a.wantBalance(t, 29, 15, 0)
	want(t, got(s.CreditExpire(t.Context(), nil, moment(29)))(t), 0)
	want(t, got(s.CreditExpire(t.Context(), []string{b.user, a.user, a.user}, moment(29)))(t), 2)
	want(t, got(s.CreditExpire(t.Context(), []string{b.user, a.user}, moment(29)))(t), 0)
	a.wantBalance(t, 29, 15, 0)
	want(t, moves(a.ledger(t)), []moved{{store.LedgerExpire, -5, first.ID, 0}})
	want(t, ended(29, store.Position{}, 9), nil)
	a.wantBalance(t, 30, 8, 0)
	b.ledger(t)
}
