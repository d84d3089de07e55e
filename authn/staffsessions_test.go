package authn_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

const sam = "stf_sam"

// startStaff signs a lead of the support staff in.
func startStaff(t *testing.T, d *desk) authn.Grant {
	t.Helper()
	d.house.staff[sam] = store.Staff{ID: sam, Username: "sam", Level: store.StaffLead, Status: store.Active}
	grant, err := d.sessions.Start(t.Context(), d.house.memStore, sam, authn.KindStaff, home)
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// The level and status of staff come from the store, and what changes them
// reaches tokens at once.
func TestCase_RT_08_RT_09_ChangesReachTheTokensOfStaff(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	grant := startStaff(t, d)
	token := grant.AccessToken.Reveal()
	change := func(fn func(*store.Staff)) {
		err := d.door.Do(t.Context(), actor, func(_ context.Context, _ store.Queries, c *store.Change) error {
			a := d.house.staff[sam]
			fn(&a)
			d.house.staff[sam] = a
			c.Action, c.Affects = "staff.update", []string{store.StaffVersion(sam)}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := &authn.Principal{
		Subject: sam, Kind: authn.KindStaff, Username: "sam", SessionID: grant.Session.ID, AllScopes: true, Level: store.StaffLead,
	}
	for range 2 {
		if diff := cmp.Diff(want, d.good(t, "a lead's token", token)); diff != "" {
			t.Error(diff)
		}
	}
	change(func(a *store.Staff) { a.Level = store.StaffViewer })
	if p := d.good(t, "the token", token); p.Level != store.StaffViewer {
		t.Errorf("RT-09 the level is %d", p.Level)
	}
	change(func(a *store.Staff) { a.Status = store.Suspended })
	d.bad(t, "RT-08 the token of suspended staff", token)
	change(func(a *store.Staff) { a.Status = store.Active })
	d.good(t, "RT-08 the token of staff that is back", token)
	if n, err := d.sessions.RevokeAll(t.Context(), actor, sam, "", ""); n != 1 || err != nil {
		t.Errorf("RevokeAll = %d, %v", n, err)
	}
	d.bad(t, "the token of a session that ended", token)
}

// The refresh tokens of staff are good for staff alone, and its sessions end as
// soon as those of admins.
func TestCase_RT_12_RefreshTokensOfStaff(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	grant, user := startStaff(t, d), start(t, d.house, d.sessions)
	if !grant.ExpiresAt.Equal(noon.Add(5*time.Minute)) || !grant.RefreshExpiresAt.Equal(noon.Add(12*time.Hour)) {
		t.Errorf("the token ends at %v, the session at %v", grant.ExpiresAt, grant.RefreshExpiresAt)
	}
	refreshRefused(t, "RT-12 staff's at the users'", d.sessions, grant.RefreshToken.Reveal())
	if _, _, err := d.sessions.RefreshAdmin(t.Context(), grant.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
		t.Errorf("RT-12 staff's at the admins': %v", err)
	}
	if _, _, err := d.sessions.RefreshStaff(t.Context(), user.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
		t.Errorf("RT-12 a user's at the staff's: %v", err)
	}
	next, who, err := d.sessions.RefreshStaff(t.Context(), grant.RefreshToken.Reveal(), home)
	if err != nil || who.ID != sam {
		t.Fatalf("%v, %v", who, err)
	}
	d.good(t, "the next token", next.AccessToken.Reveal())
}
