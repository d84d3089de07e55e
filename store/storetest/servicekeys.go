package storetest

import (
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// newServiceKey makes a key with every field set.
func newServiceKey() store.ServiceKeyHash {
	return store.ServiceKeyHash{Hash: newHash(), ServiceKey: store.ServiceKey{
		ID: newID("svc_"), Name: "gateway \"1\"", Prefix: "ums_abcd", Last4: "wxyz",
		Scopes: []string{"authz", "meter"}, AllowedIPs: []string{"192.0.2.0/24", "2001:db8::/32"},
		Status: store.Active, CreatedBy: "adm_1",
		CreatedAt: moment(0), LastUsedAt: moment(1), ExpiresAt: moment(1000), RevokedAt: moment(2),
	}}
}

func keptServiceKey(k store.ServiceKeyHash) store.ServiceKey {
	k.CreatedAt, k.LastUsedAt = kept(k.CreatedAt), kept(k.LastUsedAt)
	k.ExpiresAt, k.RevokedAt = kept(k.ExpiresAt), kept(k.RevokedAt)
	return k.ServiceKey
}

func testServiceKeys(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, k store.ServiceKeyHash)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newServiceKey()
			must(t, s.ServiceKeyInsert(t.Context(), k))
			fn(t, k)
		})
	}
	get := func(t *testing.T, k store.ServiceKeyHash) store.ServiceKey {
		t.Helper()
		return got(s.ServiceKeyGet(t.Context(), k.ID))(t)
	}

	run("ServiceKeyGet/ReturnsWhatWasStored", func(t *testing.T, k store.ServiceKeyHash) {
		want(t, get(t, k), keptServiceKey(k))
	})
	run("ServiceKeyGet/ZeroFieldsStayZero", func(t *testing.T, _ store.ServiceKeyHash) {
		bare := store.ServiceKeyHash{Hash: newHash(), ServiceKey: store.ServiceKey{ID: newID("svc_"), Status: store.Active}}
		must(t, s.ServiceKeyInsert(t.Context(), bare))
		want(t, get(t, bare), bare.ServiceKey)
	})
	run("ServiceKeyGet/Missing", func(t *testing.T, _ store.ServiceKeyHash) {
		_, err := s.ServiceKeyGet(t.Context(), newID("svc_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("ServiceKeyInsert/DuplicateID", func(t *testing.T, k store.ServiceKeyHash) {
		k.Hash = newHash()
		wantError(t, s.ServiceKeyInsert(t.Context(), k), store.ErrConflict)
	})
	run("ServiceKeyInsert/DuplicateHash", func(t *testing.T, k store.ServiceKeyHash) {
		k.ID = newID("svc_")
		wantError(t, s.ServiceKeyInsert(t.Context(), k), store.ErrConflict)
	})
	run("ServiceKeyByHash/FindsIt", func(t *testing.T, k store.ServiceKeyHash) {
		want(t, got(s.ServiceKeyByHash(t.Context(), k.Hash))(t), keptServiceKey(k))
	})
	run("ServiceKeyByHash/Missing", func(t *testing.T, _ store.ServiceKeyHash) {
		_, err := s.ServiceKeyByHash(t.Context(), newHash())
		wantError(t, err, store.ErrNotFound)
	})
	run("ServiceKeyUpdate/ReplacesWhatMayChange", func(t *testing.T, k store.ServiceKeyHash) {
		next := store.ServiceKey{ID: k.ID, Name: "n", Prefix: "p", Last4: "l", Scopes: []string{"messages"},
			Status: store.Revoked, CreatedBy: "other", CreatedAt: moment(70), LastUsedAt: moment(71),
			ExpiresAt: moment(72), RevokedAt: moment(73)}
		must(t, s.ServiceKeyUpdate(t.Context(), next))
		k.Name, k.Scopes, k.AllowedIPs, k.Status = next.Name, next.Scopes, nil, next.Status
		k.ExpiresAt, k.RevokedAt = next.ExpiresAt, next.RevokedAt
		want(t, get(t, k), keptServiceKey(k))
	})
	run("ServiceKeyUpdate/Missing", func(t *testing.T, k store.ServiceKeyHash) {
		k.ID = newID("svc_")
		wantError(t, s.ServiceKeyUpdate(t.Context(), k.ServiceKey), store.ErrNotFound)
	})
	run("ServiceKeyUsed/NeverBackInTime", func(t *testing.T, k store.ServiceKeyHash) {
		second := newServiceKey()
		must(t, s.ServiceKeyInsert(t.Context(), second))
		must(t, s.ServiceKeyUsed(t.Context(), nil))
		must(t, s.ServiceKeyUsed(t.Context(), []store.KeyUse{
			{ID: k.ID, At: moment(9)}, {ID: second.ID, At: moment(0)}, {ID: newID("svc_"), At: moment(9)}, {ID: k.ID, At: moment(8)},
		}))
		want(t, get(t, k).LastUsedAt, kept(moment(9)))
		want(t, get(t, second).LastUsedAt, kept(moment(1)))
	})
	t.Run("ServiceKeyList/All", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		var all []store.ServiceKey
		for i := range 5 {
			k := newServiceKey()
			k.CreatedAt = moment(i / 2)
			must(t, s.ServiceKeyInsert(t.Context(), k))
			all = append(all, keptServiceKey(k))
		}
		slices.SortFunc(all, func(a, b store.ServiceKey) int { return byPosition(a.CreatedAt, a.ID, b.CreatedAt, b.ID) })
		testPaging(t, s.ServiceKeyList, all)
	})
}
