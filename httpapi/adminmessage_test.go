package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

// spoken logs a message a minute from noon on.
func (w *world) spoken(users ...string) (ids []string) {
	w.t.Helper()
	for i, user := range users {
		m, err := w.messages.Append(w.t.Context(), store.Message{
			ConversationID: "c-" + user, UserID: user, Username: "=" + user, Model: "m-" + user,
			Request: json.RawMessage(`[{"role":"user","content":"CANARY, \"quoted\"\nnext"}]`), CreatedAt: noon.Add(time.Duration(i) * time.Minute),
		})
		must(w.t, err)
		ids = append(ids, m.ID)
	}
	return ids
}

// auditOf returns the events of an action, oldest first, without what was said.
func (w *world) auditOf(action string) []store.AuditEvent {
	w.t.Helper()
	list, err := w.trail.List(w.t.Context(), store.AuditFilter{Action: action}, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
	must(w.t, err)
	for _, e := range list.Items {
		if strings.Contains(string(e.Detail.Changes), "CANARY") {
			w.t.Errorf("the trail has what was said: %s", e.Detail.Changes)
		}
	}
	return list.Items
}

func TestAllMessages_ListIsFilteredAndAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	ids := w.spoken("usr_1", "usr_2", "usr_1")
	w.advance(time.Hour)
	root := w.admin().access
	for query, want := range map[string][]int{
		"":                                   {2, 1, 0},
		"sort=created_at":                    {0, 1, 2},
		"user=usr_1":                         {2, 0},
		"user=nobody":                        {},
		"model=m-usr_2":                      {1},
		"conversation_id=c-usr_1":            {2, 0},
		"from=2026-03-04T12:01:00Z":          {2, 1},
		"to=2026-03-04T12:01:00Z":            {0},
		"from=2026-03-04&to=2026-03-05":      {2, 1, 0},
		"user=usr_1&to=2026-03-04T12:02:00Z": {0},
		"from=2026-03-04T13:01:00%2B01:00&user=usr_2": {1},
	} {
		a := w.call("GET", "/admin/messages?"+query, root, "").want(200, "")
		var got []int
		for _, item := range a.items() {
			for i, id := range ids {
				if item["id"] == id {
					got = append(got, i)
				}
			}
		}
		if len(got) != len(a.items()) || cmp.Diff(want, append([]int{}, got...)) != "" {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	read := len(w.auditOf("message.read"))
	if read != 11 {
		t.Errorf("%d readings in the trail, want 11", read)
	}
	next := w.call("GET", "/admin/messages?limit=1&user=usr_1&model=m-usr_1", root, "").want(200, "").text("next_cursor")
	w.call("GET", "/admin/messages?limit=1&user=usr_1&model=m-usr_1&cursor="+url.QueryEscape(next), root, "").want(200, "")
	w.call("GET", "/admin/messages?cursor="+url.QueryEscape(next), root, "").want(400, "invalid_request")
	events := w.auditOf("message.read")
	if last := events[len(events)-1]; len(events) != read+2 || last.Target.ID != "usr_1" || !strings.Contains(string(last.Detail.Changes), `"model":{"from":null,"to":"m-usr_1"}`) {
		t.Errorf("%d readings, the last %+v", len(events), last)
	}
	for _, query := range []string{"from=CANARY", "to=2026-13-01", "limit=0", "sort=username"} {
		w.call("GET", "/admin/messages?"+query, root, "").want(422, "validation_failed")
	}
	w.refusedTo("messages", "message.list", "GET", "/admin/messages", "")
}

func TestCase_HT_08_MessagesAreExportedHarmlessly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	ids := w.spoken("usr_1", "usr_2", "usr_1")
	w.advance(time.Hour)
	root := w.admin().access
	a := w.call("GET", "/admin/messages/export?format=csv&user=usr_1", root, "").want(200, "")
	for name, want := range map[string]string{
		"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": `attachment; filename="messages.csv"`, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	must(t, err)
	if len(rows) != 3 || rows[1][0] != ids[0] || rows[2][0] != ids[2] || rows[1][4] != "'=usr_1" {
		t.Errorf("the rows are %v", rows)
	}
	lines := w.call("GET", "/admin/messages/export", root, "").want(200, "")
	if n := strings.Count(lines.body, "\n"); n != 3 || lines.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%d lines of %s", n, lines.header.Get("Content-Type"))
	}
	if events := w.auditOf("message.export"); len(events) != 2 || events[0].Target.ID != "usr_1" {
		t.Errorf("the trail has %+v", events)
	}
	for _, query := range []string{"format=xml", "format=CSV", "from=CANARY"} {
		refused := w.call("GET", "/admin/messages/export?"+query, root, "").want(422, "validation_failed")
		if refused.header.Get("Content-Disposition") != "" {
			t.Error("a refusal is attached")
		}
	}
	w.refusedTo("messages", "message.export", "GET", "/admin/messages/export", "")
}

func TestMessagesAreDeletedUpToATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	users := make([]string, 130) // more than goes at once
	for i := range users {
		users[i] = "usr_1"
	}
	w.spoken(users...)
	w.advance(time.Hour) // the rest is to come
	root := w.admin().access
	if a := w.call("DELETE", "/admin/messages?before=2026-03-04T12:50:00Z", root, "").want(200, ""); a.json()["deleted"] != 50.0 {
		t.Errorf("deleted: %s", a.body)
	}
	if a := w.call("DELETE", "/admin/messages?before=2999-01-01", root, "").want(200, ""); a.json()["deleted"] != 10.0 {
		t.Errorf("deleted up to now: %s", a.body)
	}
	if a := w.call("POST", "/admin/messages/delete?before=2026-03-04T13:00:00Z", root, "").want(200, ""); a.json()["deleted"] != 0.0 {
		t.Errorf("deleted again: %s", a.body)
	}
	if left := w.call("GET", "/admin/messages?total=true", root, "").json()["total"]; left != 70.0 {
		t.Errorf("%v are left", left)
	}
	events := w.auditOf("message.delete")
	if len(events) != 2 || !strings.Contains(string(events[0].Detail.Changes), `"messages":{"from":50,"to":0}`) {
		t.Errorf("the trail has %+v", events)
	}
	for _, query := range []string{"", "?before=", "?before=CANARY", "?before=1772625600"} {
		w.call("DELETE", "/admin/messages"+query, root, "").want(422, "validation_failed")
	}
	w.refusedTo("messages", "message.delete", "DELETE", "/admin/messages?before=2999-01-01", "")
}
