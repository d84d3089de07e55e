package account_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// operator is somebody of the service, of either kind.
type operator struct {
	id     string
	signIn func(password string, from authn.Origin) (authn.Grant, error)
	change func(session, current, next string, from authn.Origin) (authn.Grant, error)
}

// operators makes one of each kind, by kind.
func (h *house) operators() map[string]operator {
	h.t.Helper()
	staff, sam := h.member("sam", store.StaffViewer)
	admins, _ := h.admins()
	ann := newAdmin(h.t, admins, "ann", "users")
	return map[string]operator{
		"staff": {sam.ID,
			func(password string, from authn.Origin) (authn.Grant, error) {
				_, grant, err := staff.SignIn(h.t.Context(), "sam", password, from)
				return grant, err
			},
			func(session, current, next string, from authn.Origin) (authn.Grant, error) {
				_, grant, err := staff.ChangePassword(h.t.Context(), store.Actor{Kind: store.ActorStaff, ID: sam.ID, SessionID: session}, sam.ID, session, current, next, from)
				return grant, err
			}},
		"admin": {ann.ID,
			func(password string, from authn.Origin) (authn.Grant, error) {
				_, grant, err := admins.SignIn(h.t.Context(), "ann", password, from)
				return grant, err
			},
			func(session, current, next string, from authn.Origin) (authn.Grant, error) {
				_, grant, err := admins.ChangePassword(h.t.Context(), asAdmin(ann), ann.ID, session, current, next, from)
				return grant, err
			}},
	}
}

func TestCase_PW_14_OperatorsChangeTheirPasswords(t *testing.T) {
	t.Parallel()
	const next = "another way down the river"
	h := newHouse(t)
	for kind, o := range h.operators() {
		var sessions []string
		for range 3 {
			grant, err := o.signIn(operatorPassword, home)
			must(t, err)
			sessions = append(sessions, grant.Session.ID)
		}
		for weak, code := range map[string]store.Code{"fourteen chars": store.ErrWeakPassword, "": store.ErrWeakPassword, "acmerockets": store.ErrWeakPassword, "x\x00": store.ErrValidation} {
			_, err := o.change(sessions[0], operatorPassword, weak, home)
			e, _ := errors.AsType[*store.Error](err)
			if e == nil || e.Code != code || e.Fields[0].Field != "new_password" {
				t.Errorf("%s, to %q: %v", kind, weak, err)
			}
		}
		if _, err := o.change(sessions[0], "wrong", next, home); !errors.Is(err, store.ErrInvalidCredentials) || h.live(o.id) != 3 {
			t.Errorf("%s: %v", kind, err)
		}
		grant, err := o.change(sessions[0], operatorPassword, next, home)
		must(t, err)
		if h.live(o.id) != 1 || grant.Session.Subject != o.id || string(grant.Session.Kind) != kind {
			t.Errorf("%s: %d sessions live; %+v", kind, h.live(o.id), grant.Session)
		}
		if _, err := o.change(sessions[1], next, operatorPassword, home); !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("%s by a session that ended: %v", kind, err)
		}
		if _, err := o.signIn(operatorPassword, home); !errors.Is(err, store.ErrInvalidCredentials) {
			t.Errorf("%s with the old password: %v", kind, err)
		}
		if _, err := o.signIn(next, home); err != nil {
			t.Errorf("%s with the new one: %v", kind, err)
		}
		var trail []string
		for _, e := range h.events(kind + ".password") {
			trail = append(trail, string(e.Result)+" "+string(e.ActorKind)+" "+e.Target.ID)
			if len(h.changesOf(kind+".password")) != 0 {
				t.Errorf("the trail: %s", e.Detail.Changes)
			}
		}
		slices.Sort(trail) // failures have a queue of their own
		if got := strings.Join(trail, ", "); got != "failed "+kind+" "+o.id+", ok "+kind+" "+o.id {
			t.Errorf("the trail: %s", got)
		}
	}
}

// Wrong current passwords count where wrong sign-ins do, so that a stolen session
// guesses no longer than a thief without one.
func TestCase_LK_01_ChangesOfOperatorsCount(t *testing.T) {
	t.Parallel()
	const next = "another way down the river"
	h := newHouse(t)
	for kind, o := range h.operators() {
		grant, err := o.signIn(operatorPassword, home)
		must(t, err)
		for i := range 10 {
			if i%2 == 0 {
				_, err = o.change(grant.Session.ID, "wrong", next, away)
			} else {
				_, err = o.signIn("wrong", away)
			}
			if !errors.Is(err, store.ErrInvalidCredentials) {
				t.Fatalf("%s: %v", kind, err)
			}
		}
		if _, err := o.change(grant.Session.ID, operatorPassword, next, away); !errors.Is(err, store.ErrLocked) {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := o.signIn(operatorPassword, away); !errors.Is(err, store.ErrLocked) {
			t.Errorf("%s: %v", kind, err)
		}
		// The device that is known is counted apart.
		if _, err := o.change(grant.Session.ID, operatorPassword, next, home); err != nil {
			t.Errorf("%s from a known device: %v", kind, err)
		}
	}
}

// Of many changes at once that a host asks for, whom no session stops, one has
// the right current password, and one session lives.
func TestOperatorsChangeOnceAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for kind, o := range h.operators() {
		var mu sync.Mutex
		done := 0
		var running sync.WaitGroup
		for i := range 6 {
			running.Go(func() {
				_, err := o.change("", operatorPassword, "a way down the river "+string(rune('a'+i)), home)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					done++
				}
			})
		}
		running.Wait()
		if done != 1 || h.live(o.id) != 1 {
			t.Errorf("%s: %d changes, %d sessions live", kind, done, h.live(o.id))
		}
	}
}

func TestChangePassword_OfNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	staff, sam := h.member("sam", store.StaffViewer)
	admins, first := h.admins()
	if _, _, err := staff.ChangePassword(t.Context(), store.System(), first.Admin.ID, "", operatorPassword, operatorPassword, home); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an admin as staff: %v", err)
	}
	if _, _, err := admins.ChangePassword(t.Context(), store.System(), sam.ID, "", operatorPassword, operatorPassword, home); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("staff as an admin: %v", err)
	}
	must(t, suspendMember(h, staff, sam.ID))
	if _, _, err := staff.ChangePassword(t.Context(), store.System(), sam.ID, "", operatorPassword, "another way down the river", home); !errors.Is(err, store.ErrSuspended) {
		t.Errorf("who is suspended: %v", err)
	}
}
