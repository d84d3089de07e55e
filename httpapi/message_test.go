package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	var last store.Message
	for i := range 3 {
		var err error
		last, err = w.messages.Append(t.Context(), store.Message{
			ConversationID: fmt.Sprintf("c%d", i%2), UserID: alice.id, Username: "alice", Model: "m",
			Request:  json.RawMessage(`[{"role":"user","content":"<b>&"}]`),
			Response: json.RawMessage(`[{"role":"assistant","content":"hi"}]`),
			TokensIn: 1, TokensOut: 2, Cost: store.MaxAmount, Latency: 1500 * time.Millisecond, Status: "ok", Metadata: json.RawMessage(`{"k":"v"}`),
		})
		must(t, err)
		w.advance(time.Second)
	}
	got := w.call("GET", "/auth/me/messages/"+last.ID, alice.access, "").want(200, "")
	want := `{"id":"` + last.ID + `","conversation_id":"c0","seq":2,"user_id":"` + alice.id + `","username":"alice","model":"m",` +
		`"request":[{"role":"user","content":"<b>&"}],"response":[{"role":"assistant","content":"hi"}],"tokens_in":1,"tokens_out":2,` +
		`"cost":9007199254740991,"latency_ms":1500,"status":"ok","metadata":{"k":"v"},"created_at":"2026-03-04T12:00:02Z"}` + "\n"
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Error("Message (-want +got):", diff)
	}
	count := func(query string) int {
		return len(w.call("GET", "/auth/me/messages"+query, alice.access, "").want(200, "").items())
	}
	if all, of := count(""), count("?conversation_id=c0"); all != 3 || of != 2 {
		t.Errorf("%d messages, %d of the conversation", all, of)
	}
	cursor := w.call("GET", "/auth/me/messages?limit=1&conversation_id=c0", alice.access, "").text("next_cursor")
	w.call("GET", "/auth/me/messages?conversation_id=c0&cursor="+cursor, alice.access, "").want(200, "")
	w.call("GET", "/auth/me/messages?conversation_id=c1&cursor="+cursor, alice.access, "").want(400, "invalid_request")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	p := authn.Principal{Subject: alice.id, Kind: authn.KindUser, Plan: "free", Zone: store.Zone{Name: "UTC"}, AllScopes: true}
	settled, _, err := w.metering.Reserve(t.Context(), p, metering.Conversations, 3, time.Minute)
	must(t, err)
	_, err = w.metering.Settle(t.Context(), settled.ID, 3, store.OutcomeComplete)
	must(t, err)
	_, _, err = w.metering.Reserve(t.Context(), p, metering.Conversations, 2, time.Minute)
	must(t, err)
	got := w.call("GET", "/auth/me/usage", alice.access, "").want(200, "")
	members(t, "Usage", got.json(), []string{"credits", "meters", "plan"})
	want := `{"meter":"conversations","window":"day","limit":100,"used":3,"reserved":2,"remaining":95,"resets_at":"2026-03-05T00:00:00Z"}`
	if !strings.Contains(got.body, want) || got.text("plan") != "free" || !strings.Contains(got.body, `"credits":{"balance":0,"reserved":0}`) {
		t.Errorf("got %s", got.body)
	}
}
