package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// newCounter makes a counter of a subject that nobody else uses, with a limit.
func newCounter(limit int64) store.CounterLimit {
	return store.CounterLimit{
		Counter: store.Counter{Subject: newID("usr_"), Meter: "conversations", Window: store.Day, Start: kept(moment(-3600))},
		Limit:   limit,
		End:     kept(moment(24*3600 - 3600)),
	}
}

// lease asks at moment(0) for units until moment(60).
func lease(amount int64, limits ...store.CounterLimit) store.Reserve {
	return store.Reserve{ID: newID("res_"), Subject: "usr_1", Meter: "conversations", Amount: amount, Limits: limits,
		Now: moment(0), ExpiresAt: moment(60)}
}

// held is the reservation that r becomes.
func held(r store.Reserve) store.Reservation {
	return store.Reservation{ID: r.ID, Subject: r.Subject, Meter: r.Meter, Amount: r.Amount,
		Status: store.ReservationHeld, ExpiresAt: kept(r.ExpiresAt), CreatedAt: kept(r.Now)}
}

// state is a counter with what it should hold.
func state(l store.CounterLimit, used, reserved int64) store.CounterState {
	return store.CounterState{CounterLimit: l, Used: used, Reserved: reserved}
}

// meter is a store with helpers that fail the test.
type meter struct{ store.Store }

func (m meter) reserve(t *testing.T, batch ...store.Reserve) []store.ReserveResult {
	t.Helper()
	results := got(m.MeterReserve(t.Context(), batch))(t)
	want(t, len(results), len(batch))
	return results
}

func (m meter) settle(t *testing.T, batch ...store.Settle) []store.Reservation {
	t.Helper()
	ended := got(m.MeterSettle(t.Context(), batch))(t)
	want(t, len(ended), len(batch))
	return ended
}

// wantUsage checks one counter as it is at a moment.
func (m meter) wantUsage(t *testing.T, now time.Time, l store.CounterLimit, used, reserved int64) {
	t.Helper()
	want(t, got(m.MeterUsage(t.Context(), []store.CounterLimit{l}, now))(t), []store.CounterState{state(l, used, reserved)})
}

func testReserve(t *testing.T, open Opener) {
	m := meter{open(t)}
	run := func(name string, fn func(t *testing.T)) {
		t.Run("MeterReserve/"+name, func(t *testing.T) {
			t.Parallel()
			fn(t)
		})
	}

	run("Admits", func(t *testing.T) {
		day := newCounter(10)
		month := day
		month.Window, month.Limit = store.Month, store.Unlimited
		r := lease(3, day, month)
		want(t, m.reserve(t, r), []store.ReserveResult{{
			Reservation: held(r), Refused: -1,
			Counters: []store.CounterState{state(day, 0, 3), state(month, 0, 3)},
		}})
		m.wantUsage(t, moment(0), day, 0, 3)
		m.wantUsage(t, moment(0), month, 0, 3)
	})
	run("Nothing", func(t *testing.T) {
		want(t, got(m.MeterReserve(t.Context(), nil))(t), nil)
	})
	run("RefusedMemberWritesNothing", func(t *testing.T) {
		wide, narrow := newCounter(10), newCounter(2)
		res := m.reserve(t, lease(3, wide, narrow))[0]
		want(t, res, store.ReserveResult{Refused: 1, Counters: []store.CounterState{state(wide, 0, 0), state(narrow, 0, 0)}})
		m.wantUsage(t, moment(0), wide, 0, 0)
		m.wantUsage(t, moment(0), narrow, 0, 0)
	})
	run("RefusedIDIsFree", func(t *testing.T) {
		r := lease(3, newCounter(2))
		want(t, m.reserve(t, r)[0].Refused, 0)
		r.Amount = 2
		want(t, m.reserve(t, r)[0].Refused, -1)
	})
	run("LimitIsReachedAndNotPassed", func(t *testing.T) {
		l := newCounter(5)
		want(t, m.reserve(t, lease(6, l))[0].Refused, 0)
		want(t, m.reserve(t, lease(5, l))[0].Refused, -1)
		want(t, m.reserve(t, lease(1, l))[0].Refused, 0)
		want(t, m.reserve(t, lease(1, newCounter(0)))[0].Refused, 0)
	})
	run("UnlimitedOnlyCounts", func(t *testing.T) {
		l := newCounter(store.Unlimited)
		for range 3 {
			want(t, m.reserve(t, lease(store.MaxAmount/4, l))[0].Refused, -1)
		}
		m.wantUsage(t, moment(0), l, 0, 3*(store.MaxAmount/4))
	})
	run("CountersAreApart", func(t *testing.T) {
		l := newCounter(1)
		m.reserve(t, lease(1, l))
		subject, other, window, start := l, l, l, l
		subject.Subject, other.Meter, window.Window, start.Start = newID("usr_"), "tokens", store.Week, l.Start.Add(24*time.Hour)
		for _, l := range []store.CounterLimit{subject, other, window, start} {
			want(t, m.reserve(t, lease(1, l))[0].Refused, -1)
		}
	})
	run("TwoLimitsOnOneCounterCountOnce", func(t *testing.T) {
		wide := newCounter(10)
		narrow := wide
		narrow.Limit = 4
		want(t, m.reserve(t, lease(4, wide, narrow))[0].Refused, -1)
		m.wantUsage(t, moment(0), wide, 0, 4)
		want(t, m.reserve(t, lease(1, wide, narrow))[0].Refused, 1)
	})
	run("QT-01 OfManyExactlyTheLimit", func(t *testing.T) {
		const limit = 37
		l := newCounter(limit)
		var admitted atomic.Int64
		together(200, func(int) {
			res, err := m.MeterReserve(t.Context(), []store.Reserve{lease(1, l)})
			switch {
			case err != nil:
				t.Error(err)
			case res[0].Refused < 0:
				admitted.Add(1)
			}
		})
		want(t, admitted.Load(), limit)
		m.wantUsage(t, moment(0), l, 0, limit)
	})
	run("QT-04 AllLimitsHoldUnderConcurrency", func(t *testing.T) {
		user, first, second := newCounter(20), newCounter(12), newCounter(12)
		var admitted [2]atomic.Int64
		together(60, func(i int) {
			key := []store.CounterLimit{first, second}[i%2]
			batch := []store.Reserve{lease(1, user, key), lease(1, key, user)}
			res, err := m.MeterReserve(t.Context(), batch)
			if err != nil {
				t.Error(err)
				return
			}
			for _, r := range res {
				if r.Refused < 0 {
					admitted[i%2].Add(1)
				}
			}
		})
		a, b := admitted[0].Load(), admitted[1].Load()
		want(t, a+b, 20)
		want(t, a <= 12 && b <= 12, true)
		m.wantUsage(t, moment(0), user, 0, 20)
		m.wantUsage(t, moment(0), first, 0, a)
		m.wantUsage(t, moment(0), second, 0, b)
	})
	testReserveBatch(t, m, run)
	testReserveExpiry(t, m, run)
}

func testReserveBatch(t *testing.T, m meter, run func(string, func(*testing.T))) {
	run("BatchMembersSeeEachOther", func(t *testing.T) {
		l, other := newCounter(5), newCounter(100)
		res := m.reserve(t, lease(3, l, other), lease(3, other, l), lease(2, l), lease(1, l, other))
		want(t, []int{res[0].Refused, res[1].Refused, res[2].Refused, res[3].Refused}, []int{-1, 1, -1, 0})
		want(t, res[1].Counters, []store.CounterState{state(other, 0, 3), state(l, 0, 3)})
		want(t, res[2].Counters, []store.CounterState{state(l, 0, 5)})
		m.wantUsage(t, moment(0), l, 0, 5)
		m.wantUsage(t, moment(0), other, 0, 3)
	})
	run("LargeBatch", func(t *testing.T) {
		l := newCounter(300)
		batch := make([]store.Reserve, 500)
		for i := range batch {
			batch[i] = lease(1, l)
		}
		admitted := 0
		for _, r := range m.reserve(t, batch...) {
			if r.Refused < 0 {
				admitted++
			}
		}
		want(t, admitted, 300)
		m.wantUsage(t, moment(0), l, 0, 300)
	})
	run("ExistingIDIsConflictForTheWholeBatch", func(t *testing.T) {
		old, l := lease(1, newCounter(9)), newCounter(9)
		m.reserve(t, old)
		again := lease(1, l)
		again.ID = old.ID
		_, err := m.MeterReserve(t.Context(), []store.Reserve{lease(1, l), again})
		wantError(t, err, store.ErrConflict)
		m.wantUsage(t, moment(0), l, 0, 0)
	})
	run("ExistingIDIsConflictAlsoWhenRefused", func(t *testing.T) {
		old := lease(1, newCounter(9))
		m.reserve(t, old)
		again := lease(10, newCounter(9))
		again.ID = old.ID
		_, err := m.MeterReserve(t.Context(), []store.Reserve{again})
		wantError(t, err, store.ErrConflict)
	})
	run("SameIDTwiceIsConflict", func(t *testing.T) {
		l := newCounter(9)
		r := lease(1, l)
		_, err := m.MeterReserve(t.Context(), []store.Reserve{r, r})
		wantError(t, err, store.ErrConflict)
		m.wantUsage(t, moment(0), l, 0, 0)
	})
}

func testReserveExpiry(t *testing.T, m meter, run func(string, func(*testing.T))) {
	run("LeasePastItsDeadlineCountsAsReturned", func(t *testing.T) {
		l := newCounter(1)
		m.reserve(t, lease(1, l))
		before, at := lease(1, l), lease(1, l)
		before.Now = moment(60).Add(-time.Microsecond)
		at.Now, at.ExpiresAt = moment(60), moment(120)
		want(t, m.reserve(t, before)[0].Refused, 0)
		m.wantUsage(t, before.Now, l, 0, 1)
		m.wantUsage(t, at.Now, l, 0, 0)
		want(t, m.reserve(t, at)[0].Refused, -1)
		m.wantUsage(t, at.Now, l, 0, 1)
	})
	run("EachMemberDecidesAtItsOwnTime", func(t *testing.T) {
		l := newCounter(2)
		short, long := lease(1, l), lease(1, l)
		short.ExpiresAt = moment(10)
		m.reserve(t, short, long)
		early, late, earlyAgain := lease(1, l), lease(1, l), lease(1, l)
		late.Now = moment(10)
		earlyAgain.Now = moment(9)
		res := m.reserve(t, early, late, earlyAgain)
		want(t, []int{res[0].Refused, res[1].Refused, res[2].Refused}, []int{0, -1, 0})
	})
	run("MembersOfTheBatchExpireToo", func(t *testing.T) {
		l := newCounter(1)
		short, next := lease(1, l), lease(1, l)
		short.ExpiresAt = moment(10)
		next.Now = moment(10)
		res := m.reserve(t, short, next)
		want(t, []int{res[0].Refused, res[1].Refused}, []int{-1, -1})
		want(t, res[1].Counters, []store.CounterState{state(l, 0, 1)})
	})
}
