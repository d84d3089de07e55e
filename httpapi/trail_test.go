package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

// TestCase_AU_01_OneRowAChange calls every route that changes something, by
// itself and in vain, and reads the trail after each: it has one row more, which
// says who did what to whom, from where and in which request, or none where
// nothing was changed.
func TestCase_AU_01_OneRowAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	s := steps{world: w, called: map[string]bool{}}
	s.rows() // the default plan was made
	s.ofUsers()
	s.ofAdmins()
	s.ofStaff()
	s.ofPeople()
	s.ofServices()
	s.ofOperations()
	s.ofDesk()
	s.ofAccounts()
	w.everyRoute(func(method, path, _ string, op operation) {
		if changes := !slices.Contains([]string{"GET", "HEAD"}, method); changes && !s.called[op.OperationID] {
			t.Errorf("%s %s was not called", method, path)
		}
	})
}

// steps are calls with what the trail has of each.
type steps struct {
	*world
	called map[string]bool
	seen   int
}

// rows returns what the trail has since the last call.
func (s *steps) rows() (out []string) {
	s.t.Helper()
	must(s.t, s.trail.Flush(s.t.Context()))
	list, err := s.trail.List(s.t.Context(), store.AuditFilter{}, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
	must(s.t, err)
	for _, e := range list.Items[s.seen:] {
		if e.ActorKind != store.ActorSystem && (e.Detail.IP != "127.0.0.1" || e.RequestID != "request-1") || !e.At.Equal(s.clock()) {
			s.t.Errorf("%s is from %q in %q at %v", e.Action, e.Detail.IP, e.RequestID, e.At)
		}
		out = append(out, fmt.Sprintf("%s %s by %s on %s", e.Action, e.Result, e.ActorKind, e.Target.Kind))
	}
	s.seen = len(list.Items)
	return out
}

// step calls an operation and holds the trail against what is wanted of it.
func (s *steps) step(id, method, path, credential, body string, status int, want ...string) answer {
	s.t.Helper()
	s.called[id] = true
	a := s.call(method, path, credential, body)
	if a.status != status {
		s.t.Fatalf("%s: %d %s", id, a.status, a.body)
	}
	if diff := cmp.Diff(want, s.rows()); diff != "" {
		s.t.Errorf("%s, the trail (-want +got): %s", id, diff)
	}
	return a
}

func (s *steps) ofUsers() {
	s.t.Helper()
	alice := personOf(s.step("register", "POST", "/auth/register", "", bodies["register"], 201, "user.register ok by user on user"))
	in := strings.ReplaceAll(bodies["login"], "alice", "carol")
	s.step("login", "POST", "/auth/login", "", strings.ReplaceAll(in, password, "not this one"), 401, "user.login_failed failed by anonymous on user")
	second := personOf(s.step("login", "POST", "/auth/login", "", in, 200, "user.login ok by user on user"))
	third := personOf(s.step("login", "POST", "/auth/login", "", in, 200, "user.login ok by user on user"))
	s.step("refresh", "POST", "/auth/refresh", "", `{"refresh_token":"`+second.refresh+`"}`, 200)
	s.step("update-me", "PATCH", "/auth/me", alice.access, `{"display_name":"A"}`, 200, "user.update ok by user on user")
	s.step("update-me", "PATCH", "/auth/me", alice.access, `{"display_name":"A"}`, 200)
	s.step("update-me", "PATCH", "/auth/me", alice.access, `{"display_name":1}`, 422)
	key := s.step("create-key", "POST", "/auth/me/keys", alice.access, `{"name":"k"}`, 201, "key.create ok by user on key")
	path := "/auth/me/keys/" + key.text("id")
	s.step("update-key", "PATCH", path, alice.access, `{"name":"l"}`, 200, "key.update ok by user on key")
	s.step("update-key", "PATCH", path, key.text("key"), `{"name":"m"}`, 403, "key.update denied by user on key")
	s.step("enable-key", "POST", path+"/enable", alice.access, ``, 200)
	rotated := s.step("rotate-key", "POST", path+"/rotate", alice.access, `{}`, 201, "key.rotate ok by user on key")
	path = "/auth/me/keys/" + rotated.text("id")
	s.step("revoke-key", "DELETE", path, alice.access, ``, 204, "key.revoke ok by user on key")
	s.step("revoke-key-by-post", "POST", path+"/delete", alice.access, ``, 204)
	s.step("revoke-session", "DELETE", "/auth/me/sessions/"+second.session, alice.access, ``, 204, "session.revoke ok by user on session")
	s.step("revoke-session-by-post", "POST", "/auth/me/sessions/"+third.session+"/delete", alice.access, ``, 204, "session.revoke ok by user on session")
	s.step("change-password", "POST", "/auth/me/password", alice.access, strings.ReplaceAll(bodies["change-password"], password, "not this one"), 401, "user.password failed by user on user")
	alice = personOf(s.step("change-password", "POST", "/auth/me/password", alice.access, bodies["change-password"], 200, "user.password ok by user on user"))
	s.step("logout", "POST", "/auth/logout", alice.access, ``, 204, "session.revoke ok by user on session")
	in = strings.ReplaceAll(in, password, "a longer walk at dawn")
	alice = personOf(s.step("login", "POST", "/auth/login", "", in, 200, "user.login ok by user on user"))
	s.step("logout-all", "POST", "/auth/logout/all", alice.access, ``, 204, "session.revoke ok by user on user")
	alice = personOf(s.step("login", "POST", "/auth/login", "", in, 200, "user.login ok by user on user"))
	s.step("delete-me", "DELETE", "/auth/me", alice.access, `{"password":"not this one"}`, 401, "user.delete failed by user on user")
	s.step("delete-me-by-post", "POST", "/auth/me/delete", alice.access, `{"password":"a longer walk at dawn"}`, 204, "user.delete ok by user on user")
}

func (s *steps) ofAdmins() {
	s.t.Helper()
	_, err := s.admins.EnsureFirst(s.t.Context(), "root", adminPassword)
	must(s.t, err)
	if diff := cmp.Diff([]string{"admin.create ok by system on admin"}, s.rows()); diff != "" {
		s.t.Errorf("the first admin, the trail (-want +got): %s", diff)
	}
	in := bodies["login-admin"]
	s.step("login-admin", "POST", "/admin/login", "", strings.ReplaceAll(in, adminPassword, "not this one"), 401, "admin.login_failed failed by anonymous on admin")
	root := personOf(s.step("login-admin", "POST", "/admin/login", "", in, 200, "admin.login ok by admin on admin"))
	root = personOf(s.step("refresh-admin", "POST", "/admin/refresh", "", `{"refresh_token":"`+root.refresh+`"}`, 200))
	key := s.step("create-service-key", "POST", "/admin/service-keys", root.access, `{"name":"k"}`, 201, "service_key.create ok by admin on service_key")
	path := "/admin/service-keys/" + key.text("id")
	s.step("revoke-service-key", "DELETE", path, root.access, "", 204, "service_key.revoke ok by admin on service_key")
	s.step("revoke-service-key-by-post", "POST", path+"/delete", root.access, "", 204)
	dora := personOf(s.step("register", "POST", "/auth/register", "", strings.ReplaceAll(bodies["register"], "carol", "dora"), 201, "user.register ok by user on user"))
	path = "/admin/users/" + dora.id + "/credits"
	s.step("grant-credits", "POST", path, root.access, bodies["grant-credits"], 201, "user.credits ok by admin on user")
	s.step("grant-credits", "POST", path, root.access, `{"amount":0,"reason":"none"}`, 422)
	s.step("logout-admin", "POST", "/admin/logout", root.access, "", 204, "session.revoke ok by admin on session")
}

func (s *steps) ofStaff() {
	s.t.Helper()
	_, err := s.staff.Create(s.t.Context(), store.System(), account.NewStaffMember{
		Name: "Helper", Username: "helper-3", Level: store.StaffLead, Password: adminPassword,
	})
	must(s.t, err)
	if diff := cmp.Diff([]string{"staff.create ok by system on staff"}, s.rows()); diff != "" {
		s.t.Errorf("a member of staff, the trail (-want +got): %s", diff)
	}
	in := bodies["login-staff"]
	s.step("login-staff", "POST", "/staff/login", "", strings.ReplaceAll(in, adminPassword, "not this one"), 401, "staff.login_failed failed by anonymous on staff")
	lead := personOf(s.step("login-staff", "POST", "/staff/login", "", in, 200, "staff.login ok by staff on staff"))
	lead = personOf(s.step("refresh-staff", "POST", "/staff/refresh", "", `{"refresh_token":"`+lead.refresh+`"}`, 200))
	s.step("logout-staff", "POST", "/staff/logout", lead.access, "", 204, "session.revoke ok by staff on session")
}

// ofServices meters and logs, which is not audited: the meters and logs show it.
func (s *steps) ofServices() {
	s.t.Helper()
	_, key := s.serviceKey(`{"name":"k"}`)
	eve := s.register("eve")
	s.rows()
	asEve := func(body string) string { return strings.ReplaceAll(body, "usr_1", eve.id) }
	s.step("consume", "POST", "/service/consume", key, asEve(bodies["consume"]), 200)
	held := s.step("reserve", "POST", "/service/reservations", key, asEve(bodies["reserve"]), 201)
	path := "/service/reservations/" + held.text("id")
	s.step("extend-reservation", "POST", path+"/extend", key, bodies["extend-reservation"], 200)
	s.step("settle-reservation", "POST", path+"/settle", key, bodies["settle-reservation"], 200)
	s.step("release-reservation", "POST", path+"/release", key, bodies["release-reservation"], 200)
	s.step("log-messages", "POST", "/service/messages", key, asEve(bodies["log-messages"]), 202)
	s.step("consume", "POST", "/service/consume", eve.access, asEve(bodies["consume"]), 401, "usage.consume denied by user on user")
}
