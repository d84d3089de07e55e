package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// newKey makes a key with every field set.
func newKey(userID string) store.APIKeyHash {
	return store.APIKeyHash{Hash: newHash(), APIKey: store.APIKey{
		ID: newID("key_"), Family: newID("fam_"), UserID: userID, Name: "ci \"1\"", Prefix: "um_abcd", Last4: "wxyz",
		Scopes: []string{"usage:read", "messages:read"}, AllowedIPs: []string{"192.0.2.0/24", "2001:db8::/32"},
		RateLimit: "20/s,burst=40", Status: store.Active, RotatedFrom: "key_0",
		Limits: []store.Limit{
			{Meter: "conversations", Window: store.Day, Limit: store.Unlimited},
			{Meter: "tokens", Window: store.Month, Limit: store.MaxAmount},
		},
		CreatedAt: moment(0), LastUsedAt: moment(1), ExpiresAt: moment(1000), RetiresAt: moment(1001), RevokedAt: moment(2),
	}}
}

func keptKey(k store.APIKeyHash) store.APIKeyHash {
	for _, t := range []*time.Time{&k.CreatedAt, &k.LastUsedAt, &k.ExpiresAt, &k.RetiresAt, &k.RevokedAt} {
		*t = kept(*t)
	}
	return k
}

func testAPIKeys(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, k store.APIKeyHash)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKey(newID("usr_"))
			must(t, s.APIKeyInsert(t.Context(), k))
			fn(t, k)
		})
	}
	get := func(t *testing.T, k store.APIKeyHash) store.APIKey {
		t.Helper()
		return got(s.APIKeyGet(t.Context(), k.UserID, k.ID))(t)
	}

	run("APIKeyGet/ReturnsWhatWasStored", func(t *testing.T, k store.APIKeyHash) {
		want(t, get(t, k), keptKey(k).APIKey)
	})
	run("APIKeyGet/ZeroFieldsStayZero", func(t *testing.T, k store.APIKeyHash) {
		bare := store.APIKeyHash{Hash: newHash(), APIKey: store.APIKey{ID: newID("key_"), UserID: k.UserID, Status: store.Active}}
		must(t, s.APIKeyInsert(t.Context(), bare))
		want(t, get(t, bare), bare.APIKey)
	})
	run("APIKeyGet/Missing", func(t *testing.T, k store.APIKeyHash) {
		_, err := s.APIKeyGet(t.Context(), k.UserID, newID("key_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("APIKeyGet/OfAnotherUser", func(t *testing.T, k store.APIKeyHash) {
		_, err := s.APIKeyGet(t.Context(), newID("usr_"), k.ID)
		wantError(t, err, store.ErrNotFound)
	})
	run("APIKeyInsert/DuplicateID", func(t *testing.T, k store.APIKeyHash) {
		k.Hash = newHash()
		wantError(t, s.APIKeyInsert(t.Context(), k), store.ErrConflict)
	})
	run("APIKeyInsert/DuplicateHash", func(t *testing.T, k store.APIKeyHash) {
		k.ID = newID("key_")
		wantError(t, s.APIKeyInsert(t.Context(), k), store.ErrConflict)
	})
	run("APIKeyWithUser/ReturnsBoth", func(t *testing.T, _ store.APIKeyHash) {
		u := newUser()
		k := newKey(u.ID)
		must(t, s.UserInsert(t.Context(), u))
		must(t, s.APIKeyInsert(t.Context(), k))
		key, user, err := s.APIKeyWithUser(t.Context(), k.Hash)
		must(t, err)
		want(t, key, keptKey(k).APIKey)
		want(t, user, keptUser(u))
	})
	run("APIKeyWithUser/MissingUser", func(t *testing.T, k store.APIKeyHash) {
		_, _, err := s.APIKeyWithUser(t.Context(), k.Hash)
		wantError(t, err, store.ErrNotFound)
	})
	run("APIKeyWithUser/MissingKey", func(t *testing.T, _ store.APIKeyHash) {
		_, _, err := s.APIKeyWithUser(t.Context(), newHash())
		wantError(t, err, store.ErrNotFound)
	})
	run("APIKeyUpdate/ReplacesWhatMayChange", func(t *testing.T, k store.APIKeyHash) {
		next := store.APIKey{ID: k.ID, UserID: k.UserID, Family: "other", Name: "n", Prefix: "p", Last4: "l",
			Scopes: []string{"x"}, RateLimit: "1/m", Limits: []store.Limit{{Meter: "m", Window: store.Week}},
			Status: store.Revoked, RotatedFrom: "other", CreatedAt: moment(70), LastUsedAt: moment(71),
			ExpiresAt: moment(72), RetiresAt: moment(74), RevokedAt: moment(73)}
		must(t, s.APIKeyUpdate(t.Context(), next))
		k.Name, k.Scopes, k.AllowedIPs, k.RateLimit, k.Limits = next.Name, next.Scopes, nil, next.RateLimit, next.Limits
		k.Status, k.ExpiresAt, k.RetiresAt, k.RevokedAt = next.Status, next.ExpiresAt, next.RetiresAt, next.RevokedAt
		want(t, get(t, k), keptKey(k).APIKey)
	})
	run("APIKeyUpdate/Missing", func(t *testing.T, k store.APIKeyHash) {
		k.ID = newID("key_")
		wantError(t, s.APIKeyUpdate(t.Context(), k.APIKey), store.ErrNotFound)
	})
	run("APIKeyList/OfOneUser", func(t *testing.T, k store.APIKeyHash) {
		all := []store.APIKey{keptKey(k).APIKey}
		for i := range 4 {
			k := newKey(k.UserID)
			k.CreatedAt = moment(i / 2)
			must(t, s.APIKeyInsert(t.Context(), k))
			all = append(all, keptKey(k).APIKey)
		}
		slices.SortFunc(all, func(a, b store.APIKey) int { return byPosition(a.CreatedAt, a.ID, b.CreatedAt, b.ID) })
		testPaging(t, func(ctx context.Context, p store.Page) (store.List[store.APIKey], error) {
			return s.APIKeyList(ctx, k.UserID, p)
		}, all)
	})
	run("APIKeyCount/NeitherRevokedNorExpired", func(t *testing.T, k store.APIKeyHash) {
		count := func(at int) int { return got(s.APIKeyCount(t.Context(), k.UserID, moment(at)))(t) }
		insert := func(userID string, status store.Status, expires, retires time.Time) {
			k := newKey(userID)
			k.Status, k.ExpiresAt, k.RetiresAt = status, expires, retires
			must(t, s.APIKeyInsert(t.Context(), k))
		}
		never := time.Time{}
		want(t, count(0), 1)
		insert(k.UserID, store.Active, never, never)
		insert(k.UserID, store.Suspended, moment(1000), never)
		insert(k.UserID, store.Active, moment(2000), moment(900))
		insert(k.UserID, store.Active, never, moment(900))
		insert(k.UserID, store.Revoked, never, never)
		insert(k.UserID, store.Revoked, moment(2000), never)
		insert(newID("usr_"), store.Active, never, never)
		want(t, count(899), 5)
		want(t, count(900), 3)
		want(t, count(1000), 1)
	})
	run("APIKeyTake/RemovesAndReturnsAll", func(t *testing.T, k store.APIKeyHash) {
		second, other := newKey(k.UserID), newKey(newID("usr_"))
		must(t, s.APIKeyInsert(t.Context(), second))
		must(t, s.APIKeyInsert(t.Context(), other))
		taken := got(s.APIKeyTake(t.Context(), k.UserID))(t)
		all := []store.APIKeyHash{keptKey(k), keptKey(second)}
		byID := func(a, b store.APIKeyHash) int { return byPosition(a.CreatedAt, a.ID, b.CreatedAt, b.ID) }
		slices.SortFunc(taken, byID)
		slices.SortFunc(all, byID)
		want(t, taken, all)
		want(t, got(s.APIKeyTake(t.Context(), k.UserID))(t), nil)
		want(t, get(t, other), keptKey(other).APIKey)
		must(t, s.APIKeyInsert(t.Context(), k))
	})
	run("APIKeyUsed/NeverBackInTime", func(t *testing.T, k store.APIKeyHash) {
		second := newKey(k.UserID)
		must(t, s.APIKeyInsert(t.Context(), second))
		must(t, s.APIKeyUsed(t.Context(), nil))
		must(t, s.APIKeyUsed(t.Context(), []store.KeyUse{
			{ID: k.ID, At: moment(9)}, {ID: second.ID, At: moment(0)}, {ID: newID("key_"), At: moment(9)}, {ID: k.ID, At: moment(8)},
		}))
		want(t, get(t, k).LastUsedAt, kept(moment(9)))
		want(t, get(t, second).LastUsedAt, kept(moment(1)))
	})
}
