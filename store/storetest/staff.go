package storetest

import (
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// newStaff makes a member of staff with every field set.
func newStaff() store.Staff {
	id := newID("stf_")
	return store.Staff{
		ID: id, Name: "Help " + id, Username: "help-" + id, Email: "Help@example.com", Level: store.StaffLead,
		Status: store.Suspended, MFAEnabled: true, CreatedAt: moment(0), UpdatedAt: moment(1), LastLoginAt: moment(2),
	}
}

func keptStaff(a store.Staff) store.Staff {
	a.CreatedAt, a.UpdatedAt, a.LastLoginAt = kept(a.CreatedAt), kept(a.UpdatedAt), kept(a.LastLoginAt)
	return a
}

func testStaff(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, a store.Staff)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newStaff()
			must(t, s.StaffInsert(t.Context(), a))
			fn(t, a)
		})
	}

	run("StaffGet/ReturnsWhatWasStored", func(t *testing.T, a store.Staff) {
		want(t, got(s.StaffGet(t.Context(), a.ID))(t), keptStaff(a))
	})
	run("StaffGet/ZeroFieldsStayZero", func(t *testing.T, _ store.Staff) {
		bare := store.Staff{ID: newID("stf_"), Username: newID("x"), Status: store.Active}
		must(t, s.StaffInsert(t.Context(), bare))
		want(t, got(s.StaffGet(t.Context(), bare.ID))(t), bare)
	})
	run("StaffGet/Missing", func(t *testing.T, _ store.Staff) {
		_, err := s.StaffGet(t.Context(), newID("stf_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("StaffInsert/DuplicateID", func(t *testing.T, a store.Staff) {
		a.Username = "other"
		wantError(t, s.StaffInsert(t.Context(), a), store.ErrConflict)
	})
	run("StaffUpdate/ReplacesAllButIDAndCreatedAt", func(t *testing.T, a store.Staff) {
		next := store.Staff{ID: a.ID, Name: "N", Username: newID("n"), Email: "n@example.com", Level: store.StaffViewer,
			Status: store.Active, CreatedAt: moment(70), UpdatedAt: moment(71), LastLoginAt: moment(72)}
		must(t, s.StaffUpdate(t.Context(), next))
		next.CreatedAt = a.CreatedAt
		want(t, got(s.StaffGet(t.Context(), a.ID))(t), keptStaff(next))
	})
	run("StaffUpdate/Missing", func(t *testing.T, a store.Staff) {
		a.ID = newID("stf_")
		wantError(t, s.StaffUpdate(t.Context(), a), store.ErrNotFound)
	})
	run("StaffDelete/TheRowAlone", func(t *testing.T, a store.Staff) {
		v := newSession(a.ID)
		must(t, s.SessionInsert(t.Context(), v))
		must(t, s.StaffDelete(t.Context(), a.ID))
		_, err := s.StaffGet(t.Context(), a.ID)
		wantError(t, err, store.ErrNotFound)
		wantError(t, s.StaffDelete(t.Context(), a.ID), store.ErrNotFound)
		_, err = s.SessionGet(t.Context(), v.ID)
		must(t, err)
	})
	run("SessionWithStaff/ReturnsBoth", func(t *testing.T, a store.Staff) {
		v := newSession(a.ID)
		v.Kind = store.ActorStaff
		must(t, s.SessionInsert(t.Context(), v))
		session, staff, err := s.SessionWithStaff(t.Context(), v.ID)
		must(t, err)
		want(t, session, keptSession(v))
		want(t, staff, keptStaff(a))
	})
	run("SessionWithStaff/MissingSession", func(t *testing.T, _ store.Staff) {
		_, _, err := s.SessionWithStaff(t.Context(), newID("ses_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("SessionWithStaff/OfAUser", func(t *testing.T, _ store.Staff) {
		u := newUser()
		v := newSession(u.ID)
		must(t, s.UserInsert(t.Context(), u))
		must(t, s.SessionInsert(t.Context(), v))
		_, _, err := s.SessionWithStaff(t.Context(), v.ID)
		wantError(t, err, store.ErrNotFound)
	})
	run("SessionWithUser/OfStaff", func(t *testing.T, a store.Staff) {
		v := newSession(a.ID)
		must(t, s.SessionInsert(t.Context(), v))
		_, _, err := s.SessionWithUser(t.Context(), v.ID)
		wantError(t, err, store.ErrNotFound)
	})
	run("IdentifierInsert/NamesOfStaffAreTheirOwn", func(t *testing.T, a store.Staff) {
		for kind, taken := range map[store.IdentifierKind]store.Code{
			store.IdentifierStaffUsername: store.ErrUsernameTaken, store.IdentifierStaffEmail: store.ErrEmailTaken,
		} {
			name := store.Identifier{Kind: kind, Value: newID("x"), Subject: a.ID}
			must(t, s.IdentifierInsert(t.Context(), name))
			wantError(t, s.IdentifierInsert(t.Context(), name), taken)
			name.Kind, name.Subject = store.IdentifierUsername, newID("usr_")
			must(t, s.IdentifierInsert(t.Context(), name))
		}
	})
	t.Run("StaffList/All", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		var all []store.Staff
		for i := range 5 {
			a := newStaff()
			a.CreatedAt = moment(i / 2)
			must(t, s.StaffInsert(t.Context(), a))
			all = append(all, keptStaff(a))
		}
		slices.SortFunc(all, func(a, b store.Staff) int { return byPosition(a.CreatedAt, a.ID, b.CreatedAt, b.ID) })
		testPaging(t, s.StaffList, all)
	})
}
