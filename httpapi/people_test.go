package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

var bodiesOfPeople = map[string]string{
	"create-staff":          `{"name":"Sam","username":"sam","level":1,"password":"` + adminPassword + `"}`,
	"update-staff":          `{"name":"Samuel"}`,
	"create-admin":          `{"username":"second","permissions":["admins"],"password":"` + adminPassword + `"}`,
	"update-admin":          `{"email":null}`,
	"change-staff-password": `{"current_password":"` + adminPassword + `","new_password":"another way down the river"}`,
	"change-admin-password": `{"current_password":"` + adminPassword + `","new_password":"another way down the river"}`,
}

// ofPeople makes, changes and removes accounts of staff and admins, and has them
// change their own passwords.
func (s *steps) ofPeople() {
	s.t.Helper()
	owner := s.admin()
	lead := s.member(store.StaffLead)
	s.rows()
	ok := func(action string) string { return action + " ok by admin on " + strings.Split(action, ".")[0] }
	for kind, path := range map[string]string{"staff": "/admin/staff", "admin": "/admin/admins"} {
		made := s.step("create-"+kind, "POST", path, owner.access, bodies["create-"+kind], 201, ok(kind+".create"))
		s.step("create-"+kind, "POST", path, owner.access, bodies["create-"+kind], 409)
		one := path + "/" + made.text("id")
		s.step("update-"+kind, "PATCH", one, owner.access, `{"username":"renamed"}`, 200, ok(kind+".update"))
		s.step("update-"+kind, "PATCH", one, owner.access, `{"username":"renamed"}`, 200)
		s.step("update-"+kind, "PATCH", one, owner.access, `{"status":"gone"}`, 422)
		s.step("delete-"+kind, "DELETE", one, owner.access, "", 204, ok(kind+".delete"))
		s.step("delete-"+kind+"-by-post", "POST", one+"/delete", owner.access, "", 404)
		s.step("delete-"+kind, "DELETE", one, lead.access, "", 401, kind+".delete denied by staff on "+kind)
	}
	s.step("update-admin", "PATCH", "/admin/admins/"+owner.id, owner.access, `{"status":"suspended"}`, 409, "admin.update denied by admin on admin")
	s.step("update-admin", "PATCH", "/admin/admins/"+owner.id, owner.access, `{"password":"another way down the river"}`, 403, "admin.update denied by admin on admin")
	for kind, who := range map[string]person{"staff": lead, "admin": owner} {
		body := bodies["change-"+kind+"-password"]
		s.step("change-"+kind+"-password", "POST", "/"+kind+"/me/password", who.access, strings.Replace(body, adminPassword, "not this one", 1), 401,
			kind+".password failed by "+kind+" on "+kind)
		who = personOf(s.step("change-"+kind+"-password", "POST", "/"+kind+"/me/password", who.access, body, 200, kind+".password ok by "+kind+" on "+kind))
		back := strings.NewReplacer("current", "new", "new", "current").Replace(body)
		who = personOf(s.step("change-"+kind+"-password", "POST", "/"+kind+"/me/password", who.access, back, 200, kind+".password ok by "+kind+" on "+kind))
		s.step("logout-all-"+kind, "POST", "/"+kind+"/logout/all", who.access, "", 204, "session.revoke ok by "+kind+" on "+kind)
	}
}

// staffMember makes a member with adminPassword through the route and returns
// the answer.
func (w *world) staffMember(by, username string, level store.StaffLevel) answer {
	w.t.Helper()
	return w.call("POST", "/admin/staff", by, fmt.Sprintf(`{"name":"Sam","username":%q,"email":"%s@example.com","level":%d,"password":%q}`,
		username, username, level, adminPassword))
}

// adminWith makes an admin with adminPassword and some permissions, and signs him
// in.
func (w *world) adminWith(by, username string, permissions ...string) person {
	w.t.Helper()
	list, err := json.Marshal(append([]string{}, permissions...))
	must(w.t, err)
	w.call("POST", "/admin/admins", by, fmt.Sprintf(`{"username":%q,"permissions":%s,"password":%q}`, username, list, adminPassword)).want(201, "")
	return w.signIn("admin", username)
}

// signIn signs somebody of the service in with adminPassword.
func (w *world) signIn(kind, username string) person {
	w.t.Helper()
	return personOf(w.call("POST", "/"+kind+"/login", "", `{"username":"`+username+`","password":"`+adminPassword+`"}`).want(200, ""))
}

func TestStaffAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	made := w.staffMember(root.access, "Sam", store.StaffAgent).want(201, "")
	id := made.text("id")
	want := map[string]any{
		"id": id, "kind": "staff", "name": "Sam", "username": "sam", "email": "Sam@example.com", "level": 2.0, "status": "active", "mfa_enabled": false,
		"created_at": "2026-03-04T12:00:00Z", "updated_at": "2026-03-04T12:00:00Z", "last_login_at": nil,
	}
	if diff := cmp.Diff(want, made.json()); diff != "" || !strings.HasPrefix(id, "stf_") {
		t.Error(diff)
	}
	w.advance(time.Second)
	w.staffMember(root.access, "ann", store.StaffLead).want(201, "")
	w.staffMember(root.access, "SAM", store.StaffLead).want(409, "username_taken")
	w.call("POST", "/admin/staff", root.access, `{"name":"S","username":"other","email":"sam@EXAMPLE.com","level":1,"password":"`+adminPassword+`"}`).want(409, "email_taken")

	list := w.call("GET", "/admin/staff?sort=created_at&total=true&limit=1", root.access, "").want(200, "")
	if diff := cmp.Diff(want, list.items()[0]); diff != "" || list.json()["total"] != 2.0 {
		t.Error(diff, list.body)
	}
	next := w.call("GET", "/admin/staff?sort=created_at&limit=1&cursor="+list.text("next_cursor"), root.access, "").want(200, "")
	if next.items()[0]["username"] != "ann" || next.text("next_cursor") != "" {
		t.Error(next.body)
	}
	changed := w.call("PATCH", "/admin/staff/"+id, root.access, `{"name":"Samuel","level":3,"email":null}`).want(200, "")
	want["name"], want["level"], want["email"], want["updated_at"] = "Samuel", 3.0, "", "2026-03-04T12:00:01Z"
	if diff := cmp.Diff(want, changed.json()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, w.call("GET", "/admin/staff/"+id, root.access, "").want(200, "").json()); diff != "" {
		t.Error(diff)
	}
	w.signIn("staff", "sam")
	w.call("DELETE", "/admin/staff/"+id, root.access, "").want(204, "")
	w.call("GET", "/admin/staff/"+id, root.access, "").want(404, "not_found")
	w.call("PATCH", "/admin/staff/"+id, root.access, `{"level":1}`).want(404, "not_found")
	w.call("POST", "/admin/staff/"+id+"/delete", root.access, "").want(404, "not_found")
	w.call("GET", "/admin/staff/"+root.id, root.access, "").want(404, "not_found")
	w.staffMember(root.access, "sam", store.StaffViewer).want(201, "")
}

func TestAdminAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	made := w.call("POST", "/admin/admins", root.access,
		`{"username":"Ann","email":"Ann@example.com","permissions":["users","audit","users"],"password":"`+adminPassword+`"}`).want(201, "")
	id := made.text("id")
	want := map[string]any{
		"id": id, "kind": "admin", "username": "ann", "email": "Ann@example.com", "permissions": []any{"audit", "users"}, "status": "active", "mfa_enabled": false,
		"created_at": "2026-03-04T12:00:00Z", "updated_at": "2026-03-04T12:00:00Z", "last_login_at": nil,
	}
	if diff := cmp.Diff(want, made.json()); diff != "" || !strings.HasPrefix(id, "adm_") {
		t.Error(diff)
	}
	w.call("POST", "/admin/admins", root.access, `{"username":"ROOT","permissions":[],"password":"`+adminPassword+`"}`).want(409, "username_taken")
	list := w.call("GET", "/admin/admins?total=true", root.access, "").want(200, "")
	if len(list.items()) != 2 || list.json()["total"] != 2.0 {
		t.Error(list.body)
	}
	w.advance(time.Second)
	changed := w.call("PATCH", "/admin/admins/"+id, root.access, `{"username":"Anna","permissions":["tasks"],"email":null}`).want(200, "")
	want["username"], want["permissions"], want["email"], want["updated_at"] = "anna", []any{"tasks"}, "", "2026-03-04T12:00:01Z"
	if diff := cmp.Diff(want, changed.json()) + cmp.Diff(want, w.call("GET", "/admin/admins/"+id, root.access, "").want(200, "").json()); diff != "" {
		t.Error(diff)
	}
	w.call("DELETE", "/admin/admins/"+id, root.access, "").want(204, "")
	w.call("GET", "/admin/admins/"+id, root.access, "").want(404, "not_found")
}

// TestCase_AZ_05_BodiesOfPeople: what is not a member of these bodies is refused,
// what is none of its values too, and a password is never left out.
func TestCase_AZ_05_BodiesOfPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	sam := w.staffMember(root.access, "sam", store.StaffViewer).want(201, "").text("id")
	ann := w.adminWith(root.access, "ann").id
	before := w.call("GET", "/admin/staff", root.access, "").body + w.call("GET", "/admin/admins", root.access, "").body
	good := `"password":"` + adminPassword + `"`
	for _, r := range []struct {
		method, path string
		code         string
		bodies       []string
	}{
		{"POST", "/admin/staff", "validation_failed", []string{
			`{}`, `{"name":"S","username":"bob","level":1}`, `{"username":"bob","level":1,` + good + `}`, `{"name":"S","username":"bob",` + good + `}`,
			`{"name":"S","username":"bob","level":4,` + good + `}`, `{"name":"S","username":"bob","level":"3",` + good + `}`, `{"name":"S","username":"bob","level":null,` + good + `}`,
			`{"name":"S","username":"bob","level":1,"permissions":["owner"],` + good + `}`, `{"name":"S","username":"bob","level":1,"status":"active",` + good + `}`,
			`{"name":"S","username":"bob","level":1,"LEVEL":3,` + good + `}`, `{"name":"S","username":"bob","level":1,"level":3,` + good + `}`,
			`{"name":"S","username":"bob","level":1,"id":"stf_1",` + good + `}`, `{"name":"S","username":"bob","level":1,"mfa_enabled":false,` + good + `}`,
		}},
		{"POST", "/admin/staff", "weak_password", []string{`{"name":"S","username":"bob","level":1,"password":"fourteen chars"}`, `{"name":"S","username":"bob","level":1,"password":""}`}},
		{"PATCH", "/admin/staff/" + sam, "validation_failed", []string{
			`{"level":0}`, `{"level":null}`, `{"name":null}`, `{"username":null}`, `{"password":null}`, `{"status":null}`, `{"status":"deleted"}`, `{"Status":"suspended"}`,
			`{"permissions":["owner"]}`, `{"id":"stf_1"}`, `{"kind":"admin"}`, `{"mfa_enabled":false}`, `{"password_hash":"x"}`, `{"created_at":"2020-01-01T00:00:00Z"}`,
			`{"last_login_at":null}`, `{"level":2,"level":3}`, `{"level":2,"Level":3}`,
		}},
		{"PATCH", "/admin/staff/" + sam, "weak_password", []string{`{"password":"fourteen chars","level":3}`}},
		{"POST", "/admin/admins", "validation_failed", []string{
			`{}`, `{"username":"bob","permissions":[]}`, `{"username":"bob",` + good + `}`, `{"username":"bob","permissions":null,` + good + `}`,
			`{"username":"bob","permissions":["root"],` + good + `}`, `{"username":"bob","permissions":"owner",` + good + `}`, `{"username":"bob","permissions":["OWNER"],` + good + `}`,
			`{"username":"bob","permissions":[],"level":3,` + good + `}`, `{"username":"bob","permissions":[],"Permissions":["owner"],` + good + `}`,
			`{"username":"bob","permissions":[],"permissions":["owner"],` + good + `}`, `{"username":"bob","permissions":[],"status":"active",` + good + `}`,
		}},
		{"POST", "/admin/admins", "weak_password", []string{`{"username":"bob","permissions":[],"password":"fourteen chars"}`}},
		{"PATCH", "/admin/admins/" + ann, "validation_failed", []string{
			`{"permissions":null}`, `{"permissions":["root"]}`, `{"permissions":[null]}`, `{"username":null}`, `{"password":null}`, `{"status":"deleted"}`,
			`{"PERMISSIONS":["owner"]}`, `{"level":3}`, `{"name":"x"}`, `{"id":"adm_1"}`, `{"mfa_enabled":false}`, `{"permissions":[],"permissions":["owner"]}`,
		}},
	} {
		for _, body := range r.bodies {
			a := w.call(r.method, r.path, root.access, body)
			if a.status != 422 || a.text("code") != r.code || strings.Contains(a.body, "fourteen") {
				t.Errorf("%s %s %s: %d %s", r.method, r.path, body, a.status, a.body)
			}
		}
	}
	after := w.call("GET", "/admin/staff", root.access, "").body + w.call("GET", "/admin/admins", root.access, "").body
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error("the accounts changed:", diff)
	}
}
