package usermgmt_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// subject is a user with a warm session and a warm key.
type subject struct {
	user              usermgmt.User
	session, token    string
	keyID, key        string
	actor             store.Actor
	principal         usermgmt.Principal
	tokenSays, keySay int // statuses of the next request
}

func (h *host) subject(name string) *subject {
	h.t.Helper()
	session := h.register(name)
	s := &subject{session: session.text("session_id"), token: session.text("access_token")}
	s.keyID, s.key = h.key(s.token)
	user, err := h.mgr.Users().Get(h.t.Context(), session.body["user"].(map[string]any)["id"].(string))
	if err != nil {
		h.t.Fatal(err)
	}
	s.user = user
	s.actor = store.Actor{Kind: store.ActorUser, ID: user.ID, SessionID: s.session}
	s.principal = usermgmt.Principal{Subject: user.ID, Kind: authn.KindUser, SessionID: s.session, AllScopes: true}
	for range 3 {
		h.want(h.call("POST", "/v1/chat", s.token, nil), 200, "")
		h.want(h.call("POST", "/v1/chat", s.key, nil), 200, "")
	}
	return s
}

func (h *host) ask(s *subject) {
	h.t.Helper()
	s.tokenSays = h.call("POST", "/v1/chat", s.token, nil).status
	s.keySay = h.call("POST", "/v1/chat", s.key, nil).status
}

// mutators are all the calls that may change a verdict on a credential, and
// what the next request with the warm token and the warm key is answered.
var mutators = []struct {
	name       string
	mutate     func(t *testing.T, m *usermgmt.Manager, s *subject) error
	token, key int
}{
	{"AK-05 the key is revoked", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		return m.Keys().Revoke(t.Context(), s.actor, s.user.ID, s.keyID, "")
	}, 200, 401},
	{"the key is rotated without grace", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		_, _, err := m.Keys().Rotate(t.Context(), s.actor, s.principal, s.keyID, 0)
		return err
	}, 200, 401},
	{"the key loses its scope", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		_, err := m.Keys().Update(t.Context(), s.actor, s.principal, s.keyID, authn.KeyUpdate{Scopes: &[]string{}})
		return err
	}, 200, 403},
	{"the key is tied to another address", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		_, err := m.Keys().Update(t.Context(), s.actor, s.principal, s.keyID, authn.KeyUpdate{AllowedIPs: &[]string{"192.0.2.0/24"}})
		return err
	}, 200, 403},
	{"the key expires now", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		for ahead := 20 * time.Millisecond; ; ahead *= 2 { // a slow machine gets there too late
			end := time.Now().Add(ahead)
			_, err := m.Keys().Update(t.Context(), s.actor, s.principal, s.keyID, authn.KeyUpdate{ExpiresAt: &end})
			if err == nil {
				<-time.After(time.Until(end))
				return nil
			}
			if !errors.Is(err, usermgmt.ErrValidation) || ahead > time.Minute {
				return err
			}
		}
	}, 200, 401},
	{"RT-07 the session is revoked", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		return m.Sessions().Revoke(t.Context(), s.actor, s.user.ID, s.session)
	}, 401, 200},
	{"RT-07 the session signs out", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		return m.Sessions().Logout(t.Context(), s.actor, s.user.ID, s.session)
	}, 401, 200},
	{"every session signs out", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		_, err := m.Sessions().RevokeAll(t.Context(), s.actor, s.user.ID, "", "")
		return err
	}, 401, 200},
	{"PW-14 the password is changed", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		_, _, err := m.Users().ChangePassword(t.Context(), s.actor, s.user.ID, s.session, password, "another quiet phrase", authn.Origin{})
		return err
	}, 401, 200},
	{"RT-08 the user is suspended", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		return m.Users().Suspend(t.Context(), s.actor, s.user.ID, "a test", time.Time{})
	}, 401, 401},
	{"RT-08 the user is deleted by the host", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		return m.Users().Delete(t.Context(), s.actor, s.user.ID, "a test")
	}, 401, 401},
	{"RT-08 the user leaves", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		return m.Users().DeleteSelf(t.Context(), s.actor, s.user.ID, password)
	}, 401, 401},
	{"RT-08 the user is suspended among others", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		_, err := m.Users().Bulk(t.Context(), usermgmt.System(), []string{"nobody", s.user.ID}, account.BulkSuspend, "", "a test")
		return err
	}, 401, 401},
	{"RT-08 the user is deleted among others", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		_, err := m.Users().Bulk(t.Context(), usermgmt.System(), []string{"nobody", s.user.ID}, account.BulkDelete, "", "a test")
		return err
	}, 401, 401},
	{"RL-17 the user comes back", func(t *testing.T, m *usermgmt.Manager, s *subject) error { return comesBack(t, m, s) }, 401, 401},
	{"RL-17 the user comes back and enables the key", func(t *testing.T, m *usermgmt.Manager, s *subject) error {
		if err := comesBack(t, m, s); err != nil {
			return err
		}
		owner := usermgmt.Principal{Subject: s.user.ID, Kind: authn.KindUser, AllScopes: true}
		_, err := m.Keys().Enable(t.Context(), s.actor, owner, s.keyID)
		return err
	}, 401, 200},
}

// comesBack deletes and restores the user.
func comesBack(t *testing.T, m *usermgmt.Manager, s *subject) error {
	if err := m.Users().Delete(t.Context(), s.actor, s.user.ID, "a test"); err != nil {
		return err
	}
	_, err := m.Users().Restore(t.Context(), usermgmt.System(), s.user.ID, account.RestoreChoice{}, "a test")
	return err
}

// However warm the caches are, the very next request after a mutator has
// returned meets its effect: there is one door, and it ends the verdicts.
func TestCase_C3_EveryMutatorReachesTheCaches(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for i, c := range mutators {
		t.Run(c.name, func(t *testing.T) {
			s := h.subject(fmt.Sprintf("user%d", i))
			if err := c.mutate(t, h.mgr, s); err != nil {
				t.Fatal(err)
			}
			if h.ask(s); s.tokenSays != c.token || s.keySay != c.key {
				t.Errorf("next: token %d, key %d; want %d, %d", s.tokenSays, s.keySay, c.token, c.key)
			}
		})
	}
}

// That a key of a deleted user was refused, and is remembered to be, does not
// outlast its being enabled again.
func TestCase_C6_ARefusalDoesNotHideARestoredKey(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	s := h.subject("alice")
	if err := h.mgr.Users().Delete(t.Context(), s.actor, s.user.ID, "a test"); err != nil {
		t.Fatal(err)
	}
	if h.ask(s); s.keySay != 401 {
		t.Fatalf("the key of a deleted user: %d", s.keySay)
	}
	if _, err := h.mgr.Users().Restore(t.Context(), usermgmt.System(), s.user.ID, account.RestoreChoice{}, "a test"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.mgr.Keys().Enable(t.Context(), s.actor, usermgmt.PrincipalOf(s.user), s.keyID); err != nil {
		t.Fatal(err)
	}
	if h.ask(s); s.keySay != 200 {
		t.Errorf("the key when it is enabled again: %d", s.keySay)
	}
}

// A second process, whose caches are warm too, follows within a second.
func TestCase_C1_C5_AnotherInstanceFollows(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	here := serve(t, open(t, path, unhurried, daily(usermgmt.Unlimited)), ok)
	there := serve(t, open(t, path, unhurried, daily(usermgmt.Unlimited)), ok)
	for i, c := range mutators {
		t.Run(c.name, func(t *testing.T) {
			s := here.subject(fmt.Sprintf("user%d", i))
			there.ask(s)
			if s.tokenSays != 200 || s.keySay != 200 {
				t.Fatalf("before, elsewhere: token %d, key %d", s.tokenSays, s.keySay)
			}
			if err := c.mutate(t, here.mgr, s); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for {
				asked := time.Now() // the promise is about requests that begin later
				if there.ask(s); s.tokenSays == c.token && s.keySay == c.key {
					break
				}
				if asked.Sub(began) > 5*time.Second {
					t.Fatalf("five seconds later: token %d, key %d; want %d, %d", s.tokenSays, s.keySay, c.token, c.key)
				}
				<-time.After(5 * time.Millisecond)
			}
			t.Logf("elsewhere after %v", time.Since(began).Round(time.Millisecond))
		})
	}
}

// A key that has expired or is used up stays what it is: use changes no state
// and loses no history.
func TestCase_C9_AnExpiredKeyStaysListed(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	h := newHost(t, func(cfg *usermgmt.Config) {
		cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	token := h.register("alice").text("access_token")
	made := h.call("POST", "/auth/me/keys", token, map[string]any{"name": "short", "expires_at": time.Now().Add(5 * time.Minute).UTC()})
	h.want(made, 201, "")
	h.want(h.call("POST", "/v1/chat", made.text("key"), nil), 200, "")
	ahead.Store(int64(6 * time.Minute))
	for range 3 {
		h.want(h.call("POST", "/v1/chat", made.text("key"), nil), 401, "invalid_token")
	}
	listed := h.call("GET", "/auth/me/keys/"+made.text("id"), token, nil)
	if h.want(listed, 200, ""); listed.text("status") != "expired" || listed.text("name") != "short" {
		t.Errorf("the expired key reads %v", listed.body)
	}
}
