package storetest

import (
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// newAdmin makes an admin with every field set.
func newAdmin() store.Admin {
	id := newID("adm_")
	return store.Admin{
		ID: id, Username: "ops-" + id, Email: "Ops@example.com", Permissions: []string{"settings", "users"},
		Status: store.Suspended, MFAEnabled: true, CreatedAt: moment(0), UpdatedAt: moment(1), LastLoginAt: moment(2),
	}
}

func keptAdmin(a store.Admin) store.Admin {
	a.CreatedAt, a.UpdatedAt, a.LastLoginAt = kept(a.CreatedAt), kept(a.UpdatedAt), kept(a.LastLoginAt)
	return a
}

func testAdmins(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, a store.Admin)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAdmin()
			must(t, s.AdminInsert(t.Context(), a))
			fn(t, a)
		})
	}

	run("AdminGet/ReturnsWhatWasStored", func(t *testing.T, a store.Admin) {
		want(t, got(s.AdminGet(t.Context(), a.ID))(t), keptAdmin(a))
	})
	run("AdminGet/ZeroFieldsStayZero", func(t *testing.T, _ store.Admin) {
		bare := store.Admin{ID: newID("adm_"), Username: newID("x"), Status: store.Active}
		must(t, s.AdminInsert(t.Context(), bare))
		want(t, got(s.AdminGet(t.Context(), bare.ID))(t), bare)
	})
	run("AdminGet/Missing", func(t *testing.T, _ store.Admin) {
		_, err := s.AdminGet(t.Context(), newID("adm_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("AdminInsert/DuplicateID", func(t *testing.T, a store.Admin) {
		a.Username = "other"
		wantError(t, s.AdminInsert(t.Context(), a), store.ErrConflict)
	})
	run("AdminUpdate/ReplacesAllButIDAndCreatedAt", func(t *testing.T, a store.Admin) {
		next := store.Admin{ID: a.ID, Username: newID("n"), Email: "n@example.com", Permissions: []string{"owner"},
			Status: store.Active, CreatedAt: moment(70), UpdatedAt: moment(71), LastLoginAt: moment(72)}
		must(t, s.AdminUpdate(t.Context(), next))
		next.CreatedAt = a.CreatedAt
		want(t, got(s.AdminGet(t.Context(), a.ID))(t), keptAdmin(next))
	})
	run("AdminUpdate/Missing", func(t *testing.T, a store.Admin) {
		a.ID = newID("adm_")
		wantError(t, s.AdminUpdate(t.Context(), a), store.ErrNotFound)
	})
	run("AdminDelete/TheRowAlone", func(t *testing.T, a store.Admin) {
		v := newSession(a.ID)
		must(t, s.SessionInsert(t.Context(), v))
		must(t, s.AdminDelete(t.Context(), a.ID))
		_, err := s.AdminGet(t.Context(), a.ID)
		wantError(t, err, store.ErrNotFound)
		wantError(t, s.AdminDelete(t.Context(), a.ID), store.ErrNotFound)
		_, err = s.SessionGet(t.Context(), v.ID)
		must(t, err)
	})
	t.Run("AdminOwners/ActiveOnesOnly", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		var owners []string
		for i, permissions := range [][]string{{"owner"}, {"users", "owner"}, {"users"}, nil, {"owner"}} {
			a := newAdmin()
			a.Permissions = permissions
			if a.Status = store.Active; i == 4 {
				a.Status = store.Suspended
			}
			must(t, s.AdminInsert(t.Context(), a))
			if i < 2 {
				owners = append(owners, a.ID)
			}
		}
		slices.Sort(owners)
		want(t, got(s.AdminOwners(t.Context()))(t), owners)
	})
	run("SessionWithAdmin/ReturnsBoth", func(t *testing.T, a store.Admin) {
		v := newSession(a.ID)
		v.Kind = store.ActorAdmin
		must(t, s.SessionInsert(t.Context(), v))
		session, admin, err := s.SessionWithAdmin(t.Context(), v.ID)
		must(t, err)
		want(t, session, keptSession(v))
		want(t, admin, keptAdmin(a))
	})
	run("SessionWithAdmin/MissingSession", func(t *testing.T, _ store.Admin) {
		_, _, err := s.SessionWithAdmin(t.Context(), newID("ses_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("SessionWithAdmin/OfAUser", func(t *testing.T, _ store.Admin) {
		u := newUser()
		v := newSession(u.ID)
		must(t, s.UserInsert(t.Context(), u))
		must(t, s.SessionInsert(t.Context(), v))
		_, _, err := s.SessionWithAdmin(t.Context(), v.ID)
		wantError(t, err, store.ErrNotFound)
	})
	run("SessionWithUser/OfAnAdmin", func(t *testing.T, a store.Admin) {
		v := newSession(a.ID)
		must(t, s.SessionInsert(t.Context(), v))
		_, _, err := s.SessionWithUser(t.Context(), v.ID)
		wantError(t, err, store.ErrNotFound)
	})
	run("IdentifierInsert/NamesOfAdminsAreTheirOwn", func(t *testing.T, a store.Admin) {
		for kind, taken := range map[store.IdentifierKind]store.Code{
			store.IdentifierAdminUsername: store.ErrUsernameTaken, store.IdentifierAdminEmail: store.ErrEmailTaken,
		} {
			name := store.Identifier{Kind: kind, Value: newID("x"), Subject: a.ID}
			must(t, s.IdentifierInsert(t.Context(), name))
			wantError(t, s.IdentifierInsert(t.Context(), name), taken)
			name.Kind, name.Subject = store.IdentifierUsername, newID("usr_")
			must(t, s.IdentifierInsert(t.Context(), name))
		}
	})
	t.Run("AdminList/All", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		var all []store.Admin
		for i := range 5 {
			a := newAdmin()
			a.CreatedAt = moment(i / 2)
			must(t, s.AdminInsert(t.Context(), a))
			all = append(all, keptAdmin(a))
		}
		slices.SortFunc(all, func(a, b store.Admin) int { return byPosition(a.CreatedAt, a.ID, b.CreatedAt, b.ID) })
		testPaging(t, s.AdminList, all)
	})
}
