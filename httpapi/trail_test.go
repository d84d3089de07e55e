package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

// TestCase_AU_01_OneRowAChange calls every route that changes something, by
// itself and in vain, and reads the trail after each: it has one row more, which
// says who did what to whom, from where and in which request, or none where
// nothing was changed.
func TestCase_AU_01_OneRowAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	seen := 1 // the default plan was made
	// rows returns what the trail has since the last call.
	rows := func() []string {
		t.Helper()
		must(t, w.trail.Flush(t.Context()))
		list, err := w.trail.List(t.Context(), store.AuditFilter{}, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
		must(t, err)
		var out []string
		for _, e := range list.Items[seen:] {
			if e.Detail.IP != "127.0.0.1" || e.RequestID != "request-1" || !e.At.Equal(w.clock()) {
				t.Errorf("%s is from %q in %q at %v", e.Action, e.Detail.IP, e.RequestID, e.At)
			}
			out = append(out, fmt.Sprintf("%s %s by %s on %s", e.Action, e.Result, e.ActorKind, e.Target.Kind))
		}
		seen = len(list.Items)
		return out
	}
	called := map[string]bool{}
	step := func(id, method, path, credential, body string, status int, want ...string) answer {
		t.Helper()
		called[id] = true
		a := w.call(method, "/auth"+path, credential, body)
		if a.status != status {
			t.Fatalf("%s: %d %s", id, a.status, a.body)
		}
		if diff := cmp.Diff(want, rows()); diff != "" {
			t.Errorf("%s, the trail (-want +got): %s", id, diff)
		}
		return a
	}

	alice := personOf(step("register", "POST", "/register", "", bodies["register"], 201, "user.register ok by user on user"))
	in := strings.ReplaceAll(bodies["login"], "alice", "carol")
	step("login", "POST", "/login", "", strings.ReplaceAll(in, password, "not this one"), 401, "user.login_failed failed by anonymous on user")
	second := personOf(step("login", "POST", "/login", "", in, 200, "user.login ok by user on user"))
	third := personOf(step("login", "POST", "/login", "", in, 200, "user.login ok by user on user"))
	step("refresh", "POST", "/refresh", "", `{"refresh_token":"`+second.refresh+`"}`, 200)
	step("update-me", "PATCH", "/me", alice.access, `{"display_name":"A"}`, 200, "user.update ok by user on user")
	step("update-me", "PATCH", "/me", alice.access, `{"display_name":"A"}`, 200)
	step("update-me", "PATCH", "/me", alice.access, `{"display_name":1}`, 422)
	key := step("create-key", "POST", "/me/keys", alice.access, `{"name":"k"}`, 201, "key.create ok by user on key")
	path := "/me/keys/" + key.text("id")
	step("update-key", "PATCH", path, alice.access, `{"name":"l"}`, 200, "key.update ok by user on key")
	step("update-key", "PATCH", path, key.text("key"), `{"name":"m"}`, 403, "key.update denied by user on key")
	step("enable-key", "POST", path+"/enable", alice.access, ``, 200)
	rotated := step("rotate-key", "POST", path+"/rotate", alice.access, `{}`, 201, "key.rotate ok by user on key")
	path = "/me/keys/" + rotated.text("id")
	step("revoke-key", "DELETE", path, alice.access, ``, 204, "key.revoke ok by user on key")
	step("revoke-key-by-post", "POST", path+"/delete", alice.access, ``, 204)
	step("revoke-session", "DELETE", "/me/sessions/"+second.session, alice.access, ``, 204, "session.revoke ok by user on session")
	step("revoke-session-by-post", "POST", "/me/sessions/"+third.session+"/delete", alice.access, ``, 204, "session.revoke ok by user on session")
	step("change-password", "POST", "/me/password", alice.access, strings.ReplaceAll(bodies["change-password"], password, "not this one"), 401, "user.password failed by user on user")
	alice = personOf(step("change-password", "POST", "/me/password", alice.access, bodies["change-password"], 200, "user.password ok by user on user"))
	step("logout", "POST", "/logout", alice.access, ``, 204, "session.revoke ok by user on session")
	in = strings.ReplaceAll(in, password, "a longer walk at dawn")
	alice = personOf(step("login", "POST", "/login", "", in, 200, "user.login ok by user on user"))
	step("logout-all", "POST", "/logout/all", alice.access, ``, 204, "session.revoke ok by user on user")
	alice = personOf(step("login", "POST", "/login", "", in, 200, "user.login ok by user on user"))
	step("delete-me", "DELETE", "/me", alice.access, `{"password":"not this one"}`, 401, "user.delete failed by user on user")
	step("delete-me-by-post", "POST", "/me/delete", alice.access, `{"password":"a longer walk at dawn"}`, 204, "user.delete ok by user on user")

	w.everyRoute(func(method, path, _ string, op operation) {
		if changes := !slices.Contains([]string{"GET", "HEAD"}, method); changes && !called[op.OperationID] {
			t.Errorf("%s %s was not called", method, path)
		}
	})
}
