package authn_test

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// instance is what one process has for itself, over a database that several
// share.
type instance struct {
	store    store.Store
	sessions *authn.Sessions
	keys     *authn.Keys
	verifier *authn.Verifier
}

func openInstance(t *testing.T, path, name string, audited *trail) *instance {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := func() time.Time { return noon }
	versions, ring := version.New(), newKeyring(t, secret(1))
	door := change.NewDoor(change.Config{Store: db, Trail: audited, Versions: versions, Origin: name, Clock: now})
	tokens, err := authn.NewTokens(authn.TokenConfig{Keyring: ring, Issuer: issuer, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	return &instance{
		store:    db,
		sessions: authn.NewSessions(authn.SessionsConfig{Store: db, Door: door, Tokens: tokens, Keyring: ring, Clock: now}),
		keys:     authn.NewKeys(authn.KeysConfig{Store: db, Door: door, Clock: now}),
		verifier: authn.NewVerifier(authn.VerifierConfig{Store: db, Tokens: tokens, Versions: versions, Fresh: func(time.Time) bool { return true }}),
	}
}

func openInstances(t *testing.T) ([]*instance, *trail) {
	t.Helper()
	path, audited := filepath.Join(t.TempDir(), "test.db"), &trail{}
	var all []*instance
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, openInstance(t, path, name, audited))
	}
	db := all[0].store
	if err := db.PlanInsert(t.Context(), store.Plan{ID: "free", Name: "free", OnInterrupt: store.ChargeDelivered, CreatedAt: noon, UpdatedAt: noon}); err != nil {
		t.Fatal(err)
	}
	if err := db.UserInsert(t.Context(), store.User{ID: alice, Username: "alice", Status: store.Active, Plan: "free", Zone: store.Zone{Name: "UTC"}, CreatedAt: noon, UpdatedAt: noon}); err != nil {
		t.Fatal(err)
	}
	return all, audited
}

func TestCase_RT_02_ExactlyOneSuccessorOnSQLite(t *testing.T) {
	t.Parallel()
	instances, audited := openInstances(t)
	grant, err := instances[0].sessions.Start(t.Context(), instances[0].store, alice, authn.KindUser, home)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		var mu sync.Mutex
		successors := map[authn.Secret]authn.Grant{}
		var callers sync.WaitGroup
		for i := range 50 {
			callers.Go(func() {
				next, _, err := instances[i%3].sessions.Refresh(t.Context(), grant.RefreshToken.Reveal(), home)
				if err != nil {
					t.Errorf("RT-02 round %d: %v", round, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				successors[next.RefreshToken] = next
			})
		}
		callers.Wait()
		if len(successors) != 1 {
			t.Fatalf("RT-02 round %d: %d successors, want one", round, len(successors))
		}
		for _, grant = range successors {
		}
	}
	if got := audited.take(); len(got) != 0 {
		t.Errorf("RT-02 audited %v", got)
	}
}

func TestCredentialsOnSQLite(t *testing.T) {
	t.Parallel()
	instances, audited := openInstances(t)
	here, there := instances[0], instances[1]
	grant, err := here.sessions.Start(t.Context(), here.store, alice, authn.KindUser, home)
	if err != nil {
		t.Fatal(err)
	}
	key, secret := create(t, here.keys, owner, authn.NewKey{Name: "n", Scopes: []string{authn.ScopeUsageRead}, AllowedIPs: []string{"192.0.2.0/24"}})
	verify := func(i *instance, credential string) error {
		_, err := i.verifier.Verify(t.Context(), credential, anywhere, noon)
		return err
	}
	access := grant.AccessToken.Reveal()
	for name, err := range map[string]error{
		"the token here": verify(here, access), "the token there": verify(there, access),
		"the key here": verify(here, secret), "the key there": verify(there, secret),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	fresh, _, err := there.keys.Rotate(t.Context(), actor, owner, key.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := there.sessions.Logout(t.Context(), actor, alice, grant.Session.ID); err != nil {
		t.Fatal(err)
	}
	if verify(there, access) == nil || verify(there, secret) == nil {
		t.Error("what an instance revoked, it still takes")
	}
	list, err := here.keys.List(t.Context(), alice, store.Page{})
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("List = %v, %v", list.Items, err)
	}
	for _, k := range list.Items {
		if want := map[string]store.Status{key.ID: store.Revoked, fresh.ID: store.Active}[k.ID]; k.Status != want || k.Family != key.Family {
			t.Errorf("key %s is %s in family %s", k.ID, k.Status, k.Family)
		}
	}
	if got := audited.take(); !slices.Equal(got, []string{"key.create", "key.rotate", "session.revoke"}) {
		t.Errorf("audited %v", got)
	}
}
