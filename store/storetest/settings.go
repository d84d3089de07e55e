package storetest

import (
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

func testSettings(t *testing.T, open Opener) {
	s := open(t)
	t.Run("SettingGet/Missing", func(t *testing.T) {
		t.Parallel()
		_, err := s.SettingGet(t.Context(), newID("x"))
		wantError(t, err, store.ErrNotFound)
	})
	t.Run("SettingPut/InsertsAndReplaces", func(t *testing.T) {
		t.Parallel()
		first := store.Setting{Name: newID("x"), Value: `["10.0.0.0/8"]`, UpdatedAt: kept(moment(1)), UpdatedBy: "adm_1"}
		must(t, s.SettingPut(t.Context(), first))
		want(t, got(s.SettingGet(t.Context(), first.Name))(t), first)
		next := store.Setting{Name: first.Name, Value: `[]`, UpdatedAt: kept(moment(2))}
		must(t, s.SettingPut(t.Context(), next))
		want(t, got(s.SettingGet(t.Context(), first.Name))(t), next)
	})
}

// testSignInLocks asks what a desk needs: whether an account is locked, and to
// unlock it for all of its devices.
func testSignInLocks(t *testing.T, open Opener) {
	s := open(t)
	rule := store.SignInRule{Limit: 1, Window: 15 * time.Minute}
	attempt := func(t *testing.T, key string) {
		t.Helper()
		_, err := s.SignInAttempt(t.Context(), key, rule, moment(0))
		must(t, err)
	}
	locked := func(t *testing.T, key string, now time.Time) time.Time {
		t.Helper()
		return got(s.SignInLocks(t.Context(), []string{newID("k"), key}, now))(t)[key]
	}
	t.Run("SignInLocks/UntilTheirEnd", func(t *testing.T) {
		t.Parallel()
		key, end := newID("k"), kept(moment(0).Add(rule.Window))
		want(t, locked(t, key, moment(0)), time.Time{})
		attempt(t, key)
		want(t, locked(t, key, moment(0)), time.Time{})
		attempt(t, key)
		want(t, locked(t, key, moment(1)), end)
		want(t, locked(t, key, end), time.Time{})
	})
	t.Run("SignInLocks/OfMany", func(t *testing.T) {
		t.Parallel()
		var keys []string
		locked := map[string]time.Time{}
		for i := range 45 {
			keys = append(keys, newID("k"))
			attempt(t, keys[i])
			if i%2 == 0 {
				attempt(t, keys[i])
				locked[keys[i]] = kept(moment(0).Add(rule.Window))
			}
		}
		want(t, got(s.SignInLocks(t.Context(), keys, moment(1)))(t), locked)
		want(t, len(got(s.SignInLocks(t.Context(), keys, moment(0).Add(rule.Window)))(t)), 0)
		want(t, len(got(s.SignInLocks(t.Context(), nil, moment(1)))(t)), 0)
	})
	t.Run("SignInUnlock/TheKeyAndThoseThatBeginSo", func(t *testing.T) {
		t.Parallel()
		id := newID("usr_")
		key, prefix := "user:"+id, "device:"+id+":"
		for _, k := range []string{key, prefix + "192.0.2.1", prefix + "2001:db8::", "device:" + id + "x:192.0.2.1"} {
			attempt(t, k)
			attempt(t, k)
		}
		want(t, got(s.SignInUnlock(t.Context(), key, prefix))(t), 3)
		want(t, got(s.SignInUnlock(t.Context(), key, prefix))(t), 0)
		want(t, locked(t, key, moment(1)), time.Time{})
		want(t, locked(t, "device:"+id+"x:192.0.2.1", moment(1)), kept(moment(0).Add(rule.Window)))
	})
}
