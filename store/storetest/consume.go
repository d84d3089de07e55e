package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// consume asks at moment(0) for units at once.
func consume(amount int64, limits ...store.CounterLimit) store.Reserve {
	r := lease(amount, limits...)
	r.Consume = true
	return r
}

// consumed is the reservation that r answers with.
func consumed(r store.Reserve) store.Reservation {
	return store.Reservation{ID: r.ID, Subject: r.Subject, Meter: r.Meter, Amount: r.Amount, Settled: r.Amount,
		Status: store.ReservationSettled, ExpiresAt: kept(r.Now), CreatedAt: kept(r.Now), EndedAt: kept(r.Now)}
}

func refusals(results []store.ReserveResult) (refused []int) {
	for _, r := range results {
		refused = append(refused, r.Refused)
	}
	return refused
}

func testConsume(t *testing.T, open Opener) {
	m := meter{open(t)}
	run := func(name string, fn func(t *testing.T)) {
		t.Run("MeterReserve/"+name, func(t *testing.T) {
			t.Parallel()
			fn(t)
		})
	}

	run("ConsumeCountsAtOnce", func(t *testing.T) {
		day, key := newCounter(5), newCounter(store.Unlimited)
		r := consume(3, day, key)
		want(t, m.reserve(t, r), []store.ReserveResult{{Reservation: consumed(r), Refused: store.Admitted,
			Counters: []store.CounterState{state(day, 3, 0), state(key, 3, 0)}}})
		m.wantUsage(t, moment(0), day, 3, 0)
		m.wantUsage(t, moment(9999), key, 3, 0)
	})
	run("ConsumeIsNoLease", func(t *testing.T) {
		r := consume(1, newCounter(5))
		m.reserve(t, r)
		_, err := m.MeterSettle(t.Context(), []store.Settle{{ID: r.ID, Now: moment(1)}})
		wantError(t, err, store.ErrNotFound)
		_, err = m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(1)})
		wantError(t, err, store.ErrNotFound)
	})
	run("ConsumesAndLeasesOfABatchSeeEachOther", func(t *testing.T) {
		l, wide := newCounter(10), newCounter(100)
		res := m.reserve(t, consume(4, l, wide), lease(3, wide, l), consume(4, l), lease(3, l), consume(1, wide, l))
		want(t, refusals(res), []int{-1, -1, 0, -1, 1})
		want(t, res[1].Counters, []store.CounterState{state(wide, 4, 3), state(l, 4, 3)})
		want(t, res[3].Counters, []store.CounterState{state(l, 4, 6)})
		m.wantUsage(t, moment(0), l, 4, 6)
		m.wantUsage(t, moment(0), wide, 4, 3)
	})
	run("ConsumesOfABatchOutliveALeaseThatEndsInIt", func(t *testing.T) {
		l := newCounter(10)
		short := lease(6, l)
		short.ExpiresAt = moment(10)
		first, late, later := consume(2, l), consume(7, l), consume(2, l)
		late.Now, later.Now = moment(10), moment(11)
		want(t, refusals(m.reserve(t, first, short, consume(3, l), late, later)), []int{-1, -1, 0, -1, 0})
		m.wantUsage(t, moment(11), l, 9, 0)
	})
	run("TwoLimitsOnOneCounterConsumeOnce", func(t *testing.T) {
		wide := newCounter(10)
		narrow := wide
		narrow.Limit = 4
		want(t, refusals(m.reserve(t, consume(4, wide, narrow), consume(1, wide, narrow))), []int{-1, 1})
		m.wantUsage(t, moment(0), wide, 4, 0)
	})
	run("QT-01 OfManyConsumesExactlyTheLimit", func(t *testing.T) {
		const limit = 37
		l := newCounter(limit)
		var admitted atomic.Int64
		together(100, func(int) {
			res, err := m.MeterReserve(t.Context(), []store.Reserve{consume(1, l), consume(1, l)})
			if err != nil {
				t.Error(err)
				return
			}
			for _, r := range res {
				if r.Refused == store.Admitted {
					admitted.Add(1)
				}
			}
		})
		want(t, admitted.Load(), limit)
		m.wantUsage(t, moment(0), l, limit, 0)
	})
}

// testRefund refunds units; refunds of credits stand with those.
func testRefund(t *testing.T, open Opener) {
	m := meter{open(t)}
	run := func(name string, fn func(t *testing.T, r store.Reserve, l store.CounterLimit)) {
		t.Run("MeterRefund/"+name, func(t *testing.T) {
			t.Parallel()
			l := newCounter(10)
			r := lease(5, l)
			m.reserve(t, r)
			fn(t, r, l)
		})
	}
	run("GivesBackWhatWasSettled", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{l.Counter}, Amount: 2}}))
		settled := m.settle(t, store.Settle{ID: r.ID, Amount: 7, Now: moment(5)})[0]
		settled.Refunded = 7
		want(t, got(m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(6)}))(t), settled)
		m.wantUsage(t, moment(6), l, 2, 0)
	})
	run("QT-09 FirstRefundStands", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		m.settle(t, store.Settle{ID: r.ID, Amount: 4, Now: moment(5)})
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{l.Counter}, Amount: 9}}))
		first := got(m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(6)}))(t)
		want(t, got(m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(7)}))(t), first)
		want(t, m.settle(t, store.Settle{ID: r.ID, Amount: 1, Now: moment(8)})[0], first)
		m.wantUsage(t, moment(8), l, 9, 0)
	})
	run("NothingOfBeforeAReset", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		m.settle(t, store.Settle{ID: r.ID, Amount: 4, Now: moment(5)})
		must(t, m.MeterReset(t.Context(), []store.Counter{l.Counter}))
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{l.Counter}, Amount: 5}}))
		want(t, got(m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(6)}))(t).Refunded, 4)
		m.wantUsage(t, moment(6), l, 5, 0)
		points := got(m.UsageHistory(t.Context(), l.Subject, l.Meter, l.Start, l.Start.Add(time.Hour)))(t)
		want(t, points, []store.UsagePoint{{Meter: l.Meter, Date: l.Start, Used: 5}})
	})
	run("WhatWasSettledAfterAReset", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{l.Counter}, Amount: 3}}))
		must(t, m.MeterReset(t.Context(), []store.Counter{l.Counter}))
		other := newCounter(9)
		two := lease(1, l, other)
		m.reserve(t, two)
		m.settle(t, store.Settle{ID: r.ID, Amount: 4, Now: moment(5)}, store.Settle{ID: two.ID, Amount: 1, Now: moment(5)})
		got(m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(6)}))(t)
		m.wantUsage(t, moment(6), l, 1, 0)
		must(t, m.MeterReset(t.Context(), []store.Counter{other.Counter}))
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{other.Counter}, Amount: 2}}))
		got(m.MeterRefund(t.Context(), store.Refund{ID: two.ID, Now: moment(7)}))(t)
		m.wantUsage(t, moment(7), l, 0, 0)
		m.wantUsage(t, moment(7), other, 2, 0)
	})
	run("NothingThatEndedTooLongAgo", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		m.settle(t, store.Settle{ID: r.ID, Amount: 4, Now: moment(5)})
		_, err := m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(99), Since: moment(6)})
		wantError(t, err, store.ErrConflict)
		m.wantUsage(t, moment(99), l, 4, 0)
		back := got(m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(99), Since: moment(5)}))(t)
		want(t, back.Refunded, 4)
		want(t, got(m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(99), Since: moment(6)}))(t), back)
		m.wantUsage(t, moment(99), l, 0, 0)
	})
	run("OnlyWhatIsSettled", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		_, err := m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(5)})
		wantError(t, err, store.ErrConflict)
		m.settle(t, store.Settle{ID: r.ID, Release: true, Now: moment(6)})
		_, err = m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(7)})
		wantError(t, err, store.ErrConflict)
		_, err = m.MeterRefund(t.Context(), store.Refund{ID: newID("res_"), Now: moment(7)})
		wantError(t, err, store.ErrNotFound)
		m.wantUsage(t, moment(7), l, 0, 0)
	})
	run("QT-09 SettlesAndRefundsAtOnce", func(t *testing.T, r store.Reserve, l store.CounterLimit) {
		together(30, func(i int) {
			if i%3 > 0 {
				if _, err := m.MeterSettle(t.Context(), []store.Settle{{ID: r.ID, Amount: int64(i), Now: moment(5)}}); err != nil {
					t.Error(err)
				}
				return
			}
			_, err := m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(5)})
			if err != nil && store.CodeOf(err) != store.ErrConflict {
				t.Error(err)
			}
		})
		ended := m.settle(t, store.Settle{ID: r.ID, Now: moment(6)})[0]
		want(t, ended.Refunded == 0 || ended.Refunded == ended.Settled, true)
		m.wantUsage(t, moment(6), l, ended.Settled-ended.Refunded, 0)
	})
}
