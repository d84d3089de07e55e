package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

// TestCase_AZ_01_OthersRecordsDoNotExist calls every route that takes an id
// with those of another user's records, of each kind, and compares the answer
// with that for an id that nobody has.
func TestCase_AZ_01_OthersRecordsDoNotExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, bob := w.register("alice"), w.register("bob")
	key, _ := w.key(bob.access, `{"name":"k"}`)
	message, err := w.messages.Append(t.Context(), store.Message{
		ConversationID: "c1", UserID: bob.id, Username: "bob",
		Request: json.RawMessage(`[{"role":"user","content":"hello"}]`), Response: json.RawMessage(`[]`), Status: "ok",
	})
	must(t, err)
	before := w.possessions(bob, key, message.ID)

	bodies := map[string]string{"PATCH /auth/me/keys/{id}": `{"name":"mine now"}`}
	called := 0
	documentOf(t, w.api).operations(func(method, path string, _ operation) {
		if !strings.Contains(path, "{id}") || !strings.HasPrefix(path, "/auth") {
			return
		}
		body := bodies[method+" "+path]
		missing := w.call(method, strings.ReplaceAll(path, "{id}", "key_00000000000000000000000000000000"), alice.access, body)
		missing.want(404, "not_found")
		for _, id := range []string{key, bob.session, message.ID, bob.id, "0", "%2e%2e", "key_%00", strings.Repeat("x", 2000)} {
			got := w.call(method, strings.ReplaceAll(path, "{id}", id), alice.access, body)
			if called++; got.status != 404 || got.body != missing.body {
				t.Errorf("%s %s with %.60s: %d %s\nmissing: %s", method, path, id, got.status, got.body, missing.body)
			}
		}
	})
	if called == 0 {
		t.Fatal("no route takes an id")
	}
	if items := w.call("GET", "/auth/me/messages?conversation_id=c1", alice.access, "").want(200, "").items(); len(items) != 0 {
		t.Errorf("alice reads bob's conversation: %v", items)
	}
	if diff := cmp.Diff(before, w.possessions(bob, key, message.ID)); diff != "" {
		t.Error("bob's records changed:", diff)
	}
}

// possessions is what a user sees of his own.
func (w *world) possessions(p person, key, message string) []string {
	w.t.Helper()
	var all []string
	for _, path := range []string{"/me", "/me/keys/" + key, "/me/keys", "/me/messages/" + message, "/me/sessions", "/me/usage"} {
		all = append(all, w.call("GET", "/auth"+path, p.access, "").want(200, "").body)
	}
	return all
}
