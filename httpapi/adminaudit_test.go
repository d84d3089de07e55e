package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

func TestAudit_ListAndExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	w.advance(time.Minute)
	root := w.admin()
	w.call("POST", "/admin/plans", root.access, `{"id":"pro"}`).want(201, "")
	w.call("GET", "/admin/audit", alice.access, "").want(401, "invalid_token")
	must(t, w.trail.Flush(t.Context()))
	for query, want := range map[string]string{
		"action=plan.create&target=pro":                "plan.create",
		"actor=" + root.id + "&sort=created_at":        "admin.login plan.create",
		"target=" + alice.id + "&action=user.register": "user.register",
		"to=2026-03-04T12:01:00Z&actor=" + alice.id:    "user.register",
		"from=2026-03-05":                              "",
		"result=denied&action=audit.read":              "audit.read",
		"action=CANARY":                                "",
	} {
		var got []string
		for _, e := range w.call("GET", "/admin/audit?"+query, root.access, "").want(200, "").items() {
			got = append(got, e["action"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	made := w.call("GET", "/admin/audit?action=plan.create&actor="+root.id+"&total=true", root.access, "").want(200, "")
	e := made.items()[0]
	actor, target := e["actor"].(map[string]any), e["target"].(map[string]any)
	if actor["kind"] != "admin" || actor["id"] != root.id || actor["name"] != "root" || target["kind"] != "plan" || target["id"] != "pro" ||
		e["result"] != "ok" || e["ip"] != "127.0.0.1" || e["request_id"] != "request-1" || e["at"] != "2026-03-04T12:01:00Z" ||
		e["changes"].(map[string]any)["name"].(map[string]any)["to"] != "pro" || made.json()["total"] != 1.0 {
		t.Errorf("the event is %v", e)
	}
	for _, query := range []string{"result=CANARY", "from=CANARY", "to=yesterday"} {
		w.call("GET", "/admin/audit?"+query, root.access, "").want(422, "validation_failed")
		w.call("GET", "/admin/audit/export?"+query, root.access, "").want(422, "validation_failed")
	}

	file := w.call("GET", "/admin/audit/export?format=csv&action=plan.create&actor="+root.id, root.access, "").want(200, "")
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	must(t, err)
	if len(rows) != 2 || file.header.Get("Content-Disposition") != `attachment; filename="audit.csv"` || file.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v %v", file.header, rows)
	}
	all := w.call("GET", "/admin/audit/export", root.access, "").want(200, "")
	var last map[string]any
	lines := strings.Split(strings.TrimSpace(all.body), "\n")
	must(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	if last["action"] != "audit.export" || len(w.auditOf("audit.export")) != 2 {
		t.Errorf("the last line is %v", last)
	}
	w.refusedTo("audit", "audit.read", "GET", "/admin/audit", "")
	w.refusedTo("audit", "audit.export", "GET", "/admin/audit/export", "")
}

func TestCase_AU_04_AuditIsVerifiedOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin().access
	v := w.call("GET", "/admin/audit/verify", root, "").want(200, "").json()
	if _, bad := v["first_bad"]; bad || v["valid"] != true || v["from_seq"] != 1.0 || v["events"] != v["to_seq"] || v["events"].(float64) < 2 {
		t.Errorf("the verification is %v", v)
	}
	anchor := w.call("POST", "/admin/audit/anchor", root, "").want(200, "").json()
	if anchor["seq"].(float64) != v["to_seq"].(float64)+1 || len(anchor["chain"].(string)) != 64 {
		t.Errorf("the anchor is %v, after %v", anchor, v)
	}
	w.call("GET", "/admin/audit/verify?from=anchor", root, "").want(200, "")
	w.call("GET", "/admin/audit/verify?from=CANARY", root, "").want(422, "validation_failed")

	n, err := w.store.AuditPurge(t.Context(), 1, 1) // as somebody who writes to the database
	must(t, err)
	v = w.call("GET", "/admin/audit/verify", root, "").want(200, "").json()
	bad, _ := v["first_bad"].(map[string]any)
	if n != 1 || v["valid"] != false || bad["problem"] != "missing" {
		t.Errorf("without the first event it is %v", v)
	}
	w.refusedTo("audit", "audit.verify", "GET", "/admin/audit/verify", "")
	w.refusedTo("audit", "audit.anchor", "POST", "/admin/audit/anchor", "")
}

func TestStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, bob, root := w.register("alice"), w.register("bob"), w.admin().access
	_, key := w.serviceKey(`{"name":"k"}`)
	for id, n := range map[string]string{alice.id: "3", bob.id: "5"} {
		w.call("POST", "/service/consume", key, `{"subject":"`+id+`","meter":"conversations","amount":`+n+`}`).want(200, "")
	}
	_, err := w.messages.Append(t.Context(), store.Message{UserID: alice.id, Model: "small", TokensIn: 7, TokensOut: 9, Cost: 2})
	must(t, err)
	w.advance(time.Second)
	s := w.call("GET", "/admin/stats", root, "").want(200, "").json()
	users, active, top := s["users"].(map[string]any), s["active"].(map[string]any), s["top_users"].([]any)
	if users["total"] != 2.0 || users["active"] != 2.0 || users["suspended"] != 0.0 || active["day"] != 2.0 || s["from"] != "2026-02-03" || s["to"] != "2026-03-04" {
		t.Errorf("the figures are %v", s)
	}
	if first := top[0].(map[string]any); len(top) != 2 || first["username"] != "bob" || first["used"] != 5.0 || s["top_meter"] != "conversations" {
		t.Errorf("the top is %v", top)
	}
	if usage := s["usage"].([]any)[0].(map[string]any); usage["meter"] != "conversations" || usage["used"] != 8.0 || usage["date"] != "2026-03-04" {
		t.Errorf("the usage is %v", usage)
	}
	if model := s["models"].([]any)[0].(map[string]any); model["model"] != "small" || model["tokens_out"] != 9.0 || model["messages"] != 1.0 {
		t.Errorf("the models are %v", model)
	}
	if signUps := s["sign_ups"].([]any)[0].(map[string]any); signUps["count"] != 2.0 {
		t.Errorf("the sign-ups are %v", signUps)
	}
	before := w.call("GET", "/admin/stats?from=2026-01-01&to=2026-01-31&meter=credits", root, "").want(200, "").json()
	if len(before["usage"].([]any)) != 0 || len(before["top_users"].([]any)) != 0 || before["to"] != "2026-01-31" {
		t.Errorf("before anybody came: %v", before)
	}
	for _, query := range []string{"from=CANARY", "to=CANARY", "from=2026-03-05&to=2026-03-01", "from=2020-01-01&to=2026-01-01"} {
		w.call("GET", "/admin/stats?"+query, root, "").want(422, "validation_failed")
	}
	w.refusedTo("users", "stats.read", "GET", "/admin/stats", "")
}
