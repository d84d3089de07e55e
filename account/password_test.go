package account_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

const nextPassword = "another-good-one-7"

func TestCase_PW_14_ChangePasswordEndsEverySession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, first := h.register("alice")
	_, second, err := h.SignIn(t.Context(), "alice", goodPassword, home)
	must(t, err)
	_, key, err := h.keys.Create(t.Context(), actorOf(alice), userPrincipal(alice), authn.NewKey{Name: "ci"})
	must(t, err)

	var user store.User
	var grant authn.Grant
	ends := h.ends(alice.ID, func() {
		user, grant, err = h.ChangePassword(t.Context(), actorOf(alice), alice.ID, first.Session.ID, goodPassword, nextPassword, home)
	})
	must(t, err)
	if !ends || user.ID != alice.ID || grant.Session.Subject != alice.ID {
		t.Errorf("ends %v, %+v", ends, grant.Session)
	}
	if h.live(alice.ID) != 1 {
		t.Errorf("%d sessions live", h.live(alice.ID))
	}
	for _, old := range []authn.Grant{first, second} {
		if _, _, err := h.sessions.Refresh(t.Context(), old.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("an old refresh token: %v", err)
		}
	}
	if _, _, err := h.sessions.Refresh(t.Context(), grant.RefreshToken.Reveal(), home); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if k, _, err := h.store.APIKeyWithUser(t.Context(), authn.HashSecret(key.Reveal())); err != nil || k.Status != store.Active {
		t.Errorf("the key: %+v, %v", k, err)
	}
	if code := h.code("alice", goodPassword, home); code != store.ErrInvalidCredentials {
		t.Errorf("the old password: %q", code)
	}
	if code := h.code("alice", nextPassword, home); code != "" {
		t.Errorf("the new password: %s", code)
	}
	if events := h.events("user.password"); len(events) != 1 || events[0].Result != store.OK || events[0].Target.ID != alice.ID {
		t.Errorf("the trail: %+v", events)
	}
}

func TestCase_PW_13_TheCurrentPasswordIsNeeded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, grant := h.register("alice")
	change := func(current, next string) error {
		_, _, err := h.ChangePassword(t.Context(), actorOf(alice), alice.ID, grant.Session.ID, current, next, home)
		return err
	}
	if rule := broke(t, change(goodPassword, "short"), store.ErrWeakPassword, "new_password", ""); rule != "too_short" {
		t.Errorf("a weak one breaks %q", rule)
	}
	for range 10 {
		if err := change("wrong", nextPassword); !errors.Is(err, store.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	if err := change(goodPassword, nextPassword); !errors.Is(err, store.ErrLocked) {
		t.Errorf("after ten wrong ones: %v", err)
	}
	if code := h.code("alice", goodPassword, home); code != store.ErrLocked {
		t.Errorf("sign-in from there: %q", code)
	}
	if events := h.events("user.password"); len(events) != 11 || events[0].Result != store.Failed || events[0].ActorID != alice.ID || events[10].Result != store.Denied {
		t.Errorf("%d events: %+v", len(events), events)
	}
	h.pass(15 * time.Minute)
	must(t, change(goodPassword, nextPassword))
}

// Of concurrent changes by the same current password one succeeds: the others
// find that it is not the current one any more, or that their session has ended.
func TestChangePasswordConcurrently(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, grant := h.register("alice")
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[store.Code]int{}
	for i := range 8 {
		wg.Go(func() {
			_, _, err := h.ChangePassword(t.Context(), actorOf(alice), alice.ID, grant.Session.ID, goodPassword, nextPassword+numbered(i), home)
			mu.Lock()
			defer mu.Unlock()
			codes[store.CodeOf(err)]++
		})
	}
	wg.Wait()
	if codes[""] != 1 || codes[""]+codes[store.ErrInvalidCredentials]+codes[store.ErrInvalidToken] != 8 || h.live(alice.ID) != 1 {
		t.Errorf("ended as %v, %d sessions live", codes, h.live(alice.ID))
	}
}

// A session that ended cannot change the password any more, however the request
// was let in; nor can one of somebody else.
func TestChangePasswordNeedsALiveSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, grant := h.register("alice")
	_, others := h.register("bob")
	must(t, h.sessions.Revoke(t.Context(), actorOf(alice), alice.ID, grant.Session.ID))
	for _, id := range []string{grant.Session.ID, others.Session.ID, "ses_none"} {
		_, _, err := h.ChangePassword(t.Context(), actorOf(alice), alice.ID, id, goodPassword, nextPassword, home)
		if !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if code := h.code("alice", goodPassword, home); code != "" {
		t.Errorf("the password was changed: %s", code)
	}
	if _, _, err := h.ChangePassword(t.Context(), staff, alice.ID, "", goodPassword, nextPassword, home); err != nil {
		t.Errorf("a host that asks itself: %v", err)
	}
	if _, _, err := h.ChangePassword(t.Context(), staff, "usr_none", "", goodPassword, nextPassword, home); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func userPrincipal(u store.User) authn.Principal {
	return authn.Principal{Subject: u.ID, Kind: authn.KindUser, Username: u.Username, Plan: u.Plan, AllScopes: true}
}
