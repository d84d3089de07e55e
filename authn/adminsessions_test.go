package authn_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

const root = "adm_root"

func TestAdminVerify(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	grant := startAdmin(t, d.house, d.sessions)
	want := &authn.Principal{
		Subject: root, Kind: authn.KindAdmin, Username: "root", SessionID: grant.Session.ID, AllScopes: true, Permissions: []string{"owner"},
	}
	for range 2 {
		p := d.good(t, "an admin's token", grant.AccessToken.Reveal())
		if diff := cmp.Diff(want, p); diff != "" {
			t.Error(diff)
		}
		if !p.HasPermission(authn.PermissionSettings) || p.Actor("", "").Kind != store.ActorAdmin {
			t.Error("an owner lacks a permission, or is no admin to the trail")
		}
	}
	user := authn.Principal{Subject: alice, Kind: authn.KindUser, Permissions: []string{"owner"}}
	clerk := authn.Principal{Subject: root, Kind: authn.KindAdmin, Permissions: []string{"users"}}
	if user.HasPermission("users") || !clerk.HasPermission("users") || clerk.HasPermission("settings") {
		t.Error("HasPermission is wrong")
	}
}

// An admin's permissions and status come from the store, and what changes them
// reaches tokens at once.
func TestCase_RT_08_RT_09_ChangesReachTheTokensOfAdmins(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := startAdmin(t, d.house, d.sessions).AccessToken.Reveal()
	change := func(fn func(*store.Admin)) {
		err := d.door.Do(t.Context(), actor, func(_ context.Context, _ store.Queries, c *store.Change) error {
			a := d.house.admins[root]
			fn(&a)
			d.house.admins[root] = a
			c.Action, c.Affects = "admin.update", []string{store.AdminVersion(root)}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	d.good(t, "the token", token)
	change(func(a *store.Admin) { a.Permissions = []string{"users"} })
	if p := d.good(t, "the token", token); p.HasPermission("settings") {
		t.Error("RT-09 a permission that was taken away is there")
	}
	change(func(a *store.Admin) { a.Status = store.Suspended })
	d.bad(t, "RT-08 a suspended admin's token", token)
	change(func(a *store.Admin) { a.Status = store.Active })
	d.good(t, "RT-08 the token of an admin who is back", token)
}

func TestAdminSessionsEndSooner(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *authn.VerifierConfig) { c.TTL = 24 * time.Hour })
	grant := startAdmin(t, d.house, d.sessions)
	if !grant.ExpiresAt.Equal(noon.Add(5*time.Minute)) || !grant.RefreshExpiresAt.Equal(noon.Add(12*time.Hour)) {
		t.Errorf("the token ends at %v, the session at %v", grant.ExpiresAt, grant.RefreshExpiresAt)
	}
	d.advance(5*time.Minute + 4*time.Second)
	d.good(t, "C7 within the leeway", grant.AccessToken.Reveal())
	d.advance(time.Second)
	d.bad(t, "C7 after it", grant.AccessToken.Reveal())
	for range 11 {
		d.advance(time.Hour)
		next, admin, err := d.sessions.RefreshAdmin(t.Context(), grant.RefreshToken.Reveal(), home)
		if err != nil || admin.ID != root || !next.RefreshExpiresAt.Equal(noon.Add(12*time.Hour)) {
			t.Fatalf("RT-13 %v, %v, %v", admin, next.RefreshExpiresAt, err)
		}
		grant = next
	}
	d.advance(time.Hour)
	if _, _, err := d.sessions.RefreshAdmin(t.Context(), grant.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
		t.Errorf("RT-13 after twelve hours: %v", err)
	}
}

// The refresh token of one kind is worth nothing where another's is asked for,
// and loses nothing by being shown there.
func TestCase_RT_12_RefreshTokensOfKindsAreApart(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	user, admin := start(t, d.house, d.sessions), startAdmin(t, d.house, d.sessions)
	refreshRefused(t, "RT-12 an admin's at the users'", d.sessions, admin.RefreshToken.Reveal())
	if grant, _, err := d.sessions.RefreshAdmin(t.Context(), user.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) || grant != (authn.Grant{}) {
		t.Errorf("RT-12 a user's at the admins': %v", err)
	}
	refresh(t, d.sessions, user.RefreshToken)
	if _, _, err := d.sessions.RefreshAdmin(t.Context(), admin.RefreshToken.Reveal(), home); err != nil {
		t.Error(err)
	}
}

func TestCase_RT_04_AReplayEndsAnAdminsSession(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	first := startAdmin(t, d.house, d.sessions)
	second, _, err := d.sessions.RefreshAdmin(t.Context(), first.RefreshToken.Reveal(), home)
	if err != nil {
		t.Fatal(err)
	}
	d.good(t, "before", second.AccessToken.Reveal())
	d.advance(11 * time.Second)
	if _, _, err := d.sessions.RefreshAdmin(t.Context(), first.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
		t.Errorf("RT-04 the replay: %v", err)
	}
	d.bad(t, "RT-04 the session's token", second.AccessToken.Reveal())
	if got := d.trail.take(); !slices.Contains(got, "session.reuse") {
		t.Errorf("audited %v", got)
	}
}

func TestRevokeAllOfAnAdmin(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	tokens := []string{startAdmin(t, d.house, d.sessions).AccessToken.Reveal(), startAdmin(t, d.house, d.sessions).AccessToken.Reveal()}
	for _, token := range tokens {
		d.good(t, "before", token)
	}
	if n, err := d.sessions.RevokeAll(t.Context(), actor, root, "", ""); n != 2 || err != nil {
		t.Errorf("RevokeAll = %d, %v", n, err)
	}
	for _, token := range tokens {
		d.bad(t, "after", token)
	}
}
