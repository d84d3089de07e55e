package authn_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

var home = authn.Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "test/1", RequestID: "req_1"}

func newSessions(t testing.TB, h *house, secrets ...[]byte) *authn.Sessions {
	t.Helper()
	if secrets == nil {
		secrets = [][]byte{secret(1)}
	}
	ring := newKeyring(t, secrets...)
	tokens, err := authn.NewTokens(authn.TokenConfig{Keyring: ring, Algorithm: authn.AlgorithmHS256, Issuer: issuer, Clock: h.now})
	if err != nil {
		t.Fatal(err)
	}
	return authn.NewSessions(authn.SessionsConfig{Store: h, Door: h.door, Tokens: tokens, Keyring: ring, Clock: h.now})
}

func start(t testing.TB, h *house, s *authn.Sessions) authn.Grant {
	t.Helper()
	var grant authn.Grant
	err := h.InTx(t.Context(), func(ctx context.Context, q store.Queries) (err error) {
		grant, err = s.Start(ctx, q, alice, authn.KindUser, home)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

func refresh(t testing.TB, s *authn.Sessions, token authn.Secret) authn.Grant {
	t.Helper()
	grant, user, err := s.Refresh(t.Context(), token.Reveal(), home)
	if err != nil || user.ID != alice {
		t.Fatalf("Refresh = %v, %v", user.ID, err)
	}
	return grant
}

func refreshRefused(t testing.TB, name string, s *authn.Sessions, token string) {
	t.Helper()
	if grant, _, err := s.Refresh(t.Context(), token, home); !errors.Is(err, store.ErrInvalidToken) || grant != (authn.Grant{}) {
		t.Errorf("%s: %v, want an invalid token", name, err)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSessions(t, h)
	from := home
	from.UserAgent = strings.Repeat("\u00e9", 300)
	var grant authn.Grant
	err := h.InTx(t.Context(), func(ctx context.Context, q store.Queries) (err error) {
		grant, err = s.Start(ctx, q, alice, authn.KindUser, from)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	session := grant.Session
	if session.Subject != alice || session.Kind != store.ActorUser || session.IP != "192.0.2.7" || len(session.UserAgent) > 256 || !session.Live(noon) {
		t.Errorf("session %+v", session)
	}
	if !grant.ExpiresAt.Equal(noon.Add(10*time.Minute)) || !grant.RefreshExpiresAt.Equal(noon.Add(14*24*time.Hour)) || !session.ExpiresAt.Equal(noon.Add(30*24*time.Hour)) {
		t.Errorf("ends at %v, %v, %v", grant.ExpiresAt, grant.RefreshExpiresAt, session.ExpiresAt)
	}
	for hash := range h.refresh {
		if hash != authn.HashSecret(grant.RefreshToken.Reveal()) {
			t.Error("what is stored is not the hash of the token")
		}
	}
	list, err := s.List(t.Context(), alice, store.Page{})
	if err != nil || len(list.Items) != 1 || list.Items[0] != session {
		t.Errorf("List = %+v, %v", list, err)
	}
}

func TestCase_RT_01_RefreshRotates(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSessions(t, h)
	r0 := start(t, h, s)
	h.advance(time.Minute)
	r1 := refresh(t, s, r0.RefreshToken)
	if r1.RefreshToken == r0.RefreshToken || r1.AccessToken == r0.AccessToken || r1.Session.ID != r0.Session.ID {
		t.Error("RT-01 the refresh gave nothing new, or another session")
	}
	if !r1.Session.LastSeen.Equal(h.now()) || !r1.RefreshExpiresAt.Equal(h.now().Add(14*24*time.Hour)) {
		t.Errorf("RT-01 seen at %v, idle until %v", r1.Session.LastSeen, r1.RefreshExpiresAt)
	}
	h.advance(time.Hour)
	refresh(t, s, r1.RefreshToken)
	refreshRefused(t, "RT-01 the first token after the grace", s, r0.RefreshToken.Reveal())
}

func TestCase_RT_02_ExactlyOneSuccessor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	// Three instances have keyrings of their own made from the same secrets.
	instances := []*authn.Sessions{newSessions(t, h), newSessions(t, h), newSessions(t, h)}
	r0 := start(t, h, instances[0])
	var mu sync.Mutex
	successors := map[authn.Secret]int{}
	var callers sync.WaitGroup
	for i := range 50 {
		callers.Go(func() {
			grant, _, err := instances[i%3].Refresh(t.Context(), r0.RefreshToken.Reveal(), home)
			if err != nil {
				t.Errorf("RT-02 caller %d: %v", i, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			successors[grant.RefreshToken]++
		})
	}
	callers.Wait()
	if len(successors) != 1 || len(h.refresh) != 2 {
		t.Fatalf("RT-02 %d successors handed out, %d tokens stored; want one and two", len(successors), len(h.refresh))
	}
	h.advance(10 * time.Second)
	again := refresh(t, instances[1], r0.RefreshToken)
	if successors[again.RefreshToken] != 50 {
		t.Error("RT-02 a replay at the end of the grace gave another successor")
	}
	refresh(t, instances[2], again.RefreshToken)
	if got := h.trail.take(); len(got) != 0 {
		t.Errorf("RT-02 audited %v; the family did nothing wrong", got)
	}
}

func TestCase_RT_04_ReplayEndsTheFamily(t *testing.T) {
	t.Parallel()
	for name, replay := range map[string]func(h *house, s *authn.Sessions, r0, r1 authn.Grant) string{
		"the parent after the grace": func(h *house, _ *authn.Sessions, r0, _ authn.Grant) string {
			h.advance(10*time.Second + time.Microsecond)
			return r0.RefreshToken.Reveal()
		},
		"the parent, used by a clock far ahead": func(h *house, _ *authn.Sessions, r0, _ authn.Grant) string {
			h.advance(-time.Hour)
			return r0.RefreshToken.Reveal()
		},
		"the grandparent within the grace": func(_ *house, s *authn.Sessions, r0, r1 authn.Grant) string {
			refresh(t, s, r1.RefreshToken)
			return r0.RefreshToken.Reveal()
		},
	} {
		h := newHouse(t)
		s := newSessions(t, h)
		other := start(t, h, s)
		r0 := start(t, h, s)
		r1 := refresh(t, s, r0.RefreshToken)
		refreshRefused(t, "RT-04 "+name, s, replay(h, s, r0, r1))
		refreshRefused(t, "RT-04 "+name+": the live token of the family", s, r1.RefreshToken.Reveal())
		refresh(t, s, other.RefreshToken)
		if changes := h.trail.changes; len(changes) != 1 || changes[0].Action != "session.reuse" || changes[0].Target.ID != r0.Session.ID || changes[0].Actor.IP != "192.0.2.7" {
			t.Errorf("RT-04 %s: audited %+v", name, changes)
		}
		if !slices.Equal(h.feed, []string{store.SessionVersion(r0.Session.ID)}) {
			t.Errorf("RT-04 %s: the feed has %v", name, h.feed)
		}
		refreshRefused(t, "RT-04 "+name+" once more", s, r0.RefreshToken.Reveal())
		if len(h.trail.changes) != 1 {
			t.Errorf("RT-04 %s: a replay of a dead family is audited again", name)
		}
	}
}

func TestRefreshSurvivesARotationOfTheSecrets(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before, during, after := newSessions(t, h, secret(1)), newSessions(t, h, secret(2), secret(1)), newSessions(t, h, secret(2))
	r0 := start(t, h, before)
	r1 := refresh(t, before, r0.RefreshToken)
	if again := refresh(t, during, r0.RefreshToken); again.RefreshToken != r1.RefreshToken {
		t.Error("an instance with a newer secret derives another successor")
	}
	// The key is gone: this replay cannot be answered, and is no theft either.
	refreshRefused(t, "the deriving key is gone", after, r0.RefreshToken.Reveal())
	refresh(t, after, r1.RefreshToken)
}

func TestCase_RT_12_TokensOfOtherKinds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSessions(t, h)
	grant := start(t, h, s)
	good := grant.RefreshToken.Reveal()
	for name, token := range map[string]string{
		"empty":               "",
		"an access token":     grant.AccessToken.Reveal(),
		"an API key":          authn.GenerateAPIKey("um_").Reveal(),
		"unknown":             "rt_" + strings.Repeat("A", 43),
		"without the prefix":  good[3:],
		"other prefix":        "RT_" + good[3:],
		"cut":                 good[:len(good)-1],
		"newline":             good + "\n",
		"newline inside":      good[:45] + "\n",
		"padding":             good + "=",
		"not base64url":       good[:45] + "+",
		"unused bits set":     good[:45] + otherBits(good[45]),
		"the id of a session": grant.Session.ID,
		"1 MiB":               "rt_" + strings.Repeat("A", 1<<20),
	} {
		refreshRefused(t, "RT-12 "+name, s, token)
	}
	refresh(t, s, grant.RefreshToken)
}

// otherBits returns a character that differs from c in its lowest bit, which
// the last of 43 characters does not use.
func otherBits(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func TestCase_RT_13_SessionsEnd(t *testing.T) {
	t.Parallel()
	t.Run("idle", func(t *testing.T) {
		h := newHouse(t)
		s := newSessions(t, h)
		grant := start(t, h, s)
		h.advance(14*24*time.Hour - time.Second)
		grant = refresh(t, s, grant.RefreshToken)
		h.advance(14 * 24 * time.Hour)
		refreshRefused(t, "RT-13 idle", s, grant.RefreshToken.Reveal())
	})
	t.Run("absolute", func(t *testing.T) {
		h := newHouse(t)
		s := newSessions(t, h)
		grant := start(t, h, s)
		end := noon.Add(30 * 24 * time.Hour)
		for h.now().Add(time.Hour).Before(end) {
			h.advance(time.Hour)
			grant = refresh(t, s, grant.RefreshToken)
			if grant.RefreshExpiresAt.After(end) {
				t.Fatalf("RT-13 at %v the refresh token is good until %v", h.now(), grant.RefreshExpiresAt)
			}
		}
		h.advance(time.Hour)
		refreshRefused(t, "RT-13 absolute", s, grant.RefreshToken.Reveal())
	})
}

// A session that lives for a month must not keep every token it ever had, and
// still ends when one of its many last ones comes again.
func TestChainsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSessions(t, h)
	first := start(t, h, s)
	bystander := start(t, h, s)
	grant := first
	var old authn.Grant
	for i := range 2500 {
		if grant = refresh(t, s, grant.RefreshToken); i == 1600 {
			old = grant
		}
		if n := len(h.refresh); n > 1200 {
			t.Fatalf("%d links are kept after %d refreshes", n, i+1)
		}
	}
	refreshRefused(t, "a forgotten token", s, first.RefreshToken.Reveal())
	if got := h.trail.take(); len(got) != 0 {
		t.Errorf("audited %v", got)
	}
	refreshRefused(t, "one of the last thousand", s, old.RefreshToken.Reveal())
	if got := h.trail.take(); !slices.Equal(got, []string{"session.reuse"}) {
		t.Errorf("audited %v", got)
	}
	refreshRefused(t, "after the replay", s, grant.RefreshToken.Reveal())
	refresh(t, s, bystander.RefreshToken)
}

func TestCase_RT_08_AccountsThatEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSessions(t, h)
	grant := start(t, h, s)
	h.setUser(func(u *store.User) { u.Status, u.SuspendedUntil = store.Suspended, noon.Add(time.Hour) })
	refreshRefused(t, "RT-08 suspended", s, grant.RefreshToken.Reveal())
	h.advance(time.Hour)
	refresh(t, s, grant.RefreshToken)
	delete(h.users, alice)
	refreshRefused(t, "RT-08 deleted", s, grant.RefreshToken.Reveal())
}

func TestCase_RT_07_Revoke(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSessions(t, h)
	one, two := start(t, h, s), start(t, h, s)
	actor := store.Actor{Kind: store.ActorUser, ID: alice}
	for name, args := range map[string][2]string{
		"another's session": {"usr_bob", one.Session.ID},
		"unknown":           {alice, "ses_unknown"},
	} {
		if err := s.Revoke(t.Context(), actor, args[0], args[1]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("RT-07 %s: %v", name, err)
		}
		if err := s.Logout(t.Context(), actor, args[0], args[1]); err != nil {
			t.Errorf("RT-07 logout of %s: %v", name, err)
		}
	}
	refresh(t, s, one.RefreshToken)
	if got := h.trail.take(); len(got) != 0 {
		t.Errorf("RT-07 what did not happen is audited: %v", got)
	}
	if err := s.Logout(t.Context(), actor, alice, two.Session.ID); err != nil {
		t.Fatal(err)
	}
	refreshRefused(t, "RT-07 after the logout", s, two.RefreshToken.Reveal())
	if err := s.Revoke(t.Context(), actor, alice, two.Session.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RT-07 a dead session: %v", err)
	}
	if got := h.trail.take(); !slices.Equal(got, []string{"session.revoke"}) {
		t.Errorf("RT-07 audited %v", got)
	}
}

func TestRevokeAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSessions(t, h)
	var grants []authn.Grant
	for range 3 {
		grants = append(grants, start(t, h, s))
	}
	actor := store.Actor{Kind: store.ActorUser, ID: alice}
	if n, err := s.RevokeAll(t.Context(), actor, alice, grants[0].Session.ID, ""); n != 2 || err != nil {
		t.Errorf("RevokeAll = %d, %v", n, err)
	}
	refresh(t, s, grants[0].RefreshToken)
	refreshRefused(t, "a revoked session", s, grants[1].RefreshToken.Reveal())
	if n, err := s.RevokeAll(t.Context(), actor, alice, grants[0].Session.ID, ""); n != 0 || err != nil {
		t.Errorf("RevokeAll with nothing to do = %d, %v", n, err)
	}
	if got := h.trail.take(); !slices.Equal(got, []string{"session.revoke"}) {
		t.Errorf("audited %v", got)
	}
	// As a part of another's change.
	err := h.door.Do(t.Context(), actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		c.Action = "user.password"
		return s.RevokeAllIn(ctx, q, c, alice, "", c.At)
	})
	if err != nil {
		t.Fatal(err)
	}
	refreshRefused(t, "after a change of the password", s, grants[0].RefreshToken.Reveal())
	if got := h.trail.changes[0].Affects; !slices.Equal(got, []string{store.UserVersion(alice)}) {
		t.Errorf("the change affects %v", got)
	}
}

func TestGrantsHideTheirTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	grant := start(t, h, newSessions(t, h))
	out := fmt.Sprintf("%v %+v %#v", grant, grant, grant)
	if strings.Contains(out, grant.RefreshToken.Reveal()) || strings.Contains(out, grant.AccessToken.Reveal()) {
		t.Error("a printed grant shows its tokens")
	}
}

// Whoever acts on another's sessions and keys says why, and the trail has it. The
// user himself, and the system, need not.
func TestRevokingForOthersNeedsAReason(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s, k := newSessions(t, h), newKeys(h)
	staff := store.Actor{Kind: store.ActorStaff, ID: "stf_1"}
	admin := store.Actor{Kind: store.ActorAdmin, ID: "adm_1"}
	for _, by := range []store.Actor{staff, admin, actor, store.System()} {
		start(t, h, s)
		key, _, err := k.Create(t.Context(), actor, authn.Principal{Subject: alice, Kind: authn.KindUser, AllScopes: true}, authn.NewKey{Name: "k"})
		if err != nil {
			t.Fatal(err)
		}
		h.trail.take()
		if by == staff || by == admin {
			for reason, code := range map[string]store.Code{"": store.ErrReasonRequired, " ": store.ErrReasonRequired, strings.Repeat("x", 501): store.ErrValidation} {
				if n, err := s.RevokeAll(t.Context(), by, alice, "", reason); n != 0 || !errors.Is(err, code) {
					t.Errorf("RevokeAll by %s for %.9q = %d, %v", by.Kind, reason, n, err)
				}
				if err := k.Revoke(t.Context(), by, alice, key.ID, reason); !errors.Is(err, code) {
					t.Errorf("Revoke by %s for %.9q = %v", by.Kind, reason, err)
				}
			}
			if got := h.trail.take(); len(got) != 0 {
				t.Errorf("what was refused is audited: %v", got)
			}
		}
		reason := "leaked"
		if by == actor {
			reason = ""
		}
		if n, err := s.RevokeAll(t.Context(), by, alice, "", reason); n == 0 || err != nil {
			t.Errorf("RevokeAll by %s = %d, %v", by.Kind, n, err)
		}
		if err := k.Revoke(t.Context(), by, alice, key.ID, reason); err != nil {
			t.Errorf("Revoke by %s: %v", by.Kind, err)
		}
		for _, c := range h.trail.changes {
			if c.Reason != reason || c.Actor != by {
				t.Errorf("%s by %s has the reason %q", c.Action, by.Kind, c.Reason)
			}
		}
		if len(h.trail.changes) != 2 {
			t.Errorf("%d changes", len(h.trail.changes))
		}
	}
	// One's own sessions, also of support staff, need no reason.
	if _, err := s.RevokeAll(t.Context(), staff, staff.ID, "", ""); err != nil {
		t.Errorf("one's own: %v", err)
	}
}
