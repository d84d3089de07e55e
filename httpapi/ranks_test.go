package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

// TestCase_AZ_02_RanksOfAdmins: whoever has the permission "admins" and is no
// owner makes admins who may no more than he, and acts on none.
func TestCase_AZ_02_RanksOfAdmins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	keeper := w.adminWith(root.access, "keeper", "admins", "users")
	create := func(name, permissions string) answer {
		return w.call("POST", "/admin/admins", keeper.access, `{"username":"`+name+`","permissions":`+permissions+`,"password":"`+adminPassword+`"}`)
	}
	lower := create("lower", `["users"]`).want(201, "").text("id")
	create("higher", `["users","staff"]`).want(403, "forbidden")
	create("higher", `["owner"]`).want(403, "forbidden")
	w.call("GET", "/admin/admins", keeper.access, "").want(200, "")
	for _, id := range []string{lower, root.id} {
		w.call("GET", "/admin/admins/"+id, keeper.access, "").want(200, "")
		for _, body := range []string{`{"username":"other"}`, `{"permissions":[]}`, `{"status":"suspended"}`, `{"password":"another way down the river"}`} {
			w.call("PATCH", "/admin/admins/"+id, keeper.access, body).want(403, "forbidden")
		}
		w.call("DELETE", "/admin/admins/"+id, keeper.access, "").want(403, "forbidden")
		w.call("POST", "/admin/admins/"+id+"/delete", keeper.access, "").want(403, "forbidden")
	}
	self := "/admin/admins/" + keeper.id
	for _, body := range []string{`{"permissions":["admins","owner"]}`, `{"status":"suspended"}`, `{"password":"another way down the river"}`} {
		w.call("PATCH", self, keeper.access, body).want(403, "forbidden")
	}
	w.call("DELETE", self, keeper.access, "").want(403, "forbidden")
	w.call("PATCH", self, keeper.access, `{"username":"kept","email":"k@example.com"}`).want(200, "")
	w.staffMember(keeper.access, "sam", store.StaffViewer).want(403, "forbidden") // he has not the permission "staff"
	if denials := w.denials(); !slices.Contains(denials, "admin.update "+root.id) || !slices.Contains(denials, "admin.delete "+keeper.id) ||
		!slices.Contains(denials, "admin.create "+keeper.id) {
		t.Errorf("denials %v", denials)
	}
}

func TestCase_AZ_09_TheLastOwnerOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	self := "/admin/admins/" + root.id
	try := func() {
		t.Helper()
		w.call("PATCH", self, root.access, `{"permissions":["admins"]}`).want(409, "last_owner")
		w.call("PATCH", self, root.access, `{"status":"suspended"}`).want(409, "last_owner")
		w.call("DELETE", self, root.access, "").want(409, "last_owner")
		w.call("POST", self+"/delete", root.access, "").want(409, "last_owner")
	}
	try()
	second := w.adminWith(root.access, "second", "owner")
	w.call("PATCH", "/admin/admins/"+second.id, root.access, `{"status":"suspended"}`).want(200, "")
	try()
	w.call("PATCH", "/admin/admins/"+second.id, root.access, `{"status":"active"}`).want(200, "")
	second = w.signIn("admin", "second")
	w.call("DELETE", self, root.access, "").want(204, "")
	w.call("GET", "/admin/me", root.access, "").want(401, "invalid_token")
	w.call("DELETE", "/admin/admins/"+second.id, second.access, "").want(409, "last_owner")
	if denials := w.denials(); !slices.Contains(denials, "admin.delete "+root.id) || !slices.Contains(denials, "admin.update "+root.id) {
		t.Errorf("denials %v", denials)
	}
}

// rights serves what the verifier says of a caller. The clock of a world stands
// still: a verdict that is remembered never gets old.
func (w *world) rights() func(credential string) string {
	server := httptest.NewServer(middleware.ResolveClientIP(middleware.TrustedProxies{})(
		w.cfg.Authenticate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, _ := authn.FromContext(r.Context())
			fmt.Fprintf(w, "%s %d %v", p.Username, p.Level, p.Permissions)
		}))))
	w.t.Cleanup(server.Close)
	return func(credential string) string {
		w.t.Helper()
		r, err := http.NewRequestWithContext(w.t.Context(), "GET", server.URL, nil)
		must(w.t, err)
		r.Header.Set("Authorization", "Bearer "+credential)
		a := w.send(r)
		if a.status != 200 {
			return a.text("code")
		}
		return a.body
	}
}

// TestCase_RT_08_RT_09_OperatorsAtOnce: whatever is taken from staff and admins is
// taken from the tokens that are out, of which verdicts are remembered, before the
// answer is given; and a session that has ended is not refreshed either.
func TestCase_RT_08_RT_09_OperatorsAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind, path, before string
		method, body       string
		after              string
	}{
		{"staff", "/admin/staff/", "who 3 []", "PATCH", `{"level":1}`, "who 1 []"},
		{"staff", "/admin/staff/", "who 3 []", "PATCH", `{"username":"renamed"}`, "renamed 3 []"},
		{"staff", "/admin/staff/", "who 3 []", "PATCH", `{"status":"suspended"}`, "invalid_token"},
		{"staff", "/admin/staff/", "who 3 []", "PATCH", `{"password":"another way down the river"}`, "invalid_token"},
		{"staff", "/admin/staff/", "who 3 []", "DELETE", "", "invalid_token"},
		{"admin", "/admin/admins/", "who 0 [settings users]", "PATCH", `{"permissions":["users"]}`, "who 0 [users]"},
		{"admin", "/admin/admins/", "who 0 [settings users]", "PATCH", `{"permissions":[]}`, "who 0 []"},
		{"admin", "/admin/admins/", "who 0 [settings users]", "PATCH", `{"status":"suspended"}`, "invalid_token"},
		{"admin", "/admin/admins/", "who 0 [settings users]", "PATCH", `{"password":"another way down the river"}`, "invalid_token"},
		{"admin", "/admin/admins/", "who 0 [settings users]", "DELETE", "", "invalid_token"},
	} {
		t.Run(tt.kind+" "+tt.method+" "+tt.body, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{})
			root, rights := w.admin(), w.rights()
			var who person
			if tt.kind == "staff" {
				w.staffMember(root.access, "who", store.StaffLead).want(201, "")
				who = w.signIn("staff", "who")
			} else {
				who = w.adminWith(root.access, "who", "users", "settings")
			}
			other := w.signIn(tt.kind, "who")
			for range 3 {
				for _, token := range []string{who.access, other.access} {
					if got := rights(token); got != tt.before {
						t.Fatalf("before: %q, want %q", got, tt.before)
					}
				}
			}
			if a := w.call(tt.method, tt.path+who.id, root.access, tt.body); a.status != 200 && a.status != 204 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			for _, token := range []string{who.access, other.access} {
				if got := rights(token); got != tt.after {
					t.Errorf("RT-08, RT-09 at once: %q, want %q", got, tt.after)
				}
			}
			a := w.call("POST", "/"+tt.kind+"/refresh", "", `{"refresh_token":"`+who.refresh+`"}`)
			if tt.after == "invalid_token" {
				a.want(401, "invalid_token")
			} else if a.want(200, ""); rights(a.text("access_token")) != tt.after {
				t.Errorf("after a refresh: %q", rights(a.text("access_token")))
			}
		})
	}
}

// Who was demoted is refused on a route that he was let in to with that token.
func TestCase_RT_09_DemotedOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	who := w.adminWith(root.access, "who", "staff", "admins")
	for range 3 {
		w.call("GET", "/admin/staff", who.access, "").want(200, "")
	}
	w.call("PATCH", "/admin/admins/"+who.id, root.access, `{"permissions":["admins"]}`).want(200, "")
	w.call("GET", "/admin/staff", who.access, "").want(403, "forbidden")
	w.call("GET", "/admin/admins", who.access, "").want(200, "")
	w.call("PATCH", "/admin/admins/"+who.id, root.access, `{"permissions":["owner"]}`).want(200, "")
	w.call("GET", "/admin/staff", who.access, "").want(200, "")

	member, messages := w.member(store.StaffLead), "/staff/users/"+w.register("alice").id+"/messages"
	for range 3 {
		w.call("GET", messages, member.access, "").want(200, "")
	}
	w.call("PATCH", "/admin/staff/"+member.id, root.access, `{"level":1}`).want(200, "")
	w.call("GET", messages, member.access, "").want(403, "forbidden")
}

// TestCase_PW_14_OperatorsOverHTTP: the device that changes the password goes on
// with a new session, everything else ends at once.
func TestCase_PW_14_OperatorsOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	names := map[string]string{"admin": "root", "staff": "helper-2"}
	w.admin()
	w.member(store.StaffAgent)
	rights := w.rights()
	for kind, name := range names {
		devices := []person{w.signIn(kind, name), w.signIn(kind, name), w.signIn(kind, name)}
		for _, device := range devices {
			rights(device.access)
		}
		path, body := "/"+kind+"/me/password", bodies["change-"+kind+"-password"]
		w.call("POST", path, devices[0].access, strings.Replace(body, adminPassword, "not this one", 1)).want(401, "invalid_credentials")
		w.call("POST", path, devices[0].access, `{"new_password":"another way down the river"}`).want(422, "validation_failed")
		weak := w.call("POST", path, devices[0].access, `{"current_password":"`+adminPassword+`","new_password":"fourteen chars"}`).want(422, "weak_password")
		if !strings.Contains(weak.body, `"field":"new_password"`) {
			t.Error(weak.body)
		}
		a := w.call("POST", path, devices[0].access, body).want(200, "")
		renewed := personOf(a)
		if a.json()["kind"] != kind || a.json()["refresh_expires_in"] != 43200.0 || renewed.id != devices[0].id {
			t.Errorf("%s: %s", kind, a.body)
		}
		for i, device := range devices {
			if got := rights(device.access); got != "invalid_token" {
				t.Errorf("%s, device %d: %s", kind, i, got)
			}
			w.call("POST", "/"+kind+"/refresh", "", `{"refresh_token":"`+device.refresh+`"}`).want(401, "invalid_token")
		}
		w.call("GET", "/"+kind+"/me", renewed.access, "").want(200, "")
		w.call("POST", "/"+kind+"/login", "", `{"username":"`+name+`","password":"`+adminPassword+`"}`).want(401, "invalid_credentials")
		w.call("POST", "/"+kind+"/logout/all", renewed.access, "").want(204, "")
		w.call("GET", "/"+kind+"/me", renewed.access, "").want(401, "invalid_token")
	}
}

// Names and passwords of other kinds are unknown at the door of staff, and so is
// what has not the shape of one; the refusals are the same to the byte.
func TestCase_EN_01_StaffSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	sam := w.staffMember(root.access, "sam", store.StaffLead).want(201, "").text("id")
	w.register("alice")
	login := func(name, pass string) answer {
		a := w.call("POST", "/staff/login", "", `{"username":"`+name+`","password":"`+pass+`"}`)
		a.header.Del("Date")
		return a
	}
	want := login("sam", "wrong").want(401, "invalid_credentials")
	for name, pass := range map[string]string{
		"nobody": "wrong", "alice": password, "alice@example.com": password, "root": adminPassword, "": "", "not a name": "x", "SAM@example.com": "wrong",
	} {
		got := login(name, pass)
		if got.body != want.body || cmp.Diff(got.header, want.header) != "" {
			t.Errorf("%q: %s\nwant %s", name, got.body, want.body)
		}
	}
	for _, door := range []string{"/auth/login", "/admin/login"} {
		w.call("POST", door, "", `{"username":"sam","password":"`+adminPassword+`"}`).want(401, "invalid_credentials")
	}
	w.call("PATCH", "/admin/staff/"+sam, root.access, `{"status":"suspended"}`).want(200, "")
	login("sam", adminPassword).want(403, "account_suspended")
	if got := login("sam", "wrong"); got.body != want.body {
		t.Errorf("suspended, with a wrong password: %s", got.body)
	}
}

func TestCase_LK_01_StaffSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.staffMember(w.admin().access, "sam", store.StaffLead).want(201, "")
	var refused []answer
	for _, name := range []string{"sam", "nobody"} {
		for range 10 {
			w.call("POST", "/staff/login", "", `{"username":"`+name+`","password":"wrong"}`).want(401, "invalid_credentials")
		}
		refused = append(refused, w.call("POST", "/staff/login", "", `{"username":"`+name+`","password":"`+adminPassword+`"}`).want(429, "account_locked"))
	}
	if refused[0].body != refused[1].body || refused[0].header.Get("Retry-After") != "900" || refused[1].header.Get("Retry-After") != "900" {
		t.Errorf("%v", refused)
	}
}
