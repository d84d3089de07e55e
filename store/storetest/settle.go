package storetest

import (
	"sync"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

func testSettle(t *testing.T, open Opener) {
	m := meter{open(t)}
	// run gives fn a lease of 5 against two counters with limit 10.
	run := func(name string, fn func(t *testing.T, r store.Reserve, first, second store.CounterLimit)) {
		t.Run("MeterSettle/"+name, func(t *testing.T) {
			t.Parallel()
			first, second := newCounter(10), newCounter(10)
			r := lease(5, first, second)
			m.reserve(t, r)
			fn(t, r, first, second)
		})
	}

	run("CountsTheActual", func(t *testing.T, r store.Reserve, first, second store.CounterLimit) {
		ended := held(r)
		ended.Status, ended.Settled, ended.EndedAt = store.ReservationSettled, 3, kept(moment(5))
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 3, Now: moment(5)}), []store.Reservation{ended})
		m.wantUsage(t, moment(5), first, 3, 0)
		m.wantUsage(t, moment(5), second, 3, 0)
	})
	run("Nothing", func(t *testing.T, _ store.Reserve, _, _ store.CounterLimit) {
		want(t, got(m.MeterSettle(t.Context(), nil))(t), nil)
	})
	run("NothingUsed", func(t *testing.T, r store.Reserve, first, _ store.CounterLimit) {
		ended := m.settle(t, store.Settle{ID: r.ID, Now: moment(5)})[0]
		want(t, ended.Status, store.ReservationSettled)
		m.wantUsage(t, moment(5), first, 0, 0)
	})
	run("MayPassTheLimit", func(t *testing.T, r store.Reserve, first, _ store.CounterLimit) {
		m.settle(t, store.Settle{ID: r.ID, Amount: 25, Now: moment(5)})
		m.wantUsage(t, moment(5), first, 25, 0)
		res := m.reserve(t, lease(1, first))[0]
		want(t, res.Refused, 0)
		want(t, res.Counters[0].Remaining(), 0)
	})
	run("QT-05 NeverWraps", func(t *testing.T, _ store.Reserve, first, _ store.CounterLimit) {
		free := first
		free.Limit = store.Unlimited
		for range 2 {
			var leases []store.Reserve
			var ends []store.Settle
			for range 700 {
				leases = append(leases, lease(1, free))
				ends = append(ends, store.Settle{ID: leases[len(leases)-1].ID, Amount: store.MaxAmount, Now: moment(5)})
			}
			m.reserve(t, leases...)
			m.settle(t, ends...)
		}
		m.wantUsage(t, moment(5), first, store.MaxAmount, 5)
		first.Limit = store.MaxAmount
		for _, amount := range []int64{1, 2000, store.MaxAmount} {
			want(t, m.reserve(t, lease(amount, first))[0].Refused, 0)
		}
		want(t, m.reserve(t, lease(1, free))[0].Refused, store.Admitted)
	})
	run("QT-05 HoldsNeverWrap", func(t *testing.T, _ store.Reserve, first, _ store.CounterLimit) {
		free := first
		free.Limit = store.Unlimited
		for range 3 {
			var leases []store.Reserve
			for range 400 {
				leases = append(leases, lease(store.MaxAmount-5, free))
			}
			m.reserve(t, leases...)
		}
		m.wantUsage(t, moment(5), first, 0, store.MaxAmount)
	})
	run("ReleaseReturnsAll", func(t *testing.T, r store.Reserve, first, second store.CounterLimit) {
		ended := held(r)
		ended.Status, ended.EndedAt = store.ReservationReleased, kept(moment(5))
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 9, Release: true, Now: moment(5)}), []store.Reservation{ended})
		m.wantUsage(t, moment(5), first, 0, 0)
		m.wantUsage(t, moment(5), second, 0, 0)
	})
	run("QT-09 FirstEndingStands", func(t *testing.T, r store.Reserve, first, _ store.CounterLimit) {
		ended := m.settle(t, store.Settle{ID: r.ID, Amount: 3, Now: moment(5)})
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 4, Now: moment(6)}), ended)
		want(t, m.settle(t, store.Settle{ID: r.ID, Release: true, Now: moment(7)}), ended)
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 4, Now: moment(99)}), ended)
		m.wantUsage(t, moment(7), first, 3, 0)
	})
	run("QT-09 ReleasedStaysReleased", func(t *testing.T, r store.Reserve, first, _ store.CounterLimit) {
		ended := m.settle(t, store.Settle{ID: r.ID, Release: true, Now: moment(5)})
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 4, Now: moment(6)}), ended)
		m.wantUsage(t, moment(6), first, 0, 0)
	})
	run("QT-09 OfManyEndingsExactlyOne", func(t *testing.T, r store.Reserve, first, second store.CounterLimit) {
		var mu sync.Mutex
		endings := map[store.Reservation]int{}
		together(50, func(i int) {
			s := store.Settle{ID: r.ID, Amount: int64(i), Release: i%3 == 0, Now: moment(i)}
			ended, err := m.MeterSettle(t.Context(), []store.Settle{s})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			endings[ended[0]]++
		})
		want(t, len(endings), 1)
		for ending, n := range endings {
			want(t, n, 50)
			m.wantUsage(t, moment(0), first, ending.Settled, 0)
			m.wantUsage(t, moment(0), second, ending.Settled, 0)
		}
	})
	run("LateCountsTheSame", func(t *testing.T, r store.Reserve, first, second store.CounterLimit) {
		ended := m.settle(t, store.Settle{ID: r.ID, Amount: 4, Now: r.ExpiresAt})[0]
		want(t, ended.Status, store.ReservationSettledLate)
		want(t, ended.Settled, 4)
		m.wantUsage(t, moment(60), first, 4, 0)
		m.wantUsage(t, moment(60), second, 4, 0)
	})
	run("LateReleaseIsARelease", func(t *testing.T, r store.Reserve, first, _ store.CounterLimit) {
		ended := m.settle(t, store.Settle{ID: r.ID, Release: true, Now: moment(99)})[0]
		want(t, ended.Status, store.ReservationReleased)
		m.wantUsage(t, moment(0), first, 0, 0)
	})
	run("UnknownIDIsNotFoundForTheWholeBatch", func(t *testing.T, r store.Reserve, first, _ store.CounterLimit) {
		_, err := m.MeterSettle(t.Context(), []store.Settle{
			{ID: r.ID, Amount: 3, Now: moment(5)}, {ID: newID("res_"), Amount: 3, Now: moment(5)},
		})
		wantError(t, err, store.ErrNotFound)
		m.wantUsage(t, moment(5), first, 0, 5)
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 2, Now: moment(6)})[0].Settled, 2)
	})
	run("SameIDTwiceInABatch", func(t *testing.T, r store.Reserve, first, _ store.CounterLimit) {
		ended := m.settle(t, store.Settle{ID: r.ID, Amount: 3, Now: moment(5)}, store.Settle{ID: r.ID, Amount: 4, Now: moment(6)})
		want(t, ended[1], ended[0])
		m.wantUsage(t, moment(6), first, 3, 0)
	})
	run("BatchOnOneCounter", func(t *testing.T, r store.Reserve, first, second store.CounterLimit) {
		other := lease(5, first)
		m.reserve(t, other)
		m.settle(t, store.Settle{ID: r.ID, Amount: 3, Now: moment(5)}, store.Settle{ID: other.ID, Amount: 4, Now: moment(5)})
		m.wantUsage(t, moment(5), first, 7, 0)
		m.wantUsage(t, moment(5), second, 3, 0)
	})
}

func testExtend(t *testing.T, open Opener) {
	m := meter{open(t)}
	run := func(name string, fn func(t *testing.T, r store.Reserve, l store.CounterLimit)) {
		t.Run("MeterExtend/"+name, func(t *testing.T) {
			t.Parallel()
			l := newCounter(5)
			r := lease(5, l)
			m.reserve(t, r)
			fn(t, r, l)
		})
	}

	run("MovesTheDeadline", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		extended := held(r)
		extended.ExpiresAt = kept(moment(200))
		want(t, got(m.MeterExtend(t.Context(), r.ID, moment(59), moment(200)))(t), extended)
		m.wantUsage(t, moment(199), l, 0, 5)
		m.wantUsage(t, moment(200), l, 0, 0)
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 1, Now: moment(199)})[0].Status, store.ReservationSettled)
	})
	run("NotPastTheDeadline", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		expired := held(r)
		expired.Status = store.ReservationExpired
		want(t, got(m.MeterExtend(t.Context(), r.ID, r.ExpiresAt, moment(200)))(t), expired)
		m.wantUsage(t, moment(61), l, 0, 0)
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 1, Now: moment(61)})[0].Status, store.ReservationSettledLate)
	})
	// now was read before the lease lost its place: by waiting for its turn, or by
	// a clock that is behind.
	run("QT-01 NotWhenItsPlaceWasGivenAway", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		next := lease(5, l)
		next.Now, next.ExpiresAt = moment(60), moment(120)
		want(t, refusals(m.reserve(t, next)), []int{-1})
		expired := held(r)
		expired.Status = store.ReservationExpired
		want(t, got(m.MeterExtend(t.Context(), r.ID, moment(59), moment(200)))(t), expired)
		m.wantUsage(t, moment(61), l, 0, 5)
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 1, Now: moment(59)})[0].Status, store.ReservationSettledLate)
		m.wantUsage(t, moment(61), l, 1, 5)
	})
	run("NotWhenOneOfItsPlacesWasGivenAway", func(t *testing.T, _ store.Reserve, l store.CounterLimit) {
		first, second := newCounter(1), newCounter(1)
		r := lease(1, first, second)
		m.reserve(t, r)
		next := consume(1, second)
		next.Now = moment(60)
		want(t, refusals(m.reserve(t, next)), []int{-1})
		want(t, got(m.MeterExtend(t.Context(), r.ID, moment(59), moment(200)))(t).Status, store.ReservationExpired)
		m.wantUsage(t, moment(61), first, 0, 0)
		m.wantUsage(t, moment(61), second, 1, 0)
	})
	run("AlsoPastTheDeadlineAsLongAsNobodyAsked", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		m.wantUsage(t, moment(61), l, 0, 0) // who only looks takes nothing away
		want(t, got(m.MeterExtend(t.Context(), r.ID, moment(59), moment(200)))(t).Status, store.ReservationHeld)
		m.wantUsage(t, moment(61), l, 0, 5)
		late := lease(1, l)
		late.Now, late.ExpiresAt = moment(61), moment(121)
		want(t, refusals(m.reserve(t, late)), []int{0})
	})
	run("NotWhenEnded", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		ended := m.settle(t, store.Settle{ID: r.ID, Amount: 2, Now: moment(5)})[0]
		want(t, got(m.MeterExtend(t.Context(), r.ID, moment(6), moment(200)))(t), ended)
		m.wantUsage(t, moment(6), l, 2, 0)
	})
	run("Missing", func(t *testing.T, _ store.Reserve, _ store.CounterLimit) {
		_, err := m.MeterExtend(t.Context(), newID("res_"), moment(0), moment(200))
		wantError(t, err, store.ErrNotFound)
	})
}

// Leases here are made at 0 s with the deadline 60 s.
func testMeterPurge(t *testing.T, open Opener) {
	t.Run("MeterPurge/WhatNoLongerMatters", func(t *testing.T) {
		t.Parallel()
		m := meter{open(t)}
		l := newCounter(20)
		ended, abandoned, renewed := lease(5, l), lease(4, l), lease(3, l)
		m.reserve(t, ended, abandoned, renewed)
		m.settle(t, store.Settle{ID: ended.ID, Amount: 5, Now: moment(5)})
		got(m.MeterExtend(t.Context(), renewed.ID, moment(59), moment(200)))(t)

		want(t, got(m.MeterPurge(t.Context(), moment(0), 10))(t), 0)
		want(t, got(m.MeterPurge(t.Context(), moment(100), 1))(t), 1)
		want(t, got(m.MeterPurge(t.Context(), moment(100), 10))(t), 1)
		want(t, got(m.MeterPurge(t.Context(), moment(100), 10))(t), 0)
		m.wantUsage(t, moment(100), l, 5, 3)
		for _, gone := range []string{ended.ID, abandoned.ID} {
			_, err := m.MeterSettle(t.Context(), []store.Settle{{ID: gone, Amount: 1, Now: moment(101)}})
			wantError(t, err, store.ErrNotFound)
		}
		m.settle(t, store.Settle{ID: renewed.ID, Amount: 2, Now: moment(101)})
		m.wantUsage(t, moment(101), l, 7, 0)
	})
	t.Run("MeterPurge/ByTheEndAndNotTheBeginning", func(t *testing.T) {
		t.Parallel()
		m := meter{open(t)}
		l := newCounter(20)
		long, late := lease(5, l), lease(4, l)
		m.reserve(t, long, late)
		got(m.MeterExtend(t.Context(), long.ID, moment(59), moment(3000)))(t)
		m.settle(t, store.Settle{ID: long.ID, Amount: 5, Now: moment(2999)}, store.Settle{ID: late.ID, Amount: 4, Now: moment(500)})
		want(t, got(m.MeterPurge(t.Context(), moment(500), 10))(t), 0)
		want(t, got(m.MeterPurge(t.Context(), moment(2999), 10))(t), 1)
		want(t, got(m.MeterRefund(t.Context(), store.Refund{ID: long.ID, Now: moment(3000)}))(t).Refunded, 5)
		want(t, got(m.MeterPurge(t.Context(), moment(3001), 10))(t), 1)
	})
}

func testUsage(t *testing.T, open Opener) {
	m := meter{open(t)}
	t.Run("MeterAdd/CountsWithoutALimit", func(t *testing.T) {
		t.Parallel()
		l, other := newCounter(1), newCounter(1)
		must(t, m.MeterAdd(t.Context(), nil))
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{
			{Counters: []store.Counter{l.Counter, other.Counter}, Amount: 5},
			{Counters: []store.Counter{l.Counter}, Amount: 2},
		}))
		m.wantUsage(t, moment(0), l, 7, 0)
		m.wantUsage(t, moment(0), other, 5, 0)
	})
	t.Run("MeterAdd/LosesNothingUnderConcurrency", func(t *testing.T) {
		t.Parallel()
		l, other := newCounter(1), newCounter(1)
		together(50, func(i int) {
			counters := []store.Counter{l.Counter, other.Counter}
			if i%2 == 0 {
				counters[0], counters[1] = counters[1], counters[0]
			}
			if err := m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: counters, Amount: 1}}); err != nil {
				t.Error(err)
			}
		})
		m.wantUsage(t, moment(0), l, 50, 0)
		m.wantUsage(t, moment(0), other, 50, 0)
	})
	t.Run("MeterUsage/InTheOrderGiven", func(t *testing.T) {
		t.Parallel()
		a, b, unused := newCounter(9), newCounter(9), newCounter(9)
		m.reserve(t, lease(2, a))
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{b.Counter}, Amount: 5}}))
		want(t, got(m.MeterUsage(t.Context(), []store.CounterLimit{b, unused, a, b}, moment(1)))(t),
			[]store.CounterState{state(b, 5, 0), state(unused, 0, 0), state(a, 0, 2), state(b, 5, 0)})
		want(t, got(m.MeterUsage(t.Context(), nil, moment(1)))(t), nil)
	})
}
