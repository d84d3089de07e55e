package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

func TestCase_RL_17_S5_Restore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, grant := h.register("alice")
	_, secret, err := h.keys.Create(t.Context(), actorOf(alice), userPrincipal(alice), authn.NewKey{Name: "ci"})
	must(t, err)
	must(t, h.Delete(t.Context(), staff, alice.ID, "left"))
	bob, _, err := h.Register(t.Context(), account.Registration{Username: "bob", Email: "ALICE@example.com", Password: goodPassword}, home)
	must(t, err)

	restore := func(choice account.RestoreChoice) (store.User, error) {
		return h.Restore(t.Context(), staff, alice.ID, choice, "came back")
	}
	t.Run("the address is somebody else's by now", func(t *testing.T) {
		_, err := restore(account.RestoreChoice{})
		wantConflict(t, err, "email")
		_, err = restore(account.RestoreChoice{Username: new("bob"), Email: new("alice@EXAMPLE.com")})
		wantConflict(t, err, "username", "email")
		if _, err := restore(account.RestoreChoice{Username: new("a"), Email: new("alice")}); store.CodeOf(err) != store.ErrValidation {
			t.Errorf("names that are none: %v", err)
		}
		if user, err := h.Get(t.Context(), alice.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("back: %+v", user)
		}
	})
	t.Run("with another address", func(t *testing.T) {
		var user store.User
		if !h.ends(alice.ID, func() { user, err = restore(account.RestoreChoice{Email: new("Alice@example.org")}) }) {
			t.Error("no cached verdict ends")
		}
		if must(t, err); user.Username != "alice" || user.Email != "Alice@example.org" || user.EmailVerified {
			t.Errorf("%+v", user)
		}
		for _, name := range []string{"alice", "alice@example.org"} {
			if code := h.code(name, goodPassword, home); code != "" {
				t.Errorf("sign-in as %s: %s", name, code)
			}
		}
		if found, _, err := h.SignIn(t.Context(), "alice@example.com", goodPassword, home); err != nil || found.ID != bob.ID {
			t.Errorf("the other's address: %v, %v", found.ID, err)
		}
	})
	t.Run("tokens stay dead, the key waits", func(t *testing.T) {
		if _, _, err := h.sessions.Refresh(t.Context(), grant.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("refresh: %v", err)
		}
		if session, err := h.store.SessionGet(t.Context(), grant.Session.ID); err != nil || session.Live(h.clock()) {
			t.Errorf("the session: %+v, %v", session, err)
		}
		key, _, err := h.store.APIKeyWithUser(t.Context(), authn.HashSecret(secret.Reveal()))
		if must(t, err); key.Status != store.Suspended {
			t.Errorf("the key is %s", key.Status)
		}
		if key, err = h.keys.Enable(t.Context(), actorOf(alice), userPrincipal(alice), key.ID); err != nil || key.Status != store.Active {
			t.Errorf("enabled: %+v, %v", key, err)
		}
	})
	t.Run("once", func(t *testing.T) {
		if _, err := restore(account.RestoreChoice{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("again: %v", err)
		}
		if _, err := h.Restore(t.Context(), staff, alice.ID, account.RestoreChoice{}, " "); !errors.Is(err, store.ErrReasonRequired) {
			t.Errorf("without a reason: %v", err)
		}
		events := h.events("user.restore")
		if len(events) != 1 || events[0].Detail.Reason != "came back" || events[0].ActorID != staff.ID || events[0].Target.ID != alice.ID {
			t.Errorf("the trail: %+v", events)
		}
	})
}

// wantConflict also sees to it that nobody's data is said.
func wantConflict(t *testing.T, err error, fields ...string) {
	t.Helper()
	e, ok := errors.AsType[*store.Error](err)
	if !ok || e.Code != store.ErrRestoreConflict {
		t.Fatalf("error is %v", err)
	}
	var named []string
	for _, f := range e.Fields {
		named = append(named, f.Field)
		if f.Rule != "taken" || f.Message != "Somebody else has it. Choose another." {
			t.Errorf("says %+v", f)
		}
	}
	if !slices.Equal(named, fields) {
		t.Errorf("names %v, want %v", named, fields)
	}
}

func TestRestoreWithoutAnAddressUnderAnotherName(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	must(t, h.Delete(t.Context(), staff, alice.ID, "left"))
	user, err := h.Restore(t.Context(), staff, alice.ID, account.RestoreChoice{Username: new("Alice.B"), Email: new("")}, "came back")
	if must(t, err); user.Username != "alice.b" || user.Email != "" {
		t.Errorf("%+v", user)
	}
	for name, want := range map[string]store.Code{"alice.b": "", "alice": store.ErrInvalidCredentials, "alice@example.com": store.ErrInvalidCredentials} {
		if code := h.code(name, goodPassword, home); code != want {
			t.Errorf("sign-in as %s: %q", name, code)
		}
	}
	h.register("alice") // both names are free
}

// A plan that is gone would be a dead end: nobody could choose another.
func TestRestoreFallsToTheDefaultPlan(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	must(t, h.store.PlanInsert(t.Context(), store.Plan{ID: "pro", Name: "Pro"}))
	for _, row := range []struct{ name, plan string }{{"alice", "pro"}, {"bob", "free"}} {
		user, _ := h.register(row.name)
		user.Plan = "pro"
		must(t, h.store.UserUpdate(t.Context(), user))
		must(t, h.Delete(t.Context(), staff, user.ID, "left"))
		if row.plan == "free" {
			must(t, h.store.PlanDelete(t.Context(), "pro"))
		}
		user, err := h.Restore(t.Context(), staff, user.ID, account.RestoreChoice{}, "came back")
		if must(t, err); user.Plan != row.plan {
			t.Errorf("%s has the plan %s", row.name, user.Plan)
		}
	}
	var changes map[string]store.Diff
	must(t, json.Unmarshal(h.events("user.restore")[1].Detail.Changes, &changes))
	if changes["plan"] != (store.Diff{From: "pro", To: "free"}) {
		t.Errorf("the trail: %+v", changes)
	}
}

// TestRestoreBringsAllBack deletes and restores users of every make: what is
// there afterwards is what was there before, but that active keys are suspended.
func TestRestoreBringsAllBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range 60 {
		user, hash, keys := h.anyUser(r, i)
		must(t, h.Delete(t.Context(), staff, user.ID, "left"))
		h.pass(time.Hour)
		_, err := h.Restore(t.Context(), staff, user.ID, account.RestoreChoice{}, "came back")
		must(t, err)

		found, err := h.store.UserGet(t.Context(), user.ID)
		must(t, err)
		user.UpdatedAt = h.clock()
		if diff := cmp.Diff(user, found, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("seed %d, the user (-before +after): %s", seed, diff)
		}
		if hash != nil {
			kept, err := h.store.PasswordHashGet(t.Context(), user.ID)
			if must(t, err); kept != *hash {
				t.Errorf("seed %d, the hash is %+v, was %+v", seed, kept, *hash)
			}
		} else if _, err := h.store.PasswordHashGet(t.Context(), user.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("seed %d: a hash out of nothing: %v", seed, err)
		}
		for _, key := range keys {
			kept, _, err := h.store.APIKeyWithUser(t.Context(), key.Hash)
			must(t, err)
			want := key.APIKey
			if want.StatusAt(h.clock()) == store.Active {
				want.Status = store.Suspended
			}
			if diff := cmp.Diff(want, kept, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("seed %d, a key (-before +after): %s", seed, diff)
			}
		}
		for kind, value := range map[store.IdentifierKind]string{store.IdentifierUsername: user.Username, store.IdentifierEmail: user.Email} {
			if holder, err := h.store.IdentifierGet(t.Context(), kind, value); value != "" && (err != nil || holder.Subject != user.ID) {
				t.Errorf("seed %d: %s is held by %+v, %v", seed, kind, holder, err)
			}
		}
	}
}

// anyUser stores a user with some of all that there is.
func (h *house) anyUser(r *rand.Rand, i int) (user store.User, hash *store.PasswordHash, keys []store.APIKeyHash) {
	h.t.Helper()
	some := func() bool { return r.IntN(2) == 0 }
	at := func() time.Time {
		if some() {
			return time.Time{}
		}
		return h.clock().Add(time.Duration(r.IntN(200)-100) * time.Minute)
	}
	limits := func() (out []store.Limit) {
		for range r.IntN(3) {
			out = append(out, store.Limit{Meter: fmt.Sprint("m", r.IntN(9)), Window: store.Week, Limit: r.Int64()})
		}
		return out
	}
	user = store.User{
		ID: fmt.Sprint("usr_", i), Username: fmt.Sprint("user", i), EmailVerified: some(), DisplayName: "Ä <b>", Status: store.Active,
		Plan: "free", Limits: limits(), Zone: store.Zone{Name: "Europe/Berlin", Previous: "UTC", From: at()}, ZoneChangedAt: at(),
		MFAEnabled: some(), Metadata: json.RawMessage(`{"n":1.50,"s":"\u00e4"}`), CreatedAt: h.clock(), UpdatedAt: at(), LastLoginAt: at(),
	}
	if some() {
		user.Email = fmt.Sprint("user", i, "@example.com")
	}
	if some() {
		user.Status, user.SuspendedReason, user.SuspendedUntil = store.Suspended, "spam", h.clock().Add(10*time.Hour)
	}
	must(h.t, h.store.UserInsert(h.t.Context(), user))
	for kind, value := range map[store.IdentifierKind]string{store.IdentifierUsername: user.Username, store.IdentifierEmail: user.Email} {
		if value != "" {
			must(h.t, h.store.IdentifierInsert(h.t.Context(), store.Identifier{Kind: kind, Value: value, Subject: user.ID}))
		}
	}
	if some() {
		hash = &store.PasswordHash{Subject: user.ID, Hash: "$2b$x", Scheme: "bcrypt:4", UpdatedAt: h.clock()}
		must(h.t, h.store.PasswordHashPut(h.t.Context(), *hash))
	}
	for n := range r.IntN(4) {
		key := store.APIKeyHash{APIKey: store.APIKey{
			ID: fmt.Sprint("key_", i, "_", n), Family: fmt.Sprint("kfm_", i), UserID: user.ID, Name: "ci", Prefix: "um_abcd", Last4: "wxyz",
			Scopes: []string{"usage:read"}, AllowedIPs: []string{"192.0.2.0/24"}, RateLimit: "20/s", Limits: limits(), RotatedFrom: "key_0",
			Status:    []store.Status{store.Active, store.Suspended, store.Revoked}[r.IntN(3)],
			CreatedAt: h.clock(), LastUsedAt: at(), ExpiresAt: at(), RetiresAt: at(), RevokedAt: at(),
		}}
		for b := range key.Hash {
			key.Hash[b] = byte(r.Uint32())
		}
		must(h.t, h.store.APIKeyInsert(h.t.Context(), key))
		keys = append(keys, key)
	}
	return user, hash, keys
}

// Of any number of calls that delete, restore, purge and register a name at once,
// each finds one state or the other: the name belongs to one user at the end, and
// who is back is whole.
func TestDeletingRestoringAndPurgingAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 5 {
		h.atOnce()
	}
}

func (h *house) atOnce() {
	t := h.t
	name := fmt.Sprint("alice", rand.Uint64())
	alice, _ := h.register(name)
	must(t, h.Delete(t.Context(), staff, alice.ID, "left"))
	var done counter
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, err := h.Restore(t.Context(), staff, alice.ID, account.RestoreChoice{}, "came back")
			done.note(t, "restore", err, store.ErrNotFound, store.ErrConflict)
		})
		wg.Go(func() {
			done.note(t, "purge", h.Purge(t.Context(), staff, alice.ID, "for good"), store.ErrNotFound)
		})
		wg.Go(func() {
			done.note(t, "delete", h.Delete(t.Context(), staff, alice.ID, "left"), store.ErrNotFound)
		})
		wg.Go(func() {
			_, _, err := h.Register(context.WithoutCancel(t.Context()), account.Registration{Username: name, Password: goodPassword}, home)
			done.note(t, "register", err, store.ErrUsernameTaken)
		})
	}
	wg.Wait()
	n := done.n
	if n["restore"] != n["delete"]+1-n["purge"] && n["restore"] != n["delete"] {
		t.Errorf("%v", n)
	}
	if n["purge"] > 1 || n["register"] > n["purge"] {
		t.Errorf("one name for many: %v", n)
	}
	user, err := h.Get(t.Context(), alice.ID)
	if n["purge"] == 1 && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("purged and there: %+v", user)
	}
	if err == nil && (h.code(name, goodPassword, home) != "" || user.Email != alice.Email) {
		t.Errorf("back, and not whole: %+v", user)
	}
}

// counter counts what went well.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) note(t testing.TB, what string, err error, allowed ...store.Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	if err == nil {
		c.n[what]++
	} else if !slices.Contains(allowed, store.CodeOf(err)) {
		t.Errorf("%s: %v", what, err)
	}
}
