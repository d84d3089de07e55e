package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

func TestLogMessages(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"soon": "/service/messages", "durable": "/service/messages?durable=true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{})
			alice, bob := w.register("alice"), w.register("bob")
			must(t, w.cfg.Users.Suspend(t.Context(), store.System(), bob.id, "spam", time.Time{}))
			_, key := w.serviceKey(`{"name":"gateway","scopes":["messages"]}`)
			body := `{"messages":[
				{"id":"m1","conversation_id":"c1","user_id":"` + alice.id + `","model":"parrot","request":[{"role":"user","content":"hi"}],
				 "response":[{"role":"assistant","content":"ho"}],"tokens_in":1,"tokens_out":2,"cost":3,"latency_ms":4,"status":"error",
				 "metadata":{"a":1},"created_at":"2026-03-04T11:00:00Z"},
				{"user_id":"` + bob.id + `"},
				{"id":"m3","conversation_id":"c1","user_id":"` + alice.id + `"}]}`
			status := map[string]int{"soon": 202, "durable": 201}[name]
			a := w.call("POST", path, key, body).want(status, "")
			ids := a.json()["ids"].([]any)
			if a.json()["accepted"] != 3.0 || len(ids) != 3 || ids[0] != "m1" || !strings.HasPrefix(ids[1].(string), "msg_") || ids[2] != "m3" {
				t.Errorf("%s", a.body)
			}
			w.call("POST", path, key, body).want(status, "") // m1 and m3 are there already
			must(t, w.messages.Flush(t.Context()))

			items := w.call("GET", "/auth/me/messages?sort=created_at", alice.access, "").want(200, "").items()
			want := map[string]any{
				"id": "m1", "conversation_id": "c1", "seq": 1.0, "user_id": alice.id, "username": "alice", "model": "parrot",
				"request":   []any{map[string]any{"role": "user", "content": "hi"}},
				"response":  []any{map[string]any{"role": "assistant", "content": "ho"}},
				"tokens_in": 1.0, "tokens_out": 2.0, "cost": 3.0, "latency_ms": 4.0, "status": "error", "metadata": map[string]any{"a": 1.0},
				"created_at": "2026-03-04T11:00:00Z",
			}
			if len(items) != 2 {
				t.Fatalf("%v", items)
			}
			if diff := cmp.Diff(want, items[0]); diff != "" {
				t.Error(diff)
			}
			if second := items[1]; second["id"] != "m3" || second["seq"] != 2.0 || second["status"] != "ok" || second["created_at"] != "2026-03-04T12:00:00Z" {
				t.Errorf("%v", second)
			}
			stored, err := w.store.MessageGet(t.Context(), alice.id, "m1")
			must(t, err)
			if stored.Plan != "free" {
				t.Errorf("stored under the plan %q", stored.Plan)
			}
		})
	}
}

func TestLogMessages_Refusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, bob := w.register("alice"), w.register("bob")
	_, key := w.serviceKey(`{"name":"gateway"}`)
	message := func(members string) string {
		return `{"messages":[{"user_id":"` + alice.id + `"},{"user_id":"` + alice.id + `",` + members + `}]}`
	}
	for _, path := range []string{"/service/messages", "/service/messages?durable=true"} {
		for body, field := range map[string]string{
			`{}`:                "messages",
			`{"messages":[]}`:   "messages",
			`{"messages":null}`: "messages",
			`{"messages":[{}]}`: "messages[0].user_id",
			`{"messages":[{"user_id":"` + alice.id + `"},{"user_id":"usr_0"}]}`: "messages[1].user_id",
			message(`"seq":1`):                                              "messages[1]",
			message(`"username":"eve"`):                                     "messages[1]",
			message(`"plan":"pro"`):                                         "messages[1]",
			message(`"id":"no id"`):                                         "messages[1].id",
			message(`"model":"` + strings.Repeat("m", 129) + `"`):           "messages[1].model",
			message(`"tokens_in":-1`):                                       "messages[1].tokens_in",
			message(`"latency_ms":9223372036855`):                           "messages[1].latency_ms",
			message(`"request":"hi"`):                                       "messages[1].request",
			message(`"request":[{"role":"user"}]`):                          "messages[1].request[0].content",
			message(`"request":[{"role":"user","content":"x","ROLE":"y"}]`): "messages[1].request[0].role",
			message(`"metadata":[]`):                                        "messages[1].metadata",
			message(`"created_at":"now"`):                                   "messages[1].created_at",
		} {
			a := w.call("POST", path, key, body).want(422, "validation_failed")
			fields, _ := a.json()["errors"].([]any)
			if len(fields) == 0 || fields[0].(map[string]any)["field"] != field {
				t.Errorf("%.80s: %s, want %s", body, a.body, field)
			}
		}
	}
	w.call("POST", "/service/messages?durable=yes", key, message(`"status":"ok"`)).want(422, "validation_failed")
	many := `{"messages":[` + strings.TrimSuffix(strings.Repeat(`{"user_id":"`+alice.id+`"},`, 1001), ",") + `]}`
	w.call("POST", "/service/messages", key, many).want(422, "validation_failed")
	w.call("POST", "/service/messages", key, `{"messages":"`+strings.Repeat("x", 16<<20)+`"}`).want(413, "payload_too_large")
	_, meter := w.serviceKey(`{"name":"gateway","scopes":["meter"]}`)
	w.call("POST", "/service/messages", meter, message(`"status":"ok"`)).want(403, "forbidden")
	must(t, w.messages.Flush(t.Context()))
	if items := w.call("GET", "/auth/me/messages", alice.access, "").want(200, "").items(); len(items) != 0 {
		t.Errorf("%v", items)
	}
	// All or none: the second has the id of another user's.
	w.call("POST", "/service/messages?durable=true", key, `{"messages":[{"id":"m1","user_id":"`+bob.id+`"}]}`).want(201, "")
	w.call("POST", "/service/messages?durable=true", key, message(`"id":"m1"`)).want(409, "conflict")
	if items := w.call("GET", "/auth/me/messages", alice.access, "").want(200, "").items(); len(items) != 0 {
		t.Errorf("%v", items)
	}
}

// A thousand messages of many turns, nearly 16 MiB, are one request. They are more
// than may wait in memory, so that they are stored when they are answered.
func TestLogMessages_AsManyAsThereMayBe(t *testing.T) {
	t.Parallel()
	for path, status := range map[string]int{"/service/messages": 202, "/service/messages?durable=true": 201} {
		w := newWorld(t, settings{})
		alice := w.register("alice")
		_, key := w.serviceKey(`{"name":"gateway"}`)
		turns := strings.TrimSuffix(strings.Repeat(`{"role":"user","content":"`+strings.Repeat("x", 300)+`"},`, 40), ",")
		var body strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&body, `,{"id":"m%04d","conversation_id":"c","user_id":%q,"request":[%s]}`, i, alice.id, turns)
		}
		w.call("POST", path, key, `{"messages":[`+body.String()[1:]+`]}`).want(status, "")
		items := w.call("GET", "/auth/me/messages?limit=200&sort=created_at&total=true&conversation_id=c", alice.access, "").want(200, "")
		for i, m := range items.items() {
			if m["id"] != fmt.Sprintf("m%04d", i) || m["seq"] != float64(i+1) {
				t.Fatalf("message %d is %v, seq %v", i, m["id"], m["seq"])
			}
		}
		if items.json()["total"] != 1000.0 {
			t.Errorf("%s: %v messages", path, items.json()["total"])
		}
	}
}
