package account_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

func TestCase_RL_17_S5_DeleteSelf(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, grant := h.register("alice")
	key, secret, err := h.keys.Create(t.Context(), actorOf(alice), userPrincipal(alice), authn.NewKey{Name: "ci"})
	must(t, err)
	if err := h.DeleteSelf(t.Context(), actorOf(alice), alice.ID, "wrong"); !errors.Is(err, store.ErrInvalidCredentials) {
		t.Fatalf("a wrong password: %v", err)
	}
	h.pass(time.Minute)
	if !h.ends(alice.ID, func() { must(t, h.DeleteSelf(t.Context(), actorOf(alice), alice.ID, goodPassword)) }) {
		t.Error("no cached verdict ends")
	}

	t.Run("the user is gone", func(t *testing.T) {
		if _, err := h.Get(t.Context(), alice.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get: %v", err)
		}
		if code := h.code("alice", goodPassword, home); code != store.ErrInvalidCredentials {
			t.Errorf("sign-in: %q", code)
		}
		if err := h.DeleteSelf(t.Context(), actorOf(alice), alice.ID, goodPassword); !errors.Is(err, store.ErrInvalidCredentials) {
			t.Errorf("again: %v", err)
		}
		if _, err := h.store.PasswordHashGet(t.Context(), alice.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the hash: %v", err)
		}
	})
	t.Run("RL-17 credentials are dead", func(t *testing.T) {
		if _, _, err := h.sessions.Refresh(t.Context(), grant.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("refresh: %v", err)
		}
		if _, _, err := h.store.APIKeyWithUser(t.Context(), authn.HashSecret(secret.Reveal())); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the key: %v", err)
		}
	})
	t.Run("the name is held, the address is free", func(t *testing.T) {
		_, _, err := h.Register(t.Context(), account.Registration{Username: "alice", Password: goodPassword}, home)
		if !errors.Is(err, store.ErrUsernameTaken) {
			t.Errorf("the name: %v", err)
		}
		if _, _, err = h.Register(t.Context(), account.Registration{Username: "bob", Email: "ALICE@example.com", Password: goodPassword}, home); err != nil {
			t.Errorf("the address: %v", err)
		}
	})
	t.Run("everything can come back", func(t *testing.T) {
		deleted, err := h.store.DeletedUserGet(t.Context(), alice.ID)
		must(t, err)
		at := noon.Add(time.Minute)
		if deleted.Username != "alice" || !deleted.DeletedAt.Equal(at) || !deleted.PurgeAt.Equal(at.Add(30*24*time.Hour)) || deleted.DeletedBy.ID != alice.ID {
			t.Errorf("%+v", deleted)
		}
		left := h.remains(alice.ID)
		if left.User.ID != alice.ID || left.User.Email != alice.Email {
			t.Errorf("the profile: %+v", left.User)
		}
		if ok, _, err := h.cfg.Hasher.Begin().Verify(t.Context(), left.Hash.Hash, goodPassword); err != nil || !ok {
			t.Errorf("the password: %v, %v", ok, err)
		}
		hash := authn.HashSecret(secret.Reveal())
		if len(left.Keys) != 1 || left.Keys[0].ID != key.ID || !bytes.Equal(left.Keys[0].Hash, hash[:]) || left.Keys[0].Status != "active" {
			t.Errorf("the keys: %+v", left.Keys)
		}
	})
	t.Run("the trail tells it", func(t *testing.T) {
		events := h.events("user.delete")
		if len(events) != 3 || events[0].Result != store.Failed || events[1].Result != store.OK || events[1].ActorID != alice.ID || events[2].Result != store.Failed {
			t.Errorf("%+v", events)
		}
	})
}

func TestDelete(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.DeletedRetention = time.Hour })
	user, err := h.Create(t.Context(), staff, account.Registration{Username: "bob"})
	must(t, err)
	must(t, h.Delete(t.Context(), staff, user.ID, "left"))
	deleted, err := h.store.DeletedUserGet(t.Context(), user.ID)
	if must(t, err); deleted.Reason != "left" || deleted.DeletedBy.ID != staff.ID || !deleted.PurgeAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", deleted)
	}
	if err := h.Delete(t.Context(), staff, user.ID, "left"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if events := h.events("user.delete"); len(events) != 1 || events[0].Detail.Reason != "left" {
		t.Errorf("the trail: %+v", events)
	}
}

// However many delete a user at once, he is deleted once; and no session that
// was started meanwhile lives on.
func TestCase_RL_12_DeleteWhileSigningIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { _ = h.Delete(t.Context(), staff, alice.ID, "left") })
		wg.Go(func() {
			if code := h.code("alice", goodPassword, home); code != "" && code != store.ErrInvalidCredentials {
				t.Errorf("sign-in: %s", code)
			}
		})
	}
	wg.Wait()
	if events := h.events("user.delete"); len(events) != 1 {
		t.Errorf("%d events", len(events))
	}
	if n := h.live(alice.ID); n != 0 {
		t.Errorf("%d orphan sessions", n)
	}
}
