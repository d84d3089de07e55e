package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
)

// consumption is the body of a request for conversations.
func consumption(subject string, amount int) string {
	return fmt.Sprintf(`{"subject":%q,"meter":"conversations","amount":%d}`, subject, amount)
}

// used is what a user has used of his conversations today.
func (w *world) used(p person) float64 {
	w.t.Helper()
	meters := w.call("GET", "/auth/me/usage", p.access, "").want(200, "").json()["meters"].([]any)
	return meters[0].(map[string]any)["used"].(float64)
}

func TestConsume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, key := w.serviceKey(`{"name":"gateway","scopes":["meter"]}`)

	a := w.call("POST", "/service/consume", key, consumption(alice.id, 30)).want(200, "")
	if diff := cmp.Diff(map[string]any{"allowed": true, "remaining": 70.0, "resets_at": "2026-03-05T00:00:00Z"}, a.json()); diff != "" {
		t.Error(diff)
	}
	if policy, limit := a.header.Get("RateLimit-Policy"), a.header.Get("RateLimit"); policy != `"conversations-day";q=100;w=86400` || limit != `"conversations-day";r=70;t=43200` {
		t.Errorf("%q %q", policy, limit)
	}
	if a.header.Get("Idempotent-Replayed") != "" {
		t.Error("a first answer says it is a repeat")
	}

	refused := w.call("POST", "/service/consume", key, consumption(alice.id, 71)).want(429, "quota_exceeded")
	p := refused.json()
	if p["meter"] != "conversations" || p["window"] != "day" || p["limit"] != 100.0 || p["remaining"] != 70.0 || p["resets_at"] != "2026-03-05T00:00:00Z" {
		t.Errorf("%s", refused.body)
	}
	if refused.header.Get("Retry-After") != "43200" || refused.header.Get("RateLimit") != `"conversations-day";r=70;t=43200` {
		t.Errorf("%v", refused.header)
	}
	if used := w.used(alice); used != 30 {
		t.Errorf("%v used", used)
	}
}

func TestConsume_Subjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	_, key := w.serviceKey(`{"name":"gateway"}`)
	alice, bob, carol := w.register("alice"), w.register("bob"), w.register("carol")
	must(t, w.cfg.Users.Suspend(t.Context(), store.System(), bob.id, "spam", time.Time{}))
	must(t, w.cfg.Users.Delete(t.Context(), store.System(), carol.id, "left"))
	for _, path := range []string{"/service/consume", "/service/reservations"} {
		for subject, want := range map[string]struct {
			status int
			code   string
		}{
			"usr_0": {404, "not_found"}, "": {404, "not_found"}, "alice": {404, "not_found"}, w.admin().id: {404, "not_found"},
			bob.id: {403, "account_suspended"}, carol.id: {404, "not_found"},
		} {
			w.call("POST", path, key, consumption(subject, 1)).want(want.status, want.code)
		}
		w.call("POST", path, key, strings.Replace(consumption(alice.id, 1), "conversations", "pages", 1)).want(422, "validation_failed")
		w.call("POST", path, key, `{"meter":"conversations","amount":1}`).want(422, "validation_failed")
	}
	if used := w.used(alice); used != 0 {
		t.Errorf("%v used", used)
	}
}

// TestCase_QT_05_Amounts sends everything that is no amount.
func TestCase_QT_05_Amounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, root := w.register("alice"), w.admin()
	_, key := w.serviceKey(`{"name":"gateway"}`)
	held := w.call("POST", "/service/reservations", key, consumption(alice.id, 1)).want(201, "").text("id")
	routes := map[string]struct{ credential, body string }{
		"/service/consume":                          {key, `{"subject":"` + alice.id + `","meter":"conversations","amount":%s}`},
		"/service/reservations":                     {key, `{"subject":"` + alice.id + `","meter":"conversations","amount":%s}`},
		"/service/reservations/" + held + "/settle": {key, `{"amount":%s}`},
		"/admin/users/" + alice.id + "/credits":     {root.access, `{"reason":"x","amount":%s}`},
		"/service/reservations/" + held + "/extend": {key, `{"ttl_seconds":%s}`},
		"/service/reservations?ttl":                 {key, `{"subject":"` + alice.id + `","meter":"conversations","amount":1,"ttl_seconds":%s}`},
	}
	bad := map[string]string{
		"-1": "validation_failed", "-9223372036854775808": "validation_failed", "9007199254740992": "validation_failed",
		"9223372036854775807": "validation_failed", "9223372036854775808": "validation_failed", "1e400": "validation_failed", "1.5": "validation_failed",
		"0.1": "validation_failed", "1e-1": "validation_failed", `"1"`: "validation_failed", `"NaN"`: "validation_failed", "null": "validation_failed",
		"true": "validation_failed", "[1]": "validation_failed", "{}": "validation_failed", "-0.0000001": "validation_failed",
		"18446744073709551617": "validation_failed", `"0x10"`: "validation_failed", `""`: "validation_failed",
		"NaN": "invalid_request", "Infinity": "invalid_request", "-Infinity": "invalid_request", "0x10": "invalid_request", "1_000": "invalid_request",
		"+1": "invalid_request", "01": "invalid_request", ".5": "invalid_request", "": "invalid_request", "١": "invalid_request",
	}
	for path, route := range routes {
		for number, code := range bad {
			status := http.StatusUnprocessableEntity
			if code == "invalid_request" {
				status = http.StatusBadRequest
			}
			w.call("POST", path, route.credential, fmt.Sprintf(route.body, number)).want(status, code)
		}
		if !strings.Contains(path, "/settle") {
			w.call("POST", path, route.credential, fmt.Sprintf(route.body, "0")).want(422, "validation_failed")
		}
	}
	if used := w.used(alice); used != 0 {
		t.Errorf("%v used", used)
	}
	if items := w.call("GET", "/auth/me/credits", alice.access, "").want(200, "").items(); len(items) != 0 {
		t.Errorf("%v", items)
	}
	w.call("POST", "/service/reservations/"+held+"/settle", key, `{"amount":0}`).want(200, "")
}

func TestCase_QT_08_Idempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, key := w.serviceKey(`{"name":"gateway"}`)
	consume := func(id, body string) answer {
		return w.repeat(id, "POST", "/service/consume", key, body)
	}
	body := consumption(alice.id, 5)

	first := consume("I", body).want(200, "")
	w.call("POST", "/service/consume", key, consumption(alice.id, 10)).want(200, "") // in between
	for range 2 {
		again := consume("I", body).want(200, "")
		if again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("QT-08 a repeat: %s %q, first %s", again.body, again.header.Get("Idempotent-Replayed"), first.body)
		}
		w.restart(nil) // the second repeat is after it
	}
	spaced := fmt.Sprintf("{ \"amount\": 5, \"meter\":\"conversations\",\n\"subject\":%q}", alice.id)
	if a := consume("I", spaced).want(200, ""); a.header.Get("Idempotent-Replayed") != "true" {
		t.Error("QT-08 the same request in other spacing is another")
	}
	consume("I", consumption(alice.id, 6)).want(422, "idempotency_mismatch")
	if used := w.used(alice); used != 15 {
		t.Errorf("QT-08 %v used, want 15", used)
	}
	// The key is the caller's and the route's.
	_, other := w.serviceKey(`{"name":"other"}`)
	w.repeat("I", "POST", "/service/consume", other, body).want(200, "")
	w.repeat("I", "POST", "/service/reservations", key, body).want(201, "")
	if used := w.used(alice); used != 20 {
		t.Errorf("QT-08 %v used, want 20", used)
	}
	// It is forgotten after a day.
	w.advance(24 * time.Hour)
	if a := consume("I", body).want(200, ""); a.header.Get("Idempotent-Replayed") != "" || w.used(w.login("alice")) != 5 {
		t.Error("QT-08 a key of yesterday is remembered")
	}
}

func TestCase_QT_08_FiftyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, root := w.register("alice"), w.admin()
	_, key := w.serviceKey(`{"name":"gateway"}`)
	for path, request := range map[string]struct{ credential, body string }{
		"/service/consume":                      {key, consumption(alice.id, 5)},
		"/service/reservations":                 {key, consumption(alice.id, 5)},
		"/admin/users/" + alice.id + "/credits": {root.access, `{"amount":7,"reason":"thanks"}`},
	} {
		var mu sync.Mutex
		bodies, firsts := map[string]int{}, 0
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				a := w.repeat("I", "POST", path, request.credential, request.body)
				mu.Lock()
				defer mu.Unlock()
				bodies[a.body]++
				if a.header.Get("Idempotent-Replayed") == "" {
					firsts++
				}
			})
		}
		callers.Wait()
		if len(bodies) != 1 || firsts != 1 {
			t.Errorf("QT-08 %s: %d first, answers %v", path, firsts, bodies)
		}
	}
	usage := w.call("GET", "/auth/me/usage", alice.access, "").want(200, "").json()
	day := usage["meters"].([]any)[0].(map[string]any)
	if day["used"] != 5.0 || day["reserved"] != 5.0 || usage["credits"].(map[string]any)["balance"] != 7.0 {
		t.Errorf("QT-08 %v", usage)
	}
}

func TestCase_QT_08_Keys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, root := w.register("alice"), w.admin()
	_, key := w.serviceKey(`{"name":"gateway"}`)
	for _, bad := range []string{"", "two words", "tab\tin", "ü", strings.Repeat("x", 256)} {
		w.repeat(bad, "POST", "/service/consume", key, consumption(alice.id, 1)).want(400, "invalid_request")
		w.repeat(bad, "POST", "/service/reservations", key, consumption(alice.id, 1)).want(400, "invalid_request")
		w.repeat(bad, "POST", "/admin/users/"+alice.id+"/credits", root.access, `{"amount":1,"reason":"x"}`).want(400, "invalid_request")
	}
	w.repeat(strings.Repeat("x", 255), "POST", "/service/consume", key, consumption(alice.id, 1)).want(200, "")

	// A refusal is not remembered: the same request is admitted when it can be.
	w.repeat("R", "POST", "/service/consume", key, consumption(alice.id, 100)).want(429, "quota_exceeded")
	w.advance(12 * time.Hour)
	a := w.repeat("R", "POST", "/service/consume", key, consumption(alice.id, 100)).want(200, "")
	if a.json()["remaining"] != 0.0 || a.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%s %v", a.body, a.header)
	}
}

func TestReservations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, key := w.serviceKey(`{"name":"gateway"}`)
	hold := func(members string) answer {
		return w.call("POST", "/service/reservations", key, fmt.Sprintf(`{"subject":%q,"meter":"conversations","amount":10%s}`, alice.id, members)).want(201, "")
	}
	end := func(id, how, body, status string) map[string]any {
		t.Helper()
		a := w.call("POST", "/service/reservations/"+id+"/"+how, key, body).want(200, "")
		if a.text("status") != status {
			t.Errorf("%s: %s, want %s", how, a.body, status)
		}
		return a.json()
	}
	a := hold("")
	want := map[string]any{
		"id": a.text("id"), "subject": alice.id, "meter": "conversations", "amount": 10.0, "status": "held", "settled": 0.0, "shortfall": 0.0,
		"expires_at": "2026-03-04T12:01:00Z", "created_at": "2026-03-04T12:00:00Z",
	}
	if diff := cmp.Diff(want, a.json()); diff != "" || !strings.HasPrefix(a.text("id"), "res_") {
		t.Error(diff)
	}
	if a.header.Get("RateLimit") != `"conversations-day";r=90;t=43200` {
		t.Errorf("%v", a.header)
	}
	settled := end(a.text("id"), "settle", `{"amount":12}`, "settled")
	if settled["settled"] != 12.0 {
		t.Errorf("%v", settled)
	}
	// The first ending stands.
	for how, body := range map[string]string{"settle": `{"amount":1}`, "release": `{}`} {
		if diff := cmp.Diff(settled, end(a.text("id"), how, body, "settled")); diff != "" {
			t.Errorf("QT-09 a second ending by %s: %s", how, diff)
		}
	}
	end(a.text("id"), "extend", `{"ttl_seconds":60}`, "settled")

	b := hold(`,"ttl_seconds":3600`).text("id")
	if extended := end(b, "extend", `{"ttl_seconds":30}`, "held"); extended["expires_at"] != "2026-03-04T12:00:30Z" {
		t.Errorf("%v", extended)
	}
	end(b, "release", "", "released") // also without a body
	end(b, "settle", `{"amount":10}`, "released")

	c := hold(`,"ttl_seconds":1`).text("id")
	w.advance(time.Minute)
	end(c, "extend", `{"ttl_seconds":30}`, "expired")
	end(c, "settle", `{"amount":10}`, "settled_late")
	if used := w.used(alice); used != 22 {
		t.Errorf("%v used", used)
	}
	for _, id := range []string{"res_0", "x", "res_00000000000000000000000000000000"} {
		w.call("POST", "/service/reservations/"+id+"/settle", key, `{"amount":1}`).want(404, "not_found")
		w.call("POST", "/service/reservations/"+id+"/release", key, `{}`).want(404, "not_found")
		w.call("POST", "/service/reservations/"+id+"/extend", key, `{"ttl_seconds":1}`).want(404, "not_found")
	}
}

func TestServiceScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	for _, scope := range []string{"introspect", "authz", "messages"} {
		_, key := w.serviceKey(`{"name":"k","scopes":["` + scope + `"]}`)
		a := w.call("POST", "/service/consume", key, consumption(alice.id, 1)).want(403, "forbidden")
		if challenge := a.header.Get("WWW-Authenticate"); !strings.Contains(challenge, `error="insufficient_scope", scope="meter"`) {
			t.Errorf("%q", challenge)
		}
		w.call("POST", "/service/reservations", key, consumption(alice.id, 1)).want(403, "forbidden")
	}
	if used := w.used(alice); used != 0 {
		t.Errorf("%v used", used)
	}
}

// A service is not slowed down by the limit on principals, nor is it let in from
// where its key must not be used.
func TestServices_LimitsAndAddresses(t *testing.T) {
	t.Parallel()
	refuse := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	}
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, key := w.serviceKey(`{"name":"k"}`)
	_, elsewhere := w.serviceKey(`{"name":"k","allowed_ips":["192.0.2.0/24"]}`)
	w.restart(func(c *httpapi.Config) { c.LimitByPrincipal = refuse })
	w.call("POST", "/service/consume", key, consumption(alice.id, 1)).want(200, "")
	w.call("POST", "/service/consume", elsewhere, consumption(alice.id, 1)).want(403, "ip_not_allowed")
	if a := w.call("GET", "/auth/me", alice.access, ""); a.status != http.StatusTeapot {
		t.Errorf("a user: %d", a.status)
	}
}

func TestServiceJWKS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	a, b := w.call("GET", "/service/jwks.json", "", "").want(200, ""), w.call("GET", "/.well-known/jwks.json", "", "").want(200, "")
	if a.body != b.body || a.header.Get("Content-Type") != "application/jwk-set+json" || a.header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%v %s", a.header, a.body)
	}
	w.call("POST", "/service/jwks.json", "", "{}").want(405, "method_not_allowed")
}
