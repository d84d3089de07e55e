package httpapi_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

// bodiesOfDesk are good bodies of the desk, on the routes of admins and of staff.
var bodiesOfDesk = onBoth(map[string]string{
	"suspend-user":            `{"reason":"abuse"}`,
	"reactivate-user":         `{"reason":"a mistake"}`,
	"unlock-user":             `{"reason":"forgot"}`,
	"reset-user-password":     `{"reason":"forgot"}`,
	"revoke-user-sessions":    `{"reason":"lost phone"}`,
	"revoke-user-key":         `{"reason":"leaked"}`,
	"revoke-user-key-by-post": `{"reason":"leaked"}`,
	"set-user-limits":         `{"limits":[{"meter":"conversations","window":"day","limit":7}],"reason":"a big day"}`,
	"reset-user-usage":        `{"meter":"conversations","reason":"our fault"}`,
	"grant-credits":           `{"amount":1,"reason":"thanks"}`,
})

func onBoth(bodies map[string]string) map[string]string {
	out := maps.Clone(bodies)
	for id, body := range bodies {
		out["staff-"+id] = body
	}
	return out
}

// deskRoutes calls fn with every operation of the desk.
func (w *world) deskRoutes(fn func(method, path, body string, op operation)) {
	w.t.Helper()
	called := 0
	w.everyRoute(func(method, path, body string, op operation) {
		if op.Security == nil || !slices.Contains(op.Tags, "users") {
			return
		}
		called++
		fn(method, path, body, op)
	})
	if called < 30 {
		w.t.Fatalf("the desk has %d operations", called)
	}
}

// ofDesk does everything that support staff and admins do with a user.
func (s *steps) ofDesk() {
	s.t.Helper()
	for _, by := range []struct {
		router, prefix, kind string
		caller               person
	}{{"/staff", "staff-", "staff", s.member(store.StaffLead)}, {"/admin", "", "admin", s.admin()}} {
		name := "fred-" + by.kind
		fred := s.register(name)
		id, _ := s.key(fred.access, `{"name":"k"}`)
		for range 10 {
			s.call("POST", "/auth/login", "", `{"username":"`+name+`","password":"wrong"}`).want(401, "invalid_credentials")
		}
		s.rows()
		users := by.router + "/users/" + fred.id
		step := func(id, method, path string, status int, want ...string) {
			s.t.Helper()
			for i, row := range want {
				want[i] = strings.Replace(row, "ok on", "ok by "+by.kind+" on", 1)
			}
			s.step(by.prefix+id, method, users+path, by.caller.access, bodies[id], status, want...)
		}
		step("list-user-messages", "GET", "/messages", 200, "message.read ok on user")
		step("list-user-audit", "GET", "/audit", 200)
		step("unlock-user", "POST", "/unlock", 200, "user.unlock ok on user")
		step("unlock-user", "POST", "/unlock", 200)
		step("reset-user-password", "POST", "/password-reset", 409)
		step("set-user-limits", "PATCH", "/limits", 200, "user.limits ok on user")
		step("set-user-limits", "PATCH", "/limits", 200)
		step("reset-user-usage", "POST", "/usage/reset", 204, "user.usage_reset ok on user")
		step("grant-credits", "POST", "/credits", 201, "user.credits ok on user")
		step("revoke-user-key", "DELETE", "/keys/"+id, 204, "key.revoke ok on key")
		step("revoke-user-key-by-post", "POST", "/keys/"+id+"/delete", 204)
		step("revoke-user-sessions", "POST", "/sessions/revoke", 204, "session.revoke ok on user")
		step("revoke-user-sessions", "POST", "/sessions/revoke", 204)
		step("suspend-user", "POST", "/suspend", 200, "user.suspend ok on user")
		step("suspend-user", "POST", "/suspend", 200)
		step("reactivate-user", "POST", "/reactivate", 200, "user.reactivate ok on user")
		step("reactivate-user", "POST", "/reactivate", 200)
	}
}

// TestCase_AU_01_TheDeskSaysWho reads the rows of changes by staff and by admins:
// each says who, why, from where and in which request.
func TestCase_AU_01_TheDeskSaysWho(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	lead, root := w.member(store.StaffLead), w.admin()
	alice := w.register("alice")
	w.deskRoutes(func(method, path, body string, op operation) {
		if method == "GET" || strings.Contains(op.OperationID, "password") {
			return
		}
		by, kind := root, store.ActorAdmin
		if strings.HasPrefix(op.OperationID, "staff-") {
			by, kind = lead, store.ActorStaff
		}
		alice = w.fresh("alice", alice)
		id, _ := w.key(alice.access, `{"name":"k"}`)
		switch {
		case strings.HasSuffix(op.OperationID, "reactivate-user"):
			w.call("POST", "/admin/users/"+alice.id+"/suspend", root.access, bodies["suspend-user"]).want(200, "")
		case strings.HasSuffix(op.OperationID, "unlock-user"):
			w.call("POST", "/auth/login", "", `{"username":"alice","password":"wrong"}`).want(401, "invalid_credentials")
		case strings.HasSuffix(op.OperationID, "set-user-limits"):
			w.call("PATCH", "/admin/users/"+alice.id+"/limits", root.access, `{"limits":[{"meter":"conversations","window":"day","inherit":true}],"reason":"x"}`).want(200, "")
		}
		path = strings.NewReplacer("{id}", alice.id, "{key_id}", id).Replace(path)
		if a := w.call(method, path, by.access, body); a.status >= 300 {
			t.Errorf("%s: %d %s", op.OperationID, a.status, a.body)
		}
		must(t, w.trail.Flush(t.Context()))
		list, err := w.trail.List(t.Context(), store.AuditFilter{}, store.Page{Limit: 1})
		must(t, err)
		e := list.Items[0]
		if of := w.call("GET", "/admin/users/"+alice.id+"/audit?limit=1", root.access, "").items(); of[0]["id"] != e.ID {
			t.Errorf("%s: what the trail has of alice ends with %v", op.OperationID, of[0]["action"])
		}
		_, why, _ := strings.Cut(body, `"reason":"`)
		why, _, _ = strings.Cut(why, `"`)
		target := alice.id
		if strings.Contains(path, "/keys/") {
			target = id
		}
		got := []string{string(e.ActorKind), e.ActorID, e.Detail.Reason, e.Detail.IP, e.RequestID, e.Target.ID, string(e.Result)}
		if diff := cmp.Diff([]string{string(kind), by.id, why, "127.0.0.1", "request-1", target, "ok"}, got); diff != "" || e.Detail.ActorName == "" {
			t.Errorf("%s, %s (-want +got): %s", op.OperationID, e.Action, diff)
		}
	})
}

// fresh brings a user back into order and signs in again.
func (w *world) fresh(name string, p person) person {
	w.t.Helper()
	root := w.admin()
	w.call("POST", "/admin/users/"+p.id+"/reactivate", root.access, bodies["reactivate-user"]).want(200, "")
	return w.login(name)
}

// TestCase_AZ_02_TheDeskByLevel asks for each route by each level: one that is
// too low is refused, and the refusal stands in the trail with the record that it
// was about.
func TestCase_AZ_02_TheDeskByLevel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	id, _ := w.key(alice.access, `{"name":"k"}`)
	least := func(method, path string) store.StaffLevel {
		switch {
		case strings.HasSuffix(path, "/limits"), strings.HasSuffix(path, "/usage/reset"), method == "POST" && strings.HasSuffix(path, "/credits"):
			return store.StaffLead
		case method != "GET", strings.HasSuffix(path, "/messages"):
			return store.StaffAgent
		}
		return store.StaffViewer
	}
	for _, level := range []store.StaffLevel{store.StaffViewer, store.StaffAgent, store.StaffLead} {
		helper := w.member(level)
		w.deskRoutes(func(method, path, body string, op operation) {
			if !strings.HasPrefix(path, "/staff") {
				return
			}
			before := len(w.denials())
			filled := strings.NewReplacer("{id}", alice.id, "{key_id}", id).Replace(path)
			a := w.call(method, filled, helper.access, body)
			denials := w.denials()[before:]
			if level >= least(method, path) {
				if a.status == http.StatusForbidden || len(denials) > 0 {
					t.Errorf("%s %s by level %d: %d %s", method, path, level, a.status, a.body)
				}
				return
			}
			a.want(http.StatusForbidden, "forbidden")
			target := alice.id
			switch {
			case strings.Contains(path, "{key_id}"):
				target = id
			case !strings.Contains(path, "{id}"):
				target = helper.id
			}
			if len(denials) != 1 || !strings.HasSuffix(denials[0], " "+target) {
				t.Errorf("%s %s by level %d: the trail has %v", method, path, level, denials)
			}
		})
	}
}

// Tokens of users, of the other kind of operator and service keys are worth
// nothing on the desk, whatever they may do on their own.
func TestCase_RT_12_TheDeskIsForItsOwnKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	cast := w.newCast(alice)
	_, key := w.key(alice.access, `{"name":"k","scopes":["account:read","usage:read","messages:read","keys:manage"]}`)
	w.deskRoutes(func(method, path, body string, op operation) {
		others := []string{alice.access, key, cast.service, cast.admin.access}
		if strings.HasPrefix(path, "/admin") {
			others[3] = cast.staff.access
		}
		path = strings.ReplaceAll(path, "{id}", alice.id)
		for _, credential := range others {
			w.call(method, path, credential, body).want(401, "invalid_token")
		}
	})
}

// TestTheDesk_AsksForReasons leaves the reason of every change out, and gives one
// that is too long.
func TestTheDesk_AsksForReasons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	cast := w.newCast(alice)
	id, _ := w.key(alice.access, `{"name":"k"}`)
	w.deskRoutes(func(method, path, body string, op operation) {
		if method == "GET" {
			return
		}
		path = strings.NewReplacer("{id}", alice.id, "{key_id}", id).Replace(path)
		before, why, _ := strings.Cut(body, `"reason":"`)
		_, after, _ := strings.Cut(why, `"`)
		for reason, code := range map[string]string{
			"": "reason_required", " \t ": "reason_required", strings.Repeat("x", 501): "validation_failed",
		} {
			reason = strings.ReplaceAll(reason, "\t", `\t`)
			w.call(method, path, cast.credential(op), before+`"reason":"`+reason+`"`+after).want(422, code)
		}
		none := strings.TrimSuffix(before, ",") + after
		w.call(method, path, cast.credential(op), none).want(422, "reason_required")
	})
	for _, action := range []string{"user.suspend", "user.limits", "user.credits", "key.revoke", "session.revoke"} {
		if rows := w.events(action); len(rows) != 0 {
			t.Errorf("%s without a reason: %+v", action, rows)
		}
	}
}

// events returns the trail's events of an action, oldest first.
func (w *world) events(action string) []store.AuditEvent {
	w.t.Helper()
	must(w.t, w.trail.Flush(w.t.Context()))
	list, err := w.trail.List(w.t.Context(), store.AuditFilter{Action: action}, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
	must(w.t, err)
	return list.Items
}

// TestCase_AZ_01_UsersWhoAreNotThere asks about a user who never was, one who was
// deleted, accounts of other kinds and texts that are no ids: to the byte, one
// answer.
func TestCase_AZ_01_UsersWhoAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	cast := w.newCast(w.register("alice"))
	gone := w.register("gone")
	id, _ := w.key(gone.access, `{"name":"k"}`)
	w.call("DELETE", "/auth/me", gone.access, bodies["delete-me"]).want(204, "")
	w.deskRoutes(func(method, path, body string, op operation) {
		if !strings.Contains(path, "{id}") {
			return
		}
		path = strings.ReplaceAll(path, "{key_id}", id)
		want := w.call(method, strings.ReplaceAll(path, "{id}", "usr_00000000000000000000000000000000"), cast.credential(op), body).want(404, "not_found")
		for _, who := range []string{gone.id, cast.admin.id, cast.staff.id, "0", "usr_%00", strings.Repeat("x", 2000)} {
			got := w.call(method, strings.ReplaceAll(path, "{id}", who), cast.credential(op), body)
			if got.status != 404 || got.body != want.body {
				t.Errorf("%s %s with %.40s: %d %s\nnobody: %s", method, path, who, got.status, got.body, want.body)
			}
		}
	})
	w.call("GET", "/admin/me", cast.admin.access, "").want(200, "") // no session of theirs was ended
	w.call("GET", "/staff/me", cast.staff.access, "").want(200, "")
}
