package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

func testSignIns(t *testing.T, open Opener) {
	s := open(t)
	rule := store.SignInRule{Limit: 10, Window: 15 * time.Minute}
	attempt := func(t *testing.T, key string, now time.Time) store.SignInFailures {
		t.Helper()
		return got(s.SignInAttempt(t.Context(), key, rule, now))(t)
	}
	locked := func(t *testing.T, key string, now time.Time) bool {
		t.Helper()
		return attempt(t, key, now).LockedUntil.After(now)
	}
	// spend uses up the limit at one moment and sets the lock.
	spend := func(t *testing.T, key string, now time.Time) {
		t.Helper()
		for range rule.Limit {
			want(t, locked(t, key, now), false)
		}
		want(t, locked(t, key, now), true)
	}

	t.Run("SignInAttempt/Counts", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		for i := range rule.Limit {
			want(t, attempt(t, key, moment(i)), store.SignInFailures{Count: i + 1})
		}
		f := attempt(t, key, moment(20))
		want(t, f, store.SignInFailures{Count: rule.Limit + 1, LockedUntil: kept(moment(20).Add(rule.Window))})
	})
	t.Run("SignInAttempt/LK-02 OfManyAtOnceAtMostTheLimit", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		var passed, refused atomic.Int64
		together(50, func(i int) {
			now := moment(0).Add(time.Duration(i) * time.Millisecond)
			f, err := s.SignInAttempt(t.Context(), key, rule, now)
			switch {
			case err != nil:
				t.Error(err)
			case f.LockedUntil.After(now):
				refused.Add(1)
			default:
				passed.Add(1)
			}
		})
		want(t, passed.Load(), int64(rule.Limit))
		want(t, refused.Load(), int64(50-rule.Limit))
	})
	t.Run("SignInAttempt/LockIsNotProlonged", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		spend(t, key, moment(0))
		until := kept(moment(0).Add(rule.Window))
		for range 3 {
			want(t, attempt(t, key, moment(600)).LockedUntil, until)
		}
		want(t, locked(t, key, until.Add(-time.Microsecond)), true)
		want(t, locked(t, key, until), false)
	})
	t.Run("SignInAttempt/WhatAWrongClockSetEndsAWindowFromNow", func(t *testing.T) {
		t.Parallel()
		ahead := moment(24 * 3600)
		locked, counted := newID("k"), newID("k")
		spend(t, locked, ahead)
		for range rule.Limit - 1 {
			attempt(t, counted, ahead)
		}
		until := kept(moment(0).Add(rule.Window))
		want(t, attempt(t, locked, moment(0)).LockedUntil, until)
		want(t, attempt(t, locked, moment(60)).LockedUntil, until)
		spend(t, locked, until)
		want(t, attempt(t, counted, moment(0)).Count, rule.Limit) // no attempt is given back
		want(t, attempt(t, counted, until), store.SignInFailures{Count: 1})
	})
	t.Run("SignInAttempt/StartsAnewAfterTheLock", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		spend(t, key, moment(0))
		spend(t, key, moment(0).Add(rule.Window))
	})
	t.Run("SignInAttempt/StartsAnewAfterAQuietWindow", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		for range rule.Limit {
			attempt(t, key, moment(0))
		}
		want(t, attempt(t, key, moment(0).Add(rule.Window)), store.SignInFailures{Count: 1})
	})
	t.Run("SignInAttempt/NoWindowHoldsMoreThanTheLimit", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		var passed []time.Time
		for i := range 200 {
			// Bursts that a window of fixed bounds would let through twice.
			now := moment(0).Add(time.Duration(i/9)*(rule.Window-time.Second)/2 + time.Duration(i%9)*time.Millisecond)
			if !locked(t, key, now) {
				passed = append(passed, now)
			}
		}
		for i := rule.Limit; i < len(passed); i++ {
			if gap := passed[i].Sub(passed[i-rule.Limit]); gap < rule.Window {
				t.Fatalf("%d attempts passed within %v", rule.Limit+1, gap)
			}
		}
	})
	t.Run("SignInAttempt/KeysAreApart", func(t *testing.T) {
		t.Parallel()
		spend(t, newID("k"), moment(0))
		want(t, attempt(t, newID("k"), moment(0)), store.SignInFailures{Count: 1})
	})
	t.Run("SignInClear/Forgets", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		spend(t, key, moment(0))
		must(t, s.SignInClear(t.Context(), key))
		must(t, s.SignInClear(t.Context(), key))
		want(t, attempt(t, key, moment(1)), store.SignInFailures{Count: 1})
	})
	t.Run("SignInForgive/TakesOneBack", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		must(t, s.SignInForgive(t.Context(), key)) // nothing to take back
		attempt(t, key, moment(0))
		attempt(t, key, moment(0))
		must(t, s.SignInForgive(t.Context(), key))
		want(t, attempt(t, key, moment(0)), store.SignInFailures{Count: 2})
		for range 5 { // never below none
			must(t, s.SignInForgive(t.Context(), key))
		}
		want(t, attempt(t, key, moment(0)), store.SignInFailures{Count: 1})
	})
	t.Run("SignInForgive/LeavesALock", func(t *testing.T) {
		t.Parallel()
		key := newID("k")
		spend(t, key, moment(0))
		want(t, locked(t, key, moment(0)), true)
		for range 2 * rule.Limit {
			must(t, s.SignInForgive(t.Context(), key))
		}
		want(t, locked(t, key, moment(1)), true)
	})
	t.Run("SignInPurge/WhatNoLongerCountsInChunks", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for range 3 {
			got(s.SignInAttempt(t.Context(), newID("k"), rule, moment(0)))(t)
		}
		live := newID("k")
		got(s.SignInAttempt(t.Context(), live, rule, moment(1)))(t)

		end := moment(0).Add(rule.Window)
		want(t, got(s.SignInPurge(t.Context(), end.Add(-time.Microsecond), 5))(t), 0)
		want(t, got(s.SignInPurge(t.Context(), end, 2))(t), 2)
		want(t, got(s.SignInPurge(t.Context(), end, 2))(t), 1)
		want(t, got(s.SignInPurge(t.Context(), end, 2))(t), 0)
		want(t, got(s.SignInAttempt(t.Context(), live, rule, moment(2)))(t).Count, 2)
	})
}

func testKnownDevices(t *testing.T, open Opener) {
	s := open(t)
	d := store.KnownDevice{Subject: newID("usr_"), Address: "2001:db8::/64", At: moment(10)}
	must(t, s.KnownDevicePut(t.Context(), d))
	since := func(t *testing.T, subject, address string, at time.Time) bool {
		t.Helper()
		return got(s.KnownDeviceSince(t.Context(), subject, address, at))(t)
	}

	t.Run("KnownDeviceSince/AtOrAfter", func(t *testing.T) {
		want(t, since(t, d.Subject, d.Address, moment(9)), true)
		want(t, since(t, d.Subject, d.Address, moment(10)), true)
		want(t, since(t, d.Subject, d.Address, moment(11)), false)
	})
	t.Run("KnownDeviceSince/OfOneSubjectAndAddress", func(t *testing.T) {
		want(t, since(t, newID("usr_"), d.Address, moment(0)), false)
		want(t, since(t, d.Subject, "192.0.2.1", moment(0)), false)
	})
	t.Run("KnownDevicePut/NeverBackInTime", func(t *testing.T) {
		earlier, later := d, d
		earlier.At, later.At = moment(5), moment(20)
		must(t, s.KnownDevicePut(t.Context(), earlier))
		want(t, since(t, d.Subject, d.Address, moment(10)), true)
		must(t, s.KnownDevicePut(t.Context(), later))
		want(t, since(t, d.Subject, d.Address, moment(20)), true)
	})
	t.Run("KnownDeviceDelete/OfOneSubject", func(t *testing.T) {
		other := d
		other.Subject = newID("usr_")
		must(t, s.KnownDevicePut(t.Context(), other))
		must(t, s.KnownDeviceDelete(t.Context(), other.Subject))
		want(t, since(t, other.Subject, d.Address, moment(0)), false)
		want(t, since(t, d.Subject, d.Address, moment(0)), true)
		must(t, s.KnownDeviceDelete(t.Context(), other.Subject))
	})
	t.Run("KnownDevicePurge/OldOnesInChunks", func(t *testing.T) {
		s := open(t)
		for i := range 4 {
			must(t, s.KnownDevicePut(t.Context(), store.KnownDevice{Subject: d.Subject, Address: newID("a"), At: moment(i)}))
		}
		must(t, s.KnownDevicePut(t.Context(), d))
		want(t, got(s.KnownDevicePurge(t.Context(), moment(3), 2))(t), 2)
		want(t, got(s.KnownDevicePurge(t.Context(), moment(3), 2))(t), 1)
		want(t, got(s.KnownDevicePurge(t.Context(), moment(3), 2))(t), 0)
		want(t, got(s.KnownDeviceSince(t.Context(), d.Subject, d.Address, moment(10)))(t), true)
	})
}
