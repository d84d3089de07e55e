package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

var keyMembers = []string{"allowed_ips", "created_at", "expires_at", "id", "last4", "last_used_at", "limits", "name", "prefix",
	"rate_limit", "rotated_from", "scopes", "status"}

func TestKeys_Lifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice").access

	made := w.call("POST", "/auth/me/keys", alice, `{"name":"k","scopes":["usage:read","account:read"],"expires_at":"2026-04-01T02:00:00+02:00",
		"allowed_ips":["127.0.0.0/8"],"rate_limit":"20/s,burst=40","limits":[{"meter":"conversations","window":"day","limit":5},{"meter":"conversations","window":"month","limit":null}]}`)
	key := made.want(201, "").json()
	members(t, "Key", key, slices.Sorted(slices.Values(append([]string{"key"}, keyMembers...))))
	for member, want := range map[string]any{
		"name": "k", "scopes": []any{"account:read", "usage:read"}, "allowed_ips": []any{"127.0.0.0/8"}, "rate_limit": "20/s,burst=40",
		"status": "active", "rotated_from": nil, "last_used_at": nil, "created_at": "2026-03-04T12:00:00Z", "expires_at": "2026-04-01T00:00:00Z",
		"limits": []any{
			map[string]any{"meter": "conversations", "window": "day", "limit": 5.0},
			map[string]any{"meter": "conversations", "window": "month", "limit": nil},
		},
	} {
		if diff := cmp.Diff(want, key[member]); diff != "" {
			t.Errorf("%s (-want +got): %s", member, diff)
		}
	}
	path := "/auth/me/keys/" + made.text("id")
	w.call("GET", "/auth/me/usage", made.text("key"), "").want(200, "")

	changed := w.call("PATCH", path, alice, `{"name":"renamed","expires_at":null,"allowed_ips":null,"rate_limit":null,"limits":null}`).want(200, "").json()
	members(t, "Key", changed, keyMembers)
	if changed["name"] != "renamed" || changed["expires_at"] != nil || changed["rate_limit"] != nil || len(changed["limits"].([]any)) != 0 ||
		len(changed["allowed_ips"].([]any)) != 0 || len(changed["scopes"].([]any)) != 2 {
		t.Errorf("got %v", changed)
	}
	for _, body := range []string{`{"name":null}`, `{"scopes":null}`, `{"status":"active"}`, `{"expires_at":"2020-01-01T00:00:00Z"}`, `{"expires_at":"soon"}`} {
		w.call("PATCH", path, alice, body).want(422, "validation_failed")
	}

	rotated := w.call("POST", path+"/rotate", alice, `{"grace_seconds":60}`).want(201, "")
	if rotated.text("rotated_from") != made.text("id") || rotated.text("key") == made.text("key") {
		t.Errorf("got %s", rotated.body)
	}
	w.call("GET", "/auth/me", made.text("key"), "").want(200, "")
	w.advance(61 * time.Second)
	w.call("GET", "/auth/me", made.text("key"), "").want(401, "invalid_token")
	if got := w.call("GET", path, alice, "").want(200, "").text("status"); got != "expired" {
		t.Errorf("the rotated key is %s", got)
	}
	w.call("POST", path+"/rotate", alice, `{"grace_seconds":604801}`).want(422, "validation_failed")

	path = "/auth/me/keys/" + rotated.text("id")
	if got := w.call("POST", path+"/enable", alice, "").want(200, "").text("status"); got != "active" {
		t.Errorf("the enabled key is %s", got)
	}
	w.call("GET", "/auth/me", rotated.text("key"), "").want(200, "")
	w.call("DELETE", path, alice, "").want(204, "")
	w.call("GET", "/auth/me", rotated.text("key"), "").want(401, "invalid_token")
	if got := w.call("GET", path, alice, "").want(200, "").text("status"); got != "revoked" {
		t.Errorf("the revoked key is %s", got)
	}
	w.call("POST", path+"/enable", alice, "").want(409, "conflict")
	w.call("PATCH", path, alice, `{"name":"x"}`).want(409, "conflict")
	w.call("POST", path+"/delete", alice, "{}").want(204, "")
}

// TestKeyLimitsArePatched changes single limits of a key: what is not named
// stays.
func TestKeyLimitsArePatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice").access
	entry := func(window, rest string) string {
		return `{"meter":"conversations","window":"` + window + `",` + rest + `}`
	}
	day, month := entry("day", `"limit":5`), entry("month", `"limit":null`)
	id, _ := w.key(alice, `{"name":"k","limits":[`+day+`,`+month+`]}`)
	for _, row := range []struct{ patch, want string }{
		{`[]`, day + `,` + month},
		{`[` + entry("week", `"limit":0`) + `]`, day + `,` + month + `,` + entry("week", `"limit":0`)},
		{`[` + entry("day", `"limit":7,"inherit":false`) + `,` + entry("month", `"inherit":true`) + `]`, entry("day", `"limit":7`) + `,` + entry("week", `"limit":0`)},
		{`[` + entry("month", `"inherit":true`) + `,` + entry("day", `"limit":null`) + `]`, entry("day", `"limit":null`) + `,` + entry("week", `"limit":0`)},
		{`null`, ``},
	} {
		var want []any
		must(t, json.Unmarshal([]byte(`[`+row.want+`]`), &want))
		got := w.call("PATCH", "/auth/me/keys/"+id, alice, `{"limits":`+row.patch+`}`).want(200, "").json()["limits"]
		if diff := cmp.Diff(any(want), got); diff != "" {
			t.Errorf("after %s (-want +got): %s", row.patch, diff)
		}
	}
	for patch, field := range map[string]string{
		`[` + entry("day", `"limit":1,"inherit":true`) + `]`:             "limits[0]",
		`[` + day + `,` + entry("month", `"inherit":false`) + `]`:        "limits[1]",
		`[` + entry("month", `"limit":1`) + `,` + month + `]`:            "limits[1]",
		`[` + entry("year", `"inherit":true`) + `]`:                      "limits[0].window",
		`[` + entry("day", `"limit":-1`) + `]`:                           "limits[0].limit",
		`[` + strings.TrimSuffix(strings.Repeat(day+`,`, 65), `,`) + `]`: "limits",
		`[{"meter":"conversations","inherit":true}]`:                     "limits[0].window",
	} {
		answer := w.call("PATCH", "/auth/me/keys/"+id, alice, `{"limits":`+patch+`}`).want(422, "validation_failed")
		if faults, _ := answer.json()["errors"].([]any); len(faults) != 1 || faults[0].(map[string]any)["field"] != field {
			t.Errorf("%s: %s", patch, answer.body)
		}
	}
}

func TestCase_AK_01_NoKeyWithoutSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	victim := w.register("victim")
	for _, body := range []string{`{"name":"k","userId":"` + victim.id + `"}`, `{"name":"k","user_id":"` + victim.id + `"}`, `{"name":"k"}`} {
		w.call("POST", "/auth/me/keys", "", body).want(401, "unauthenticated")
	}
	if items := w.call("GET", "/auth/me/keys", victim.access, "").want(200, "").items(); len(items) != 0 {
		t.Errorf("the victim has %d keys", len(items))
	}
}

// TestCase_AK_02_RightsWithinTheCreators asks for more than one may give.
func TestCase_AK_02_RightsWithinTheCreators(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, bob := w.register("alice").access, w.register("bob")
	for _, extra := range []string{
		`"userId":"` + bob.id + `"`, `"user_id":"` + bob.id + `"`, `"role":"admin"`, `"scopes":["*"]`, `"scopes":["admin"]`, `"scopes":"account:read"`,
		`"rateLimitMax":1000000000`, `"remaining":1000000000`, `"allowed_routes":["/*"]`, `"status":"active"`, `"id":"key_1"`, `"key":"um_x"`,
		`"limits":[{"meter":"conversations","window":"day","limit":-1}]`, `"limits":[{"meter":"conversations","window":"day"}]`,
		`"limits":[{"meter":"conversations","window":"year","limit":1}]`, `"limits":[{"meter":"conversations","window":"day","limit":1,"used":0}]`,
		`"rate_limit":"fast"`, `"allowed_ips":["everywhere"]`, `"expires_at":"0001-01-01T00:00:00Z"`, `"expires_at":"9999-12-31T23:59:59-12:00"`,
	} {
		w.call("POST", "/auth/me/keys", alice, `{"name":"k",`+extra+`}`).want(422, "validation_failed")
	}
	_, manager := w.key(alice, `{"name":"m","scopes":["keys:manage","usage:read"],"rate_limit":"5/s,burst=5",
		"expires_at":"2026-05-01T00:00:00Z","limits":[{"meter":"conversations","window":"day","limit":5}]}`)
	for _, extra := range []string{
		`"scopes":["account:write"]`, `"scopes":["usage:read","messages:read"]`, `"scopes":["usage:read"],"rate_limit":"6/s,burst=5"`,
		`"scopes":["usage:read"],"expires_at":"2026-06-01T00:00:00Z"`,
		`"scopes":["usage:read"],"limits":[{"meter":"conversations","window":"day","limit":6}]`,
	} {
		w.call("POST", "/auth/me/keys", manager, `{"name":"k",`+extra+`}`).want(403, "forbidden")
	}
	if items := w.call("GET", "/auth/me/keys", alice, "").want(200, "").items(); len(items) != 1 {
		t.Errorf("%d keys", len(items))
	}
	id, _ := w.key(manager, `{"name":"k","scopes":["usage:read"]}`)
	w.call("PATCH", "/auth/me/keys/"+id, manager, `{"scopes":["account:write"]}`).want(403, "forbidden")
}

// TestCase_AK_04_KeysManageNoCredentials uses keys where only their scope, or
// no key at all, opens. Each refusal stands in the audit trail.
func TestCase_AK_04_KeysManageNoCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	victim, _ := w.key(alice.access, `{"name":"victim"}`)
	id, reader := w.key(alice.access, `{"name":"r","scopes":["account:read","usage:read"]}`)
	_, manager := w.key(alice.access, `{"name":"m","scopes":["keys:manage","account:write"]}`)

	never := []struct{ method, path, body, denial string }{
		{"POST", "/me/password", `{"current_password":"` + password + `","new_password":"a longer walk at dawn"}`, "user.password " + alice.id},
		{"DELETE", "/me", `{"password":"` + password + `"}`, "user.delete " + alice.id},
		{"POST", "/me/delete", `{"password":"` + password + `"}`, "user.delete " + alice.id},
		{"GET", "/me/sessions", ``, "session.read " + alice.id},
		{"DELETE", "/me/sessions/" + alice.session, ``, "session.revoke " + alice.session},
		{"POST", "/logout", ``, "session.logout " + alice.id},
		{"POST", "/logout/all", ``, "session.logout " + alice.id},
	}
	var denied []string
	for _, row := range never {
		for _, key := range []string{reader, manager} {
			refused := w.call(row.method, "/auth"+row.path, key, row.body).want(403, "forbidden")
			if got := refused.header.Get("WWW-Authenticate"); got != "" {
				t.Errorf("%s %s: no scope would help, but %s", row.method, row.path, got)
			}
			denied = append(denied, row.denial)
		}
	}
	for _, row := range []struct{ method, path, body, denial string }{
		{"POST", "/me/keys", `{"name":"k"}`, "key.create " + alice.id},
		{"PATCH", "/me/keys/" + victim, `{"name":"x"}`, "key.update " + victim},
		{"PATCH", "/me/keys/" + id, `{"scopes":["keys:manage"]}`, "key.update " + id},
		{"POST", "/me/keys/" + victim + "/rotate", `{}`, "key.rotate " + victim},
		{"POST", "/me/keys/" + victim + "/enable", ``, "key.enable " + victim},
		{"DELETE", "/me/keys/" + victim, ``, "key.revoke " + victim},
		{"PATCH", "/me", `{"display_name":"x"}`, "user.update " + alice.id},
		{"GET", "/me/messages", ``, "message.read " + alice.id},
		{"GET", "/me/messages/msg_1", ``, "message.read msg_1"},
	} {
		refused := w.call(row.method, "/auth"+row.path, reader, row.body).want(403, "forbidden")
		if got := refused.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope"`) {
			t.Errorf("%s %s: challenge %q", row.method, row.path, got)
		}
		denied = append(denied, row.denial)
	}
	// What the scopes are for works.
	w.call("GET", "/auth/me", reader, "").want(200, "")
	w.call("GET", "/auth/me/usage", reader, "").want(200, "")
	w.call("GET", "/auth/me/keys", reader, "").want(200, "")
	w.call("GET", "/auth/me/keys/"+victim, manager, "").want(200, "")
	w.call("PATCH", "/auth/me", manager, `{"display_name":"x"}`).want(200, "")
	w.call("GET", "/auth/me", alice.access, "").want(200, "")
	if diff := cmp.Diff(denied, w.denials()); diff != "" {
		t.Error("the trail (-want +got):", diff)
	}
}

// TestCase_AK_09_TheKeyIsShownOnce looks for the plain key in everything that
// is answered, logged and audited after it was made.
func TestCase_AK_09_TheKeyIsShownOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice").access
	made := w.call("POST", "/auth/me/keys", alice, `{"name":"k"}`).want(201, "")
	key, path := made.text("key"), "/auth/me/keys/"+made.text("id")
	if strings.Count(made.body, key) != 1 || !strings.HasPrefix(key, made.text("prefix")) || !strings.HasSuffix(key, made.text("last4")) {
		t.Errorf("got %s", made.body)
	}
	rotated := w.call("POST", path+"/rotate", alice, `{"grace_seconds":60}`).want(201, "")
	var all []string
	for _, a := range []answer{
		rotated,
		w.call("GET", "/auth/me/keys", alice, ""), w.call("GET", path, alice, ""), w.call("PATCH", path, alice, `{"name":"x"}`),
		w.call("GET", "/auth/me", key, ""), w.call("DELETE", path, alice, ""),
	} {
		all = append(all, a.body)
	}
	list, err := w.trail.List(t.Context(), store.AuditFilter{}, store.Page{})
	must(t, err)
	all = append(all, w.logs.String(), fmt.Sprintf("%+v", list))
	for i, text := range all {
		if strings.Contains(text, key) || strings.Contains(text, key[len(made.text("prefix")):]) {
			t.Errorf("the key is in answer %d: %s", i, text)
		}
		if i > 0 && strings.Contains(text, rotated.text("key")) {
			t.Errorf("the new key is in answer %d", i)
		}
	}
}
