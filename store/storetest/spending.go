package storetest

import (
	"sync/atomic"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

func testSpending(open Opener, run func(string, func(*testing.T, purse))) {
	run("MeterReserve/CreditsByPriorityThenExpiryThenAge", func(t *testing.T, p purse) {
		never, later, sooner, older := newGrant(p.user, 10), until(newGrant(p.user, 10), 90), until(newGrant(p.user, 10), 80), newGrant(p.user, 10)
		preferred := newGrant(p.user, 10)
		preferred.Priority = -1
		never.Now, older.Now = moment(3), moment(2)
		for _, g := range []store.Grant{older, never, later, sooner, preferred} {
			p.grant(t, g)
		}
		r := p.ask(4, 45, true)
		res := p.reserve(t, r)[0]
		want(t, res.Balance, &store.Balance{Amount: 5})
		want(t, res.Reservation, consumed(r))
		want(t, moves(p.ledger(t)), []moved{
			{store.LedgerSpend, -10, preferred.ID, 0}, {store.LedgerSpend, -10, sooner.ID, 0}, {store.LedgerSpend, -10, later.ID, 0},
			{store.LedgerSpend, -10, older.ID, 0}, {store.LedgerSpend, -5, never.ID, 0},
		})
		want(t, p.ledger(t)[5].ReservationID, r.ID)
	})
	run("MeterReserve/CreditsAreHeldBack", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 10))
		first := p.ask(1, 6, false)
		res := p.reserve(t, first, p.ask(1, 5, false), p.ask(1, 5, true), p.ask(1, 4, true))
		want(t, refusals(res), []int{-1, store.RefusedByBalance, store.RefusedByBalance, -1})
		want(t, res[0].Balance, &store.Balance{Amount: 10, Reserved: 6})
		want(t, res[1].Balance, &store.Balance{Amount: 10, Reserved: 6})
		want(t, res[3].Balance, &store.Balance{Amount: 6, Reserved: 6})
		p.wantBalance(t, 60, 6, 6)
		p.wantBalance(t, 61, 6, 0) // past the deadline
		want(t, refusals(p.reserve(t, p.ask(61, 6, true))), []int{-1})
	})
	run("MeterReserve/LimitsHoldForCreditsToo", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 10))
		day := newCounter(3)
		r := p.ask(1, 4, true)
		r.Limits = []store.CounterLimit{day}
		want(t, refusals(p.reserve(t, r)), []int{0})
		r.Amount = 3
		want(t, refusals(p.reserve(t, r)), []int{-1})
		p.wantUsage(t, moment(1), day, 3, 0)
		p.wantBalance(t, 1, 7, 0)
	})
	run("MeterReserve/EndedGrantsAreNotSpent", func(t *testing.T, p purse) {
		ended := until(newGrant(p.user, 10), 5)
		kept := newGrant(p.user, 4)
		p.grant(t, ended)
		p.grant(t, kept)
		want(t, refusals(p.reserve(t, p.ask(5, 5, true), p.ask(5, 4, true))), []int{store.RefusedByBalance, -1})
		want(t, moves(p.ledger(t)), []moved{{store.LedgerExpire, -10, ended.ID, 0}, {store.LedgerSpend, -4, kept.ID, 0}})
	})
	run("MeterReserve/Q1 NeverMoreThanTheBalance", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 37))
		var admitted atomic.Int64
		together(40, func(i int) {
			batch := []store.Reserve{p.ask(1, 1, i%2 == 0), p.ask(1, 2, i%2 > 0)}
			results, err := p.MeterReserve(t.Context(), batch)
			if err != nil {
				t.Error(err)
				return
			}
			for i, res := range results {
				if res.Refused == store.Admitted {
					admitted.Add(batch[i].Amount)
				}
			}
		})
		want(t, admitted.Load(), 37)
		want(t, got(p.CreditBalance(t.Context(), p.user, moment(1)))(t).Available(), 0)
		p.ledger(t)
	})
	run("MeterSettle/CreditsOfTheActual", func(t *testing.T, p purse) {
		g := newGrant(p.user, 10)
		p.grant(t, g)
		r := p.ask(1, 6, false)
		p.reserve(t, r)
		ended := p.settle(t, store.Settle{ID: r.ID, Amount: 8, Outcome: "complete", Now: moment(2)})[0]
		want(t, ended.Shortfall, 0)
		p.wantBalance(t, 2, 2, 0)
		spend := p.ledger(t)[1]
		want(t, spend, store.LedgerEntry{ID: spend.ID, UserID: p.user, Kind: store.LedgerSpend, Amount: -8, BalanceAfter: 2,
			GrantID: g.ID, ReservationID: r.ID, Outcome: "complete", CreatedAt: kept(moment(2))})
	})
	run("MeterSettle/CreditsDownToNothing", func(t *testing.T, p purse) {
		first, second := newGrant(p.user, 3), newGrant(p.user, 4)
		second.Now = moment(1)
		p.grant(t, first)
		p.grant(t, second)
		r, other := p.ask(1, 5, false), p.ask(1, 2, false)
		p.reserve(t, r, other)
		ended := p.settle(t, store.Settle{ID: r.ID, Amount: 9, Now: moment(2)}, store.Settle{ID: r.ID, Amount: 1, Now: moment(2)},
			store.Settle{ID: other.ID, Amount: 2, Now: moment(2)})
		want(t, []int64{ended[0].Settled, ended[0].Shortfall}, []int64{9, 2})
		want(t, ended[1], ended[0])
		want(t, ended[2].Shortfall, 2)
		want(t, moves(p.ledger(t)), []moved{{store.LedgerSpend, -3, first.ID, 0}, {store.LedgerSpend, -4, second.ID, 2},
			{store.LedgerSpend, 0, "", 2}})
		p.wantBalance(t, 2, 0, 0)
		want(t, p.settle(t, store.Settle{ID: r.ID, Release: true, Now: moment(3)})[0], ended[0])
	})
	run("MeterSettle/CreditsReleasedOrNothingUsed", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 10))
		a, b := p.ask(1, 5, false), p.ask(1, 5, false)
		p.reserve(t, a, b)
		p.settle(t, store.Settle{ID: a.ID, Release: true, Now: moment(2)}, store.Settle{ID: b.ID, Amount: 0, Now: moment(2)})
		p.wantBalance(t, 2, 10, 0)
		want(t, moves(p.ledger(t)), nil)
	})
	run("MeterSettle/CreditsLateAreChargedTheSame", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 10))
		r := p.ask(1, 6, false)
		p.reserve(t, r)
		p.reserve(t, p.ask(61, 8, true)) // its place was returned
		ended := p.settle(t, store.Settle{ID: r.ID, Amount: 6, Now: moment(62)})[0]
		want(t, ended.Status, store.ReservationSettledLate)
		want(t, ended.Shortfall, 4)
		p.wantBalance(t, 62, 0, 0)
		p.ledger(t)
	})
	run("MeterExtend/CreditsStayHeld", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 10))
		r := p.ask(1, 6, false)
		p.reserve(t, r)
		got(p.MeterExtend(t.Context(), r.ID, moment(60), moment(200)))(t)
		p.wantBalance(t, 199, 10, 6)
		p.wantBalance(t, 200, 10, 0)
	})
	run("MeterPurge/CreditsStayCharged", func(t *testing.T, p purse) {
		p.Store = open(t)
		p.grant(t, newGrant(p.user, 10))
		settled, abandoned := p.ask(1, 6, false), p.ask(1, 4, false)
		p.reserve(t, settled, abandoned)
		p.settle(t, store.Settle{ID: settled.ID, Amount: 6, Now: moment(2)})
		for got(p.MeterPurge(t.Context(), moment(9999), 100))(t) > 0 {
		}
		p.wantBalance(t, 2, 4, 0)
	})
}

func testCreditRefunds(open Opener, run func(string, func(*testing.T, purse))) {
	run("MeterRefund/CreditsGoBackToTheirGrants", func(t *testing.T, p purse) {
		first, second := until(newGrant(p.user, 3), 900), newGrant(p.user, 4)
		p.grant(t, first)
		p.grant(t, second)
		r := p.ask(1, 5, false)
		p.reserve(t, r)
		p.settle(t, store.Settle{ID: r.ID, Amount: 9, Now: moment(2)})
		back := got(p.MeterRefund(t.Context(), store.Refund{ID: r.ID, Reason: "broken", Now: moment(3)}))(t)
		want(t, []int64{back.Settled, back.Shortfall, back.Refunded}, []int64{9, 2, 7})
		entries := p.ledger(t)
		want(t, moves(entries)[2:], []moved{{store.LedgerRefund, 3, first.ID, 0}, {store.LedgerRefund, 4, second.ID, 0}})
		want(t, []string{entries[4].Reason, entries[4].ReservationID}, []string{"broken", r.ID})
		p.wantBalance(t, 3, 7, 0)
		for _, id := range []string{r.ID, entries[2].ID, entries[3].ID} { // the lease and each of its spends
			want(t, got(p.MeterRefund(t.Context(), store.Refund{ID: id, Now: moment(4)}))(t), back)
		}
		p.wantBalance(t, 4, 7, 0)
	})
	run("MeterRefund/CreditsThatWereConsumed", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 9))
		r, kept := p.ask(1, 5, true), p.ask(1, 2, true)
		p.reserve(t, r, kept)
		spend := p.ledger(t)[1]
		want(t, got(p.MeterRefund(t.Context(), store.Refund{ID: spend.ID, Now: moment(3)}))(t).Refunded, 5)
		p.wantBalance(t, 3, 7, 0)
	})
	run("MeterRefund/CreditsGoBackAndTheirUsageNotAfterAReset", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 20))
		day := newCounter(store.Unlimited)
		reset := func() { must(t, p.MeterReset(t.Context(), []store.Counter{day.Counter})) }
		charge := func(consume bool) string {
			r := p.ask(1, 3, consume)
			r.Limits = []store.CounterLimit{day}
			p.reserve(t, r)
			if !consume {
				p.settle(t, store.Settle{ID: r.ID, Amount: 3, Now: moment(2)})
			}
			return r.ID
		}
		for _, consume := range []bool{true, false} {
			before := charge(consume)
			reset()
			after := charge(consume)
			charge(consume)
			for _, id := range []string{before, after} {
				want(t, got(p.MeterRefund(t.Context(), store.Refund{ID: id, Now: moment(3)}))(t).Refunded, 3)
			}
			p.wantUsage(t, moment(3), day, 3, 0)
			reset()
		}
		p.wantBalance(t, 3, 14, 0)
	})
	run("MeterRefund/ToAGrantThatEnded", func(t *testing.T, p purse) {
		ended, never := until(newGrant(p.user, 3), 10), newGrant(p.user, 4)
		p.grant(t, ended)
		p.grant(t, never)
		r := p.ask(1, 5, true)
		p.reserve(t, r)
		got(p.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(10)}))(t)
		p.wantBalance(t, 10, 4, 0)
		want(t, moves(p.ledger(t))[2:], []moved{{store.LedgerRefund, 3, ended.ID, 0}, {store.LedgerRefund, 2, never.ID, 0},
			{store.LedgerExpire, -3, ended.ID, 0}})
	})
	run("MeterRefund/NoCreditsOfAChargeThatIsGone", func(t *testing.T, p purse) {
		p.Store = open(t)
		p.grant(t, newGrant(p.user, 9))
		r := p.ask(1, 5, true)
		p.reserve(t, r)
		spend := p.ledger(t)[1]
		want(t, got(p.MeterPurge(t.Context(), moment(2), 9))(t), 1)
		for id, code := range map[string]store.Code{r.ID: store.ErrNotFound, spend.ID: store.ErrConflict} {
			_, err := p.MeterRefund(t.Context(), store.Refund{ID: id, Now: moment(3)})
			wantError(t, err, code)
		}
		p.wantBalance(t, 3, 4, 0)
	})
	run("MeterRefund/NoCreditsOfAHold", func(t *testing.T, p purse) {
		g := newGrant(p.user, 4)
		p.grant(t, g)
		r := p.ask(1, 4, false)
		p.reserve(t, r)
		for id, code := range map[string]store.Code{r.ID: store.ErrConflict, g.ID: store.ErrNotFound} {
			_, err := p.MeterRefund(t.Context(), store.Refund{ID: id, Now: moment(2)})
			wantError(t, err, code)
		}
		p.wantBalance(t, 2, 4, 4)
	})
	run("MeterRefund/QT-09 CreditsUnderConcurrency", func(t *testing.T, p purse) {
		p.grant(t, newGrant(p.user, 100))
		r := p.ask(1, 10, false)
		p.reserve(t, r)
		together(40, func(i int) {
			var err error
			switch i % 4 {
			case 0:
				_, err = p.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(2)})
			case 1:
				_, err = p.MeterSettle(t.Context(), []store.Settle{{ID: r.ID, Release: i == 5, Amount: int64(i), Now: moment(2)}})
			case 2:
				_, err = p.MeterExtend(t.Context(), r.ID, moment(2), moment(70))
			default:
				_, err = p.MeterReserve(t.Context(), []store.Reserve{p.ask(2, 1, true)})
			}
			if err != nil && store.CodeOf(err) != store.ErrConflict {
				t.Error(err)
			}
		})
		ended := p.settle(t, store.Settle{ID: r.ID, Now: moment(3)})[0]
		p.wantBalance(t, 3, 90-ended.Settled+ended.Refunded, 0)
		p.ledger(t)
	})
}
