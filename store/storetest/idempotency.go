package storetest

import (
	"sync"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// newIdempotency is a key that is remembered until moment(3600).
func newIdempotency() store.Idempotency {
	return store.Idempotency{Caller: "svc_1", Route: "POST /consume", Key: newID("k"), BodyHash: newHash(), ExpiresAt: moment(3600)}
}

func testIdempotency(t *testing.T, open Opener) {
	m := meter{open(t)}
	record := func() store.IdempotencyRecord {
		return store.IdempotencyRecord{Idempotency: newIdempotency(), Outcome: []byte(`{"a": 1}`), CreatedAt: moment(0)}
	}
	keptRecord := func(r store.IdempotencyRecord) store.IdempotencyRecord {
		r.CreatedAt, r.ExpiresAt = kept(r.CreatedAt), kept(r.ExpiresAt)
		return r
	}
	run := func(name string, fn func(t *testing.T, r store.IdempotencyRecord)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record()
			must(t, m.IdempotencyPut(t.Context(), r))
			fn(t, r)
		})
	}
	run("IdempotencyGet/ReturnsWhatWasStored", func(t *testing.T, r store.IdempotencyRecord) {
		want(t, got(m.IdempotencyGet(t.Context(), r.Caller, r.Route, r.Key, moment(3599)))(t), keptRecord(r))
	})
	run("IdempotencyGet/NotOfAnother", func(t *testing.T, r store.IdempotencyRecord) {
		for _, other := range [][3]string{{"svc_2", r.Route, r.Key}, {r.Caller, "POST /reservations", r.Key}, {r.Caller, r.Route, "k"}} {
			_, err := m.IdempotencyGet(t.Context(), other[0], other[1], other[2], moment(0))
			wantError(t, err, store.ErrNotFound)
		}
	})
	run("IdempotencyGet/NotPastItsExpiry", func(t *testing.T, r store.IdempotencyRecord) {
		_, err := m.IdempotencyGet(t.Context(), r.Caller, r.Route, r.Key, r.ExpiresAt)
		wantError(t, err, store.ErrNotFound)
	})
	run("IdempotencyPut/TheFirstStands", func(t *testing.T, r store.IdempotencyRecord) {
		again := r
		again.Outcome, again.CreatedAt = nil, moment(3599)
		wantError(t, m.IdempotencyPut(t.Context(), again), store.ErrConflict)
		want(t, got(m.IdempotencyGet(t.Context(), r.Caller, r.Route, r.Key, moment(1)))(t), keptRecord(r))
	})
	run("IdempotencyPut/ReplacesWhatExpired", func(t *testing.T, r store.IdempotencyRecord) {
		next := r
		next.BodyHash, next.Outcome, next.CreatedAt, next.ExpiresAt = newHash(), nil, moment(3600), moment(7200)
		must(t, m.IdempotencyPut(t.Context(), next))
		want(t, got(m.IdempotencyGet(t.Context(), r.Caller, r.Route, r.Key, moment(3601)))(t), keptRecord(next))
	})
	run("IdempotencyPut/OfManyExactlyOne", func(t *testing.T, _ store.IdempotencyRecord) {
		r := record()
		var mu sync.Mutex
		stored := 0
		together(20, func(int) {
			err := m.IdempotencyPut(t.Context(), r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				stored++
			case store.CodeOf(err) != store.ErrConflict:
				t.Error(err)
			}
		})
		want(t, stored, 1)
	})
	testRepeatedCharges(t, m)
	t.Run("IdempotencyPurge/WhatExpired", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for i := range 3 {
			r := record()
			r.ExpiresAt = moment(i)
			must(t, s.IdempotencyPut(t.Context(), r))
		}
		want(t, got(s.IdempotencyPurge(t.Context(), moment(0), 9))(t), 0)
		want(t, got(s.IdempotencyPurge(t.Context(), moment(2), 1))(t), 1)
		want(t, got(s.IdempotencyPurge(t.Context(), moment(2), 9))(t), 1)
	})
}

// testRepeatedCharges charges with idempotency keys.
func testRepeatedCharges(t *testing.T, m meter) {
	keyed := func(r store.Reserve, id store.Idempotency) store.Reserve {
		r.ID, r.Idempotency = newID("res_"), &id
		return r
	}
	run := func(name string, fn func(t *testing.T, l store.CounterLimit, id store.Idempotency)) {
		t.Run("MeterReserve/"+name, func(t *testing.T) {
			t.Parallel()
			fn(t, newCounter(10), newIdempotency())
		})
	}
	run("QT-08 RepeatGetsTheFirstVerdict", func(t *testing.T, l store.CounterLimit, id store.Idempotency) {
		for _, ask := range []store.Reserve{consume(3, l), lease(3, l)} {
			id := id
			id.Route = newID("route ")
			first := m.reserve(t, keyed(ask, id))[0]
			want(t, first.Replayed, false)
			m.reserve(t, consume(1, l))
			again := keyed(ask, id)
			again.Now = moment(3599)
			first.Replayed = true
			want(t, m.reserve(t, again)[0], first)
		}
		m.wantUsage(t, moment(0), l, 5, 3)
	})
	run("QT-08 AnotherBodyIsAMismatch", func(t *testing.T, l store.CounterLimit, id store.Idempotency) {
		m.reserve(t, keyed(consume(3, l), id))
		other := id
		other.BodyHash = newHash()
		want(t, m.reserve(t, keyed(consume(4, l), other)), []store.ReserveResult{{Refused: store.RefusedMismatch}})
		m.wantUsage(t, moment(0), l, 3, 0)
	})
	run("QT-08 TwoMembersOfABatchWithOneKey", func(t *testing.T, l store.CounterLimit, id store.Idempotency) {
		other := id
		other.BodyHash = newHash()
		res := m.reserve(t, keyed(consume(3, l), id), keyed(consume(3, l), id), keyed(consume(3, l), other), consume(7, l))
		want(t, refusals(res), []int{store.Admitted, store.Admitted, store.RefusedMismatch, store.Admitted})
		want(t, res[1].Replayed, true)
		want(t, res[1].Reservation, res[0].Reservation)
		m.wantUsage(t, moment(0), l, 10, 0)
	})
	run("QT-08 OfManyWithOneKeyOneCharge", func(t *testing.T, l store.CounterLimit, id store.Idempotency) {
		var mu sync.Mutex
		charges := map[string]int{}
		together(50, func(int) {
			res, err := m.MeterReserve(t.Context(), []store.Reserve{keyed(consume(1, l), id)})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			charges[res[0].Reservation.ID]++
		})
		want(t, len(charges), 1)
		m.wantUsage(t, moment(0), l, 1, 0)
	})
	run("RefusalIsNotRemembered", func(t *testing.T, l store.CounterLimit, id store.Idempotency) {
		m.reserve(t, consume(8, l))
		want(t, refusals(m.reserve(t, keyed(consume(3, l), id), keyed(consume(3, l), id))), []int{0, 0})
		must(t, m.MeterReset(t.Context(), []store.Counter{l.Counter}))
		res := m.reserve(t, keyed(consume(3, l), id))[0]
		want(t, res.Refused, store.Admitted)
		want(t, res.Replayed, false)
	})
	run("KeyCountsAnewPastItsExpiry", func(t *testing.T, l store.CounterLimit, id store.Idempotency) {
		m.reserve(t, keyed(consume(3, l), id))
		late := keyed(consume(3, l), id)
		late.Now = id.ExpiresAt
		late.Idempotency.ExpiresAt = moment(7200)
		want(t, m.reserve(t, late)[0].Replayed, false)
		m.wantUsage(t, late.Now, l, 6, 0)
	})
	run("KeysOfAFailedBatchAreFree", func(t *testing.T, l store.CounterLimit, id store.Idempotency) {
		old := lease(1, newCounter(9))
		m.reserve(t, old)
		_, err := m.MeterReserve(t.Context(), []store.Reserve{keyed(consume(3, l), id), old})
		wantError(t, err, store.ErrConflict)
		want(t, m.reserve(t, keyed(consume(3, l), id))[0].Replayed, false)
		m.wantUsage(t, moment(0), l, 3, 0)
	})
}
