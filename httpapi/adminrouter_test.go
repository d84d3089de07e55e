package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

func TestAdminSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.admin()
	a := w.call("POST", "/admin/login", "", `{"username":"Root","password":"`+adminPassword+`"}`).want(200, "")
	session := a.json()
	if session["kind"] != "admin" || session["token_type"] != "Bearer" || session["expires_in"] != 300.0 || session["refresh_expires_in"] != 43200.0 {
		t.Errorf("%v", session)
	}
	want := map[string]any{
		"id": a.text("user", "id"), "kind": "admin", "username": "root", "email": "", "permissions": []any{"owner"}, "status": "active", "mfa_enabled": false,
		"created_at": "2026-03-04T12:00:00Z", "updated_at": "2026-03-04T12:00:00Z", "last_login_at": "2026-03-04T12:00:00Z",
	}
	if diff := cmp.Diff(want, session["user"]); diff != "" || !strings.HasPrefix(a.text("user", "id"), "adm_") {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, w.call("GET", "/admin/me", a.text("access_token"), "").want(200, "").json()); diff != "" {
		t.Error(diff)
	}

	next := w.call("POST", "/admin/refresh", "", `{"refresh_token":"`+a.text("refresh_token")+`"}`).want(200, "")
	if next.json()["kind"] != "admin" || next.text("session_id") != a.text("session_id") || next.json()["expires_in"] != 300.0 {
		t.Errorf("%s", next.body)
	}
	w.call("POST", "/admin/logout", next.text("access_token"), "").want(204, "")
	w.call("GET", "/admin/me", a.text("access_token"), "").want(401, "invalid_token")
	w.call("POST", "/admin/refresh", "", `{"refresh_token":"`+next.text("refresh_token")+`"}`).want(401, "invalid_token")
}

// The credential of one kind is worth nothing on the routes of another, whatever
// it may do on its own.
func TestCase_RT_12_AZ_02_CredentialsOfOtherKinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	cast := w.newCast(alice)
	_, all := w.key(alice.access, `{"name":"k","scopes":["account:read","account:write","usage:read","messages:read"]}`)
	own := map[string]string{"bearer": "user", "apiKey": "user", "admin": "admin", "service": "service"}
	asked := 0
	w.everyRoute(func(method, path, body string, op operation) {
		if len(op.Security) == 0 {
			return
		}
		for scheme := range op.Security[0] {
			for kind, credentials := range map[string][]string{"user": {alice.access, all}, "admin": {cast.admin.access}, "service": {cast.service}} {
				if kind == own[scheme] {
					continue
				}
				for _, credential := range credentials {
					asked++
					w.call(method, strings.ReplaceAll(path, "{id}", "x"), credential, cast.body(body)).want(401, "invalid_token")
				}
			}
		}
	})
	if asked < 50 {
		t.Errorf("%d requests", asked)
	}
	w.call("POST", "/admin/refresh", "", `{"refresh_token":"`+alice.refresh+`"}`).want(401, "invalid_token")
	w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+cast.admin.refresh+`"}`).want(401, "invalid_token")
	for _, token := range []string{alice.access, cast.admin.access, cast.service} {
		w.call("POST", "/admin/refresh", "", `{"refresh_token":"`+token+`"}`).want(401, "invalid_token")
		w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+token+`"}`).want(401, "invalid_token")
	}
	for _, token := range []string{alice.refresh, cast.admin.refresh} {
		w.call("GET", "/auth/me", token, "").want(401, "invalid_token")
		w.call("GET", "/admin/me", token, "").want(401, "invalid_token")
	}
	// None of it was used up by being shown elsewhere.
	w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+alice.refresh+`"}`).want(200, "")
	w.call("POST", "/admin/refresh", "", `{"refresh_token":"`+cast.admin.refresh+`"}`).want(200, "")
}

// Names and passwords of one kind are unknown to the other; the refusals are the
// same to the byte.
func TestCase_EN_01_AdminSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.admin()
	w.register("alice")
	login := func(name, pass string) answer {
		a := w.call("POST", "/admin/login", "", `{"username":"`+name+`","password":"`+pass+`"}`)
		a.header.Del("Date")
		return a
	}
	want := login("root", "wrong").want(401, "invalid_credentials")
	for name, pass := range map[string]string{"nobody": "wrong", "alice": password, "alice@example.com": password, "": "", "not a name": "x"} {
		got := login(name, pass)
		if got.body != want.body || cmp.Diff(got.header, want.header) != "" {
			t.Errorf("%q: %s\nwant %s", name, got.body, want.body)
		}
	}
	w.call("POST", "/auth/login", "", `{"username":"root","password":"`+adminPassword+`"}`).want(401, "invalid_credentials")
}

func TestCase_LK_01_AdminSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	for _, name := range []string{"root", "nobody"} {
		for range 10 {
			w.call("POST", "/admin/login", "", `{"username":"`+name+`","password":"wrong"}`).want(401, "invalid_credentials")
		}
		a := w.call("POST", "/admin/login", "", `{"username":"`+name+`","password":"`+adminPassword+`"}`).want(429, "account_locked")
		if a.header.Get("Retry-After") != "900" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
	}
}

// No admin is there, and none can sign in, before one is made on purpose.
func TestNoAdminByDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	for _, name := range []string{"admin", "root", "owner", "usermgmt"} {
		for _, pass := range []string{"", "admin", "password", "123456", name} {
			w.call("POST", "/admin/login", "", `{"username":"`+name+`","password":"`+pass+`"}`).want(401, "invalid_credentials")
		}
	}
}

// TestCase_AK_09_ServiceKeys looks for the key in every answer but the one that
// makes it.
func TestCase_AK_09_ServiceKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	a := w.call("POST", "/admin/service-keys", root.access,
		`{"name":"gateway","scopes":["meter","messages"],"expires_at":"2026-03-05T12:00:00Z","allowed_ips":["127.0.0.1"]}`).want(201, "")
	id, key := a.text("id"), a.text("key")
	want := map[string]any{
		"id": id, "name": "gateway", "prefix": key[:8], "last4": key[len(key)-4:], "scopes": []any{"messages", "meter"},
		"allowed_ips": []any{"127.0.0.1/32"}, "status": "active",
		"created_at": "2026-03-04T12:00:00Z", "last_used_at": nil, "expires_at": "2026-03-05T12:00:00Z",
	}
	made := a.json()
	delete(made, "key")
	if diff := cmp.Diff(want, made); diff != "" || !strings.HasPrefix(key, "ums_") || !strings.HasPrefix(id, "svc_") {
		t.Error(diff)
	}
	all := w.call("POST", "/admin/service-keys", root.access, `{"name":"everything"}`).want(201, "").json()
	if diff := cmp.Diff([]any{"authz", "introspect", "messages", "meter"}, all["scopes"]); diff != "" {
		t.Error("a key without scopes:", diff)
	}

	w.advance(time.Second)
	w.call("DELETE", "/admin/service-keys/"+id, root.access, "").want(204, "")
	w.call("POST", "/admin/service-keys/"+id+"/delete", root.access, "").want(204, "")
	w.call("DELETE", "/admin/service-keys/svc_0", root.access, "").want(404, "not_found")
	list := w.call("GET", "/admin/service-keys?sort=created_at&total=true", root.access, "").want(200, "")
	want["status"] = "revoked"
	if diff := cmp.Diff(want, list.items()[0]); diff != "" || len(list.items()) != 2 {
		t.Error(diff)
	}
	must(t, w.trail.Flush(t.Context()))
	trail, err := w.trail.List(t.Context(), store.AuditFilter{}, store.Page{Limit: 200})
	must(t, err)
	var actions []string
	for _, e := range trail.Items {
		if strings.HasPrefix(e.Action, "service_key.") {
			actions = append(actions, e.Action+" by "+string(e.ActorKind))
			if strings.Contains(string(e.Detail.Changes), key) {
				t.Error("the trail has the key")
			}
		}
	}
	slices.Sort(actions)
	if diff := cmp.Diff([]string{"service_key.create by admin", "service_key.create by admin", "service_key.revoke by admin"}, actions); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(list.body, key) || strings.Contains(w.logs.String(), key) {
		t.Error("the key is shown again")
	}
}

func TestServiceKeys_Validation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	for _, body := range []string{
		`{}`, `{"name":""}`, `{"name":"k","scopes":["account:read"]}`, `{"name":"k","scopes":null}`, `{"name":"k","expires_at":"2020-01-01T00:00:00Z"}`,
		`{"name":"k","allowed_ips":["x"]}`, `{"name":"k","key":"ums_x"}`, `{"name":"k","status":"active"}`,
	} {
		w.call("POST", "/admin/service-keys", root.access, body).want(422, "validation_failed")
	}
}

// An admin does what his permissions say, from the store and at once; what he is
// refused stands in the trail.
func TestCase_AZ_02_RT_09_PermissionsOfAdmins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin()
	needs := map[string]string{}
	cast := w.newCast(w.register("alice"))
	permit := func(permissions ...string) {
		a, err := w.store.AdminGet(t.Context(), root.id)
		must(t, err)
		a.Permissions = permissions
		must(t, w.store.AdminUpdate(t.Context(), a))
		w.advance(10 * time.Second) // longer than a verdict is remembered
	}
	for _, permission := range []string{"users", "staff", "admins", "plans", "messages", "audit", "settings", "tasks", ""} {
		permit(permission)
		root := w.admin()
		w.everyRoute(func(method, path, body string, op operation) {
			ends := []string{"logout-admin", "logout-all-admin", "change-admin-password"} // the session of the one who asks
			if len(op.Security) == 0 || op.Security[0]["admin"] == nil || slices.Contains(ends, op.OperationID) {
				return
			}
			a := w.call(method, strings.ReplaceAll(path, "{id}", "x"), root.access, cast.body(body))
			var needed []string // any one of them
			for _, requirement := range op.Security {
				needed = append(needed, requirement["admin"]...)
			}
			if refused := a.status == http.StatusForbidden; refused != (len(needed) > 0 && !slices.Contains(needed, permission)) {
				t.Errorf("%s %s with %q: %d %s", method, path, permission, a.status, a.body)
			}
			needs[op.OperationID] = strings.Join(needed, " ")
		})
	}
	if needs["create-service-key"] != "settings" || needs["get-admin-me"] != "" {
		t.Errorf("%v", needs)
	}
	if denials := w.denials(); !slices.Contains(denials, "service_key.create "+root.id) {
		t.Errorf("denials %v", denials)
	}
}
