package httpapi_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

// TestPlans_RoundTrip makes a plan with everything, changes and clears each
// member, and deletes it.
func TestPlans_RoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin().access
	made := w.call("POST", "/admin/plans", root, `{"id":"pro","name":"Pro",
		"limits":[{"meter":"conversations","window":"day","limit":5},{"meter":"credits","window":"month","limit":null}],
		"credit_grant":{"amount":1000,"window":"month","mode":"top_up"},"rate_limit":"20/s,burst=40","on_interrupt":"charge_nothing",
		"message_text_retention":"720h","message_retention":"90m"}`).want(201, "")
	want := map[string]any{
		"id": "pro", "name": "Pro", "limits": []any{
			map[string]any{"meter": "conversations", "window": "day", "limit": 5.0},
			map[string]any{"meter": "credits", "window": "month", "limit": nil},
		},
		"credit_grant": map[string]any{"amount": 1000.0, "window": "month", "mode": "top_up"}, "rate_limit": "20/s,burst=40",
		"on_interrupt": "charge_nothing", "message_text_retention": "720h", "message_retention": "1h30m",
		"created_at": "2026-03-04T12:00:00Z", "updated_at": "2026-03-04T12:00:00Z",
	}
	if diff := cmp.Diff(want, made.json()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, w.call("GET", "/admin/plans/pro", root, "").want(200, "").json()); diff != "" {
		t.Error(diff)
	}

	w.advance(time.Minute)
	changed := w.call("PATCH", "/admin/plans/pro", root, `{"name":"Other","limits":[],"credit_grant":null,"rate_limit":null,
		"on_interrupt":"charge_estimate","message_text_retention":null,"message_retention":"30s"}`).want(200, "")
	want = map[string]any{
		"id": "pro", "name": "Other", "limits": []any{}, "credit_grant": nil, "rate_limit": nil, "on_interrupt": "charge_estimate",
		"message_text_retention": nil, "message_retention": "30s", "created_at": "2026-03-04T12:00:00Z", "updated_at": "2026-03-04T12:01:00Z",
	}
	if diff := cmp.Diff(want, changed.json()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, w.call("PATCH", "/admin/plans/pro", root, `{}`).want(200, "").json()); diff != "" {
		t.Error("absent members changed:", diff)
	}

	list := w.call("GET", "/admin/plans?total=true&sort=created_at", root, "").want(200, "")
	if items := list.items(); len(items) != 2 || items[0]["id"] != "free" && items[1]["id"] != "free" || list.json()["total"] != 2.0 {
		t.Errorf("the list is %s", list.body)
	}
	w.call("DELETE", "/admin/plans/pro", root, "").want(204, "")
	for _, method := range []string{"GET", "DELETE"} {
		w.call(method, "/admin/plans/pro", root, "").want(404, "not_found")
	}
	w.call("PATCH", "/admin/plans/pro", root, `{"name":"x"}`).want(404, "not_found")
	least := w.call("POST", "/admin/plans", root, `{"id":"least"}`).want(201, "").json()
	if least["name"] != "least" || least["on_interrupt"] != "charge_delivered" || least["credit_grant"] != nil || least["message_retention"] != nil {
		t.Errorf("a plan of an id alone is %v", least)
	}
	w.refusedTo("plans", "plan.create", "POST", "/admin/plans", `{"id":"mine"}`)
}

func TestPlans_Validation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin().access
	for _, member := range []string{
		`"name":null`, `"name":1`, `"limits":null`, `"limits":[{"meter":"conversations","window":"day"}]`,
		`"limits":[{"meter":"conversations","window":"year","limit":1}]`, `"limits":[{"meter":"conversations","window":"day","limit":-1}]`,
		`"limits":[{"meter":"conversations","window":"day","limit":1},{"meter":"conversations","window":"day","limit":2}]`,
		`"limits":[{"meter":"CANARY","window":"day","limit":1}]`, `"limits":[{"meter":"conversations","window":"day","limit":9007199254740992}]`,
		`"credit_grant":{}`, `"credit_grant":{"amount":0,"window":"day","mode":"add"}`, `"credit_grant":{"amount":1,"window":"day"}`,
		`"credit_grant":{"amount":1,"window":"day","mode":"CANARY"}`, `"credit_grant":{"amount":1,"window":"day","mode":"add","x":1}`,
		`"rate_limit":"CANARY"`, `"on_interrupt":null`, `"on_interrupt":"CANARY"`, `"message_retention":"CANARY"`,
		`"message_retention":"-1h"`, `"message_text_retention":720`, `"message_text_retention":"30d"`, `"from_config":true`,
	} {
		w.call("POST", "/admin/plans", root, `{"id":"pro",`+member+`}`).want(422, "validation_failed")
		w.call("PATCH", "/admin/plans/free", root, `{`+member+`}`).want(422, "validation_failed")
	}
	for _, id := range []string{``, `-a`, `Pro`, `a b`, `a/b`} {
		w.call("POST", "/admin/plans", root, `{"id":"`+id+`"}`).want(422, "validation_failed")
	}
	w.call("POST", "/admin/plans", root, `{}`).want(422, "validation_failed")
	w.call("POST", "/admin/plans", root, `{"id":"free"}`).want(409, "conflict")
	w.call("DELETE", "/admin/plans/free", root, "").want(409, "conflict")
	if items := w.call("GET", "/admin/plans", root, "").items(); len(items) != 1 || items[0]["name"] != "Free" {
		t.Errorf("the plans are %v", items)
	}
}

// A plan that somebody has stays, and a change of it is what the next request of
// those who have it meets, also of one whose principal is remembered.
func TestPlans_CountAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root, alice := w.admin().access, w.register("alice")
	_, service := w.serviceKey(`{"name":"k"}`)
	w.call("POST", "/admin/plans", root, `{"id":"pro","limits":[{"meter":"conversations","window":"day","limit":1}]}`).want(201, "")
	_, err := w.metering.SetPlan(t.Context(), store.System(), alice.id, "pro", "", "")
	must(t, err)
	w.call("DELETE", "/admin/plans/pro", root, "").want(409, "conflict")

	consume := func() answer {
		return w.call("POST", "/service/consume", service, `{"subject":"`+alice.id+`","meter":"conversations","amount":1}`)
	}
	left := func() any {
		return w.call("GET", "/auth/me/usage", alice.access, "").want(200, "").json()["meters"].([]any)[0].(map[string]any)["limit"]
	}
	consume().want(200, "")
	consume().want(429, "quota_exceeded")
	if left() != 1.0 {
		t.Errorf("the limit is %v", left())
	}
	w.call("PATCH", "/admin/plans/pro", root, `{"limits":[{"meter":"conversations","window":"day","limit":2}]}`).want(200, "")
	if left() != 2.0 {
		t.Errorf("the changed limit is %v", left())
	}
	consume().want(200, "")
	consume().want(429, "quota_exceeded")
	w.call("PATCH", "/admin/plans/pro", root, `{"limits":[{"meter":"conversations","window":"day","limit":null}]}`).want(200, "")
	consume().want(200, "")
	if left() != nil {
		t.Errorf("a limit that is lifted is %v", left())
	}
}
