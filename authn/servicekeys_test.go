package authn_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

func newServiceKeys(h *house) *authn.ServiceKeys {
	return authn.NewServiceKeys(authn.ServiceKeysConfig{Store: h, Door: h.door, Clock: h.now})
}

func createService(t testing.TB, k *authn.ServiceKeys, in authn.NewServiceKey) (store.ServiceKey, string) {
	t.Helper()
	key, secret, err := k.Create(t.Context(), actor, in)
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.Reveal()
}

func TestServiceKeyCreate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keys := newServiceKeys(h)
	key, plain := createService(t, keys, authn.NewServiceKey{
		Name: "gateway", Scopes: []string{"meter", "authz", "meter"}, AllowedIPs: []string{"192.0.2.7", "10.1.2.3/8"}, ExpiresAt: noon.Add(time.Hour),
	})
	want := store.ServiceKey{
		ID: key.ID, Name: "gateway", Prefix: plain[:len("ums_")+4], Last4: plain[len(plain)-4:], Scopes: []string{"authz", "meter"},
		AllowedIPs: []string{"10.0.0.0/8", "192.0.2.7/32"}, Status: store.Active, CreatedBy: actor.ID, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
	if diff := cmp.Diff(want, key); diff != "" || !strings.HasPrefix(plain, "ums_") || authn.ParseAPIKey("ums_", plain) != nil || !strings.HasPrefix(key.ID, "svc_") {
		t.Error(plain, diff)
	}
	if stored := h.memStore.services[key.ID]; stored.Hash != authn.HashSecret(plain) {
		t.Error("what is stored is not the SHA-256 of the key")
	}
	all, _ := createService(t, keys, authn.NewServiceKey{Name: "n"})
	if !slices.Equal(all.Scopes, authn.ServiceScopes()) || !slices.IsSorted(all.Scopes) {
		t.Errorf("a key without scopes has %v", all.Scopes)
	}
}

func TestServiceKeyFieldsAreChecked(t *testing.T) {
	t.Parallel()
	keys := newServiceKeys(newHouse(t))
	for field, in := range map[string]authn.NewServiceKey{
		"name":        {Name: ""},
		"scopes":      {Name: "n", Scopes: []string{"account:read"}},
		"expires_at":  {Name: "n", ExpiresAt: noon},
		"allowed_ips": {Name: "n", AllowedIPs: []string{"somewhere"}},
	} {
		_, secret, err := keys.Create(t.Context(), actor, in)
		e, ok := errors.AsType[*store.Error](err)
		if !ok || e.Code != store.ErrValidation || len(e.Fields) != 1 || e.Fields[0].Field != field || secret != "" {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestServiceKeyVerify(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *authn.VerifierConfig) { c.TTL = 24 * time.Hour })
	key, plain := createService(t, d.services, authn.NewServiceKey{
		Name: "gateway", Scopes: []string{"meter"}, AllowedIPs: []string{"192.0.2.0/24"}, ExpiresAt: noon.Add(time.Minute),
	})
	want := &authn.Principal{Subject: key.ID, Kind: authn.KindService, Username: "gateway", KeyID: key.ID, Scopes: []string{"meter"}}
	for range 2 {
		if diff := cmp.Diff(want, d.good(t, "a service key", plain)); diff != "" {
			t.Error(diff)
		}
	}
	if got := d.uses.Load(); got != 1 {
		t.Errorf("%d uses told within a second", got)
	}
	if _, err := d.verifier.Verify(t.Context(), plain, authn.At(netip.MustParseAddr("192.0.3.7")), d.now()); !errors.Is(err, store.ErrIPNotAllowed) {
		t.Errorf("from elsewhere: %v", err)
	}
	d.advance(time.Minute)
	d.bad(t, "C7 a service key that has expired", plain)
}

// C9: what ended stays, and is listed.
func TestCase_C9_RevokedServiceKeysStay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keys := newServiceKeys(h)
	key, _ := createService(t, keys, authn.NewServiceKey{Name: "n"})
	for range 2 {
		if err := keys.Revoke(t.Context(), actor, key.ID); err != nil {
			t.Fatal(err)
		}
	}
	if k, err := h.ServiceKeyGet(t.Context(), key.ID); err != nil || k.Status != store.Revoked || !k.RevokedAt.Equal(noon) {
		t.Errorf("%+v, %v", k, err)
	}
	if err := keys.Revoke(t.Context(), actor, "svc_unknown"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown key: %v", err)
	}
	if got := h.trail.take(); !slices.Equal(got, []string{"service_key.create", "service_key.revoke"}) {
		t.Errorf("audited %v", got)
	}
}

// What a key is used for is written where keys of its kind are.
func TestUsesOfServiceKeysAreWritten(t *testing.T) {
	t.Parallel()
	instances, _ := openInstances(t)
	db := instances[0].store
	user, _ := create(t, instances[0].keys, owner, authn.NewKey{Name: "n"})
	service := store.ServiceKeyHash{ServiceKey: store.ServiceKey{ID: "svc_1", Status: store.Active}}
	if err := db.ServiceKeyInsert(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	uses := authn.NewKeyUses(authn.KeyUsesConfig{Store: db})
	uses.Note("svc_1", noon)
	uses.Note(user.ID, noon.Add(time.Second))
	if err := uses.Close(); err != nil {
		t.Fatal(err)
	}
	k, err := db.ServiceKeyGet(t.Context(), "svc_1")
	u, errUser := db.APIKeyGet(t.Context(), alice, user.ID)
	if err != nil || errUser != nil || !k.LastUsedAt.Equal(noon) || !u.LastUsedAt.Equal(noon.Add(time.Second)) {
		t.Errorf("%v %v, %v %v", k.LastUsedAt, err, u.LastUsedAt, errUser)
	}
}

// startAdmin starts a session of the admin.
func startAdmin(t testing.TB, h *house, s *authn.Sessions) authn.Grant {
	t.Helper()
	var grant authn.Grant
	err := h.InTx(t.Context(), func(ctx context.Context, q store.Queries) (err error) {
		grant, err = s.Start(ctx, q, root, authn.KindAdmin, home)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return grant
}
