package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

func TestGrantCredits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, root := w.register("alice"), w.admin()
	path := "/admin/users/" + alice.id + "/credits"
	a := w.repeat("G", "POST", path, root.access, `{"amount":1000,"reason":"thanks","expires_at":"2026-03-05T12:00:00Z"}`).want(201, "")
	want := map[string]any{
		"id": a.text("id"), "kind": "grant", "amount": 1000.0, "balance_after": 1000.0, "source": "admin", "grant_id": nil, "reservation_id": nil,
		"shortfall": 0.0, "outcome": "", "reason": "thanks", "expires_at": "2026-03-05T12:00:00Z", "created_at": "2026-03-04T12:00:00Z",
	}
	if diff := cmp.Diff(want, a.json()); diff != "" || !strings.HasPrefix(a.text("id"), "led_") {
		t.Error(diff)
	}
	again := w.repeat("G", "POST", path, root.access, `{"amount":1000,"reason":"thanks","expires_at":"2026-03-05T12:00:00Z"}`).want(201, "")
	if again.body != a.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("QT-08 a repeat: %s", again.body)
	}
	w.repeat("G", "POST", path, root.access, `{"amount":1001,"reason":"thanks"}`).want(422, "idempotency_mismatch")
	bob := w.register("bob")
	w.repeat("G", "POST", "/admin/users/"+bob.id+"/credits", root.access, `{"amount":1000,"reason":"thanks","expires_at":"2026-03-05T12:00:00Z"}`).
		want(422, "idempotency_mismatch")

	if diff := cmp.Diff([]map[string]any{want}, w.call("GET", "/auth/me/credits", alice.access, "").want(200, "").items()); diff != "" {
		t.Error(diff)
	}
	credits := w.call("GET", "/auth/me/usage", alice.access, "").want(200, "").json()["credits"]
	if diff := cmp.Diff(map[string]any{"balance": 1000.0, "reserved": 0.0}, credits); diff != "" {
		t.Error(diff)
	}
	must(t, w.trail.Flush(t.Context()))
	trail, err := w.trail.List(t.Context(), store.AuditFilter{Action: "user.credits"}, store.Page{})
	must(t, err)
	if len(trail.Items) != 1 || trail.Items[0].ActorID != root.id || trail.Items[0].Target.ID != alice.id || trail.Items[0].Detail.Reason != "thanks" {
		t.Errorf("%+v", trail.Items)
	}
}

func TestGrantCredits_Refusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, root := w.register("alice"), w.admin()
	path := "/admin/users/" + alice.id + "/credits"
	for body, code := range map[string]string{
		`{"amount":1}`: "reason_required", `{"amount":1,"reason":"  "}`: "reason_required", `{"reason":"x"}`: "validation_failed",
		`{"amount":1,"reason":"x","expires_at":"2020-01-01T00:00:00Z"}`: "validation_failed",
		`{"amount":1,"reason":"` + strings.Repeat("x", 501) + `"}`:      "validation_failed",
	} {
		w.call("POST", path, root.access, body).want(422, code)
	}
	w.call("POST", "/admin/users/usr_0/credits", root.access, `{"amount":1,"reason":"x"}`).want(404, "not_found")
	w.call("POST", path, root.access, `{"amount":9007199254740991,"reason":"x"}`).want(201, "")
	w.call("POST", path, root.access, `{"amount":1,"reason":"x"}`).want(409, "conflict")
}

func TestCreditsAreMetered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, root := w.register("alice"), w.admin()
	_, key := w.serviceKey(`{"name":"gateway"}`)
	spend := func(path string, amount int) answer {
		return w.call("POST", path, key, fmt.Sprintf(`{"subject":%q,"meter":"credits","amount":%d}`, alice.id, amount))
	}
	broke := spend("/service/consume", 1).want(402, "insufficient_credits")
	if p := broke.json(); p["meter"] != "credits" || p["remaining"] != 0.0 {
		t.Errorf("%s", broke.body)
	}
	w.call("POST", "/admin/users/"+alice.id+"/credits", root.access, `{"amount":1000,"reason":"thanks"}`).want(201, "")
	a := spend("/service/consume", 300).want(200, "")
	if diff := cmp.Diff(map[string]any{"allowed": true, "remaining": 700.0, "resets_at": nil}, a.json()); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(a.header.Get("RateLimit"), `"credits";r=700`) {
		t.Errorf("%v", a.header)
	}
	held := spend("/service/reservations", 600).want(201, "").text("id")
	spend("/service/consume", 101).want(402, "insufficient_credits")
	settled := w.call("POST", "/service/reservations/"+held+"/settle", key, `{"amount":800}`).want(200, "").json()
	if settled["settled"] != 800.0 || settled["shortfall"] != 100.0 {
		t.Errorf("%v", settled)
	}
	sum, items := 0.0, w.call("GET", "/auth/me/credits", alice.access, "").want(200, "").items()
	for _, entry := range items {
		sum += entry["amount"].(float64)
	}
	if len(items) != 3 || sum != 0 || items[0]["reservation_id"] != held || items[0]["shortfall"] != 100.0 || items[0]["outcome"] != "complete" {
		t.Errorf("%v", items)
	}
}

func TestUsageHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.register("alice")
	_, key := w.serviceKey(`{"name":"gateway"}`)
	for day := range 3 {
		w.call("POST", "/service/consume", key, consumption(w.login("alice").id, day+1)).want(200, "")
		w.advance(24 * time.Hour)
	}
	alice := w.login("alice")
	day := func(date string, used float64) map[string]any {
		return map[string]any{"date": date, "meter": "conversations", "used": used}
	}
	all := []map[string]any{day("2026-03-04", 1), day("2026-03-05", 2), day("2026-03-06", 3)}
	for query, want := range map[string][]map[string]any{
		"": all, "?meter=conversations": all, "?from=2026-03-05": all[1:], "?to=2026-03-05": all[:2],
		"?from=2026-03-05&to=2026-03-05": all[1:2], "?from=2026-03-05T23:00:00Z&to=2026-03-05T00:00:00Z": all[1:2],
		"?meter=credits": {}, "?from=2026-03-07": {},
	} {
		got := w.call("GET", "/auth/me/usage/history"+query, alice.access, "").want(200, "").items()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
	for _, query := range []string{"?meter=pages", "?from=yesterday", "?to=2026-13-01", "?from=2026-03-06&to=2026-03-04", "?from=2020-01-01"} {
		w.call("GET", "/auth/me/usage/history"+query, alice.access, "").want(422, "validation_failed")
	}
}
