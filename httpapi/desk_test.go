package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
)

func TestTheDesk_ShowsAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, agent, root := w.register("alice"), w.member(store.StaffAgent), w.admin()
	w.call("POST", "/admin/users/"+alice.id+"/credits", root.access, `{"amount":1000,"reason":"thanks"}`).want(201, "")
	w.call("PATCH", "/admin/users/"+alice.id+"/limits", root.access,
		`{"limits":[{"meter":"conversations","window":"day","limit":null},{"meter":"conversations","window":"week","limit":0}],"reason":"x"}`).want(200, "")
	a := w.call("POST", "/staff/users/"+alice.id+"/suspend", agent.access, `{"reason":"abuse","until":"2026-03-05T12:00:00+01:00"}`).want(200, "")
	want := map[string]any{
		"id": alice.id, "username": "alice", "email": "alice@example.com", "email_verified": false, "display_name": "", "status": "suspended",
		"plan": "free", "time_zone": "UTC", "mfa_enabled": false, "metadata": map[string]any{},
		"created_at": "2026-03-04T12:00:00Z", "updated_at": "2026-03-04T12:00:00Z", "last_login_at": "2026-03-04T12:00:00Z",
		"suspended_reason": "abuse", "suspended_until": "2026-03-05T11:00:00Z", "locked_until": nil,
		"limits": []any{
			map[string]any{"meter": "conversations", "window": "day", "limit": nil},
			map[string]any{"meter": "conversations", "window": "week", "limit": 0.0},
		},
		"credits": map[string]any{"balance": 1000.0, "reserved": 0.0},
	}
	if diff := cmp.Diff(want, a.json()); diff != "" {
		t.Error("suspended (-want +got):", diff)
	}
	for _, where := range []struct {
		path string
		by   person
	}{{"/staff", agent}, {"/admin", root}} {
		if diff := cmp.Diff(want, w.call("GET", where.path+"/users/"+alice.id, where.by.access, "").want(200, "").json()); diff != "" {
			t.Errorf("%s (-want +got): %s", where.path, diff)
		}
		if diff := cmp.Diff([]map[string]any{want}, w.call("GET", where.path+"/users", where.by.access, "").want(200, "").items()); diff != "" {
			t.Errorf("the list of %s (-want +got): %s", where.path, diff)
		}
	}
	if me := w.signInCode("alice"); me != "account_suspended" {
		t.Errorf("alice signs in: %s", me)
	}
	// The end of a suspension comes by itself.
	w.advance(24 * time.Hour)
	agent = w.member(store.StaffAgent)
	want["status"], want["suspended_reason"], want["suspended_until"] = "active", "", nil
	if diff := cmp.Diff(want, w.call("GET", "/staff/users/"+alice.id, agent.access, "").want(200, "").json()); diff != "" {
		t.Error("a day later (-want +got):", diff)
	}
	w.call("POST", "/staff/users/"+alice.id+"/suspend", agent.access, `{"reason":"abuse","until":"2026-03-05T12:00:00Z"}`).want(422, "validation_failed")
}

// signInCode tries to sign in and returns the code of the refusal, "" for none.
func (w *world) signInCode(name string) string {
	w.t.Helper()
	code, _ := w.call("POST", "/auth/login", "", `{"username":"`+name+`","password":"`+password+`"}`).json()["code"].(string)
	return code
}

// What a user sees of his own is what the desk sees of it.
func TestTheDesk_SeesWhatTheUserSees(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, viewer, root := w.register("alice"), w.member(store.StaffViewer), w.admin()
	w.key(alice.access, `{"name":"k","limits":[{"meter":"conversations","window":"day","limit":3}]}`)
	_, service := w.serviceKey(`{"name":"k"}`)
	w.call("POST", "/service/consume", service, consumption(alice.id, 4)).want(200, "")
	w.call("POST", "/admin/users/"+alice.id+"/credits", root.access, `{"amount":5,"reason":"x"}`).want(201, "")
	for _, path := range []string{"/usage", "/usage/history", "/usage/history?meter=conversations&from=2026-03-04", "/credits", "/keys"} {
		own := w.call("GET", "/auth/me"+path, alice.access, "").want(200, "").body
		for router, by := range map[string]person{"/staff": viewer, "/admin": root} {
			if got := w.call("GET", router+"/users/"+alice.id+path, by.access, "").want(200, "").body; got != own {
				t.Errorf("%s of %s: %s\nand the user sees %s", path, router, got, own)
			}
		}
	}
	sessions := w.call("GET", "/staff/users/"+alice.id+"/sessions?total=true", viewer.access, "").want(200, "")
	if s := sessions.items(); len(s) != 1 || s[0]["id"] != alice.session || s[0]["current"] != false || sessions.json()["total"] != 1.0 {
		t.Errorf("%s", sessions.body)
	}
	w.call("GET", "/staff/users/"+alice.id+"/usage/history?from=yesterday", viewer.access, "").want(422, "validation_failed")
	w.call("GET", "/staff/users/"+alice.id+"/keys?limit=0", viewer.access, "").want(422, "validation_failed")
	// A cursor of one user's list is not one of another's.
	bob := w.register("bob")
	w.key(alice.access, `{"name":"l"}`)
	cursor := w.call("GET", "/staff/users/"+alice.id+"/keys?limit=1", viewer.access, "").want(200, "").text("next_cursor")
	w.call("GET", "/staff/users/"+bob.id+"/keys?limit=1&cursor="+cursor, viewer.access, "").want(400, "invalid_request")
	w.call("GET", "/staff/users/"+alice.id+"/keys?limit=1&cursor="+cursor, viewer.access, "").want(200, "")
}

func TestTheDesk_ListsUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root, viewer := w.admin(), w.member(store.StaffViewer)
	people := map[string]person{}
	for _, name := range []string{"cora", "anna", "bert", "anton"} {
		people[name] = w.register(name)
		w.advance(time.Second)
	}
	w.login("bert")
	w.call("POST", "/admin/users/"+people["anna"].id+"/suspend", root.access, `{"reason":"x"}`).want(200, "")
	names := func(a answer) (out []string) {
		for _, item := range a.items() {
			out = append(out, item["username"].(string))
		}
		return out
	}
	for query, want := range map[string]string{
		"": "anton bert anna cora", "?sort=-created_at": "anton bert anna cora", "?sort=created_at": "cora anna bert anton",
		"?sort=username": "anna anton bert cora", "?sort=-last_login_at": "bert anton anna cora",
		"?q=AN": "anna anton", "?q=anton%40ex": "anton", "?q=ert": "", "?q=%25": "", "?status=suspended": "anna", "?status=active": "anton bert cora",
		"?plan=free": "anton bert anna cora", "?plan=none": "", "?q=a&status=active": "anton", "?q=a&sort=username": "anna anton",
	} {
		for router, by := range map[string]person{"/staff": viewer, "/admin": root} {
			if got := strings.Join(names(w.call("GET", router+"/users"+query, by.access, "").want(200, "")), " "); got != want {
				t.Errorf("%s%s: %s, want %s", router, query, got, want)
			}
		}
	}
	for _, query := range []string{"?status=deleted", "?sort=email", "?q=a&sort=created_at", "?limit=201"} {
		w.call("GET", "/staff/users"+query, viewer.access, "").want(422, "validation_failed")
	}
	// Pages of a search, with a total.
	first := w.call("GET", "/staff/users?q=an&limit=1&total=true", viewer.access, "").want(200, "")
	if first.json()["total"] != 2.0 {
		t.Errorf("%s", first.body)
	}
	next := "/staff/users?limit=1&cursor=" + first.text("next_cursor")
	if got := names(w.call("GET", next+"&q=an", viewer.access, "").want(200, "")); !slices.Equal(got, []string{"anton"}) {
		t.Errorf("the second page: %v", got)
	}
	w.call("GET", next+"&q=a", viewer.access, "").want(400, "invalid_request")
	w.call("GET", next, viewer.access, "").want(400, "invalid_request")
}

// What Ceilings hide from staff is in no answer, in no search and behind no
// order; admins see it.
func TestTheDesk_HidesFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{api: func(c *httpapi.Config) {
		c.Ceilings.HiddenFields = []string{"email", "display_name", "metadata", "time_zone", "last_login_at"}
	}})
	root, lead := w.admin(), w.member(store.StaffLead)
	alice := w.register("alice")
	w.call("PATCH", "/auth/me", alice.access, `{"display_name":"Hush A","metadata":{"secret":"hush"},"time_zone":"Asia/Tokyo"}`).want(200, "")
	path := "/users/" + alice.id
	for _, at := range []string{path, "/users", "/users?q=al", path + "/audit"} {
		staff, admin := w.call("GET", "/staff"+at, lead.access, "").want(200, "").body, w.call("GET", "/admin"+at, root.access, "").want(200, "").body
		for _, hidden := range []string{"alice@example.com", "ush", "Tokyo"} {
			if strings.Contains(staff, hidden) {
				t.Errorf("%s shows %q to staff: %s", at, hidden, staff)
			}
			if hidden != "alice@example.com" && !strings.Contains(admin, hidden) {
				t.Errorf("%s does not show %q to admins: %s", at, hidden, admin)
			}
		}
	}
	view := w.call("GET", "/staff"+path, lead.access, "").want(200, "").json()
	want := map[string]any{"email": "", "display_name": "", "metadata": map[string]any{}, "time_zone": "", "last_login_at": nil, "username": "alice"}
	for field, value := range want {
		if diff := cmp.Diff(value, view[field]); diff != "" {
			t.Errorf("%s: %s", field, diff)
		}
	}
	// Also where a change shows the user.
	if a := w.call("POST", "/staff"+path+"/suspend", lead.access, `{"reason":"x"}`).want(200, ""); strings.Contains(a.body, "alice@") {
		t.Errorf("suspend shows %s", a.body)
	}
	if items := w.call("GET", "/staff/users?q=alice%40ex", lead.access, "").want(200, "").items(); len(items) != 0 {
		t.Errorf("an address that is hidden is found: %v", items)
	}
	if items := w.call("GET", "/admin/users?q=alice%40ex", root.access, "").want(200, "").items(); len(items) != 1 {
		t.Errorf("an admin does not find an address: %v", items)
	}
	w.call("GET", "/staff/users?sort=-last_login_at", lead.access, "").want(422, "validation_failed")
	w.call("GET", "/admin/users?sort=-last_login_at", root.access, "").want(200, "")
}

// TestCase_LK_07_Unlock locks a user's name from away and on a device that he
// knows, and unlocks both at once.
func TestCase_LK_07_Unlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	agent := w.member(store.StaffAgent)
	alice := w.register("alice")
	w.register("bob") // both know 127.0.0.1
	fail := func(name string) {
		for range 10 {
			w.call("POST", "/auth/login", "", `{"username":"`+name+`","password":"wrong"}`).want(401, "invalid_credentials")
		}
	}
	fail("alice")
	fail("bob")
	rule := store.SignInRule{Limit: 10, Window: 15 * time.Minute}
	for range 11 { // as from an address that she does not know
		_, err := w.store.SignInAttempt(t.Context(), "user:"+alice.id, rule, w.clock())
		must(t, err)
	}
	if code := w.signInCode("alice"); code != "account_locked" {
		t.Fatalf("after ten failures: %q", code)
	}
	path := "/staff/users/" + alice.id
	if until := w.call("GET", path, agent.access, "").want(200, "").json()["locked_until"]; until != "2026-03-04T12:15:00Z" {
		t.Errorf("locked until %v", until)
	}
	if until := w.call("POST", path+"/unlock", agent.access, `{"reason":"she called"}`).want(200, "").json()["locked_until"]; until != nil {
		t.Errorf("unlocked, and locked until %v", until)
	}
	if code := w.signInCode("alice"); code != "" {
		t.Errorf("after unlocking: %q", code)
	}
	if code := w.signInCode("bob"); code != "account_locked" {
		t.Errorf("bob was unlocked too: %q", code)
	}
	w.call("POST", path+"/unlock", agent.access, `{"reason":"again"}`).want(200, "") // nothing is locked
	rows := w.events("user.unlock")
	if len(rows) != 1 || rows[0].ActorID != agent.id || rows[0].Target.ID != alice.id || rows[0].Detail.Reason != "she called" {
		t.Errorf("%+v", rows)
	}
}

// TestCase_RT_08_TheDeskRevokes does each thing that ends credentials while they
// are warm in the cache, and asks again at once.
func TestCase_RT_08_TheDeskRevokes(t *testing.T) {
	t.Parallel()
	for router, by := range map[string]func(*world) person{
		"/staff": func(w *world) person { return w.member(store.StaffAgent) }, "/admin": (*world).admin,
	} {
		t.Run(router, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{})
			helper, alice := by(w), w.register("alice")
			id, key := w.key(alice.access, `{"name":"k","scopes":["account:read"]}`)
			_, other := w.key(alice.access, `{"name":"l","scopes":["account:read"]}`)
			says := func(who person) string {
				var out []string
				for _, credential := range []string{who.access, key, other} {
					out = append(out, fmt.Sprint(w.call("GET", "/auth/me", credential, "").status))
				}
				code, _ := w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+who.refresh+`"}`).json()["code"].(string)
				return strings.Join(append(out, code), " ")
			}
			do := func(method, path, body string, status int) {
				t.Helper()
				w.call(method, router+"/users/"+alice.id+path, helper.access, body).want(status, "")
			}
			check := func(what string, who person, want string) {
				t.Helper()
				if got := says(who); got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
			}
			check("before", alice, "200 200 200 ")
			do("POST", "/suspend", `{"reason":"abuse"}`, 200)
			check("suspended", alice, "401 401 401 invalid_token")
			do("POST", "/reactivate", `{"reason":"a mistake"}`, 200)
			check("reactivated: keys come back, sessions do not", alice, "401 200 200 invalid_token")
			alice = w.login("alice")
			check("signed in anew", alice, "200 200 200 ")
			do("DELETE", "/keys/"+id, `{"reason":"leaked"}`, 204)
			check("a key is revoked", w.login("alice"), "200 401 200 ")
			alice = w.login("alice")
			check("warm", alice, "200 401 200 ")
			do("POST", "/sessions/revoke", `{"reason":"lost phone"}`, 204)
			check("sessions are ended", alice, "401 401 200 invalid_token")
		})
	}
}

// Another user's key, or one that nobody has, is not there.
func TestTheDesk_RevokesKeysOfTheUserOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	agent, alice, bob := w.member(store.StaffAgent), w.register("alice"), w.register("bob")
	id, key := w.key(bob.access, `{"name":"k","scopes":["account:read"]}`)
	for _, other := range []string{id, "key_00000000000000000000000000000000"} {
		w.call("DELETE", "/staff/users/"+alice.id+"/keys/"+other, agent.access, `{"reason":"x"}`).want(404, "not_found")
		w.call("POST", "/staff/users/"+alice.id+"/keys/"+other+"/delete", agent.access, `{"reason":"x"}`).want(404, "not_found")
	}
	w.call("GET", "/auth/me", key, "").want(200, "")
}

// A plan's limit, the user's own in its place, and the plan's again reach the
// next unit, with a warm cache.
func TestTheDesk_LimitsReachTheNextUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	lead, alice := w.member(store.StaffLead), w.register("alice")
	_, service := w.serviceKey(`{"name":"k"}`)
	path := "/staff/users/" + alice.id + "/limits"
	w.call("POST", "/service/consume", service, consumption(alice.id, 2)).want(200, "")
	set := func(limit string) {
		t.Helper()
		w.call("PATCH", path, lead.access, `{"limits":[{"meter":"conversations","window":"day",`+limit+`}],"reason":"x"}`).want(200, "")
	}
	set(`"limit":2`)
	w.call("POST", "/service/consume", service, consumption(alice.id, 1)).want(429, "quota_exceeded")
	set(`"limit":3`)
	w.call("POST", "/service/consume", service, consumption(alice.id, 1)).want(200, "")
	w.call("POST", "/service/consume", service, consumption(alice.id, 1)).want(429, "quota_exceeded")
	set(`"inherit":true`)
	w.call("POST", "/service/consume", service, consumption(alice.id, 97)).want(200, "")
	w.call("POST", "/service/consume", service, consumption(alice.id, 1)).want(429, "quota_exceeded")
	for _, limit := range []string{`"limit":1,"inherit":true`, `"inherit":false`, `"limit":-1`, `"limit":1.5`} {
		w.call("PATCH", path, lead.access, `{"limits":[{"meter":"conversations","window":"day",`+limit+`}],"reason":"x"}`).want(422, "validation_failed")
	}
	w.call("PATCH", path, lead.access, `{"limits":[{"meter":"pages","window":"day","limit":1}],"reason":"x"}`).want(422, "validation_failed")
	w.call("PATCH", path, lead.access, `{"limits":null,"reason":"x"}`).want(422, "validation_failed")
}

// TestCase_R5_AResetLeavesTheWindow starts a used-up meter anew in the middle of
// the day: all of the limit is there again, and the day ends when it would have.
func TestCase_R5_AResetLeavesTheWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, service := w.serviceKey(`{"name":"k"}`)
	w.call("POST", "/service/consume", service, consumption(alice.id, 100)).want(200, "")
	w.call("POST", "/service/consume", service, consumption(alice.id, 1)).want(429, "quota_exceeded")
	w.advance(90 * time.Minute)
	lead := w.member(store.StaffLead)
	path := "/staff/users/" + alice.id
	day := func() map[string]any {
		meters := w.call("GET", path+"/usage", lead.access, "").want(200, "").json()["meters"].([]any)
		return meters[0].(map[string]any)
	}
	before := day()
	w.call("POST", path+"/usage/reset", lead.access, `{"meter":"conversations","reason":"our fault"}`).want(204, "")
	after := day()
	if before["used"] != 100.0 || after["used"] != 0.0 || before["resets_at"] != after["resets_at"] || after["resets_at"] != "2026-03-05T00:00:00Z" {
		t.Errorf("before %v, after %v", before, after)
	}
	w.call("POST", "/service/consume", service, consumption(alice.id, 100)).want(200, "")
	w.call("POST", "/service/consume", service, consumption(alice.id, 1)).want(429, "quota_exceeded")
	for _, body := range []string{`{"meter":"pages","reason":"x"}`, `{"meter":"","reason":"x"}`, `{"reason":"x"}`} {
		w.call("POST", path+"/usage/reset", lead.access, body).want(422, "validation_failed")
	}
}

// TestTheDesk_ReadsMessages finds a row for each reading by others, and none for
// the user's own.
func TestTheDesk_ReadsMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, agent, root := w.register("alice"), w.member(store.StaffAgent), w.admin()
	for _, conversation := range []string{"c1", "c2"} {
		_, err := w.messages.Append(t.Context(), store.Message{ConversationID: conversation, UserID: alice.id, Username: "alice",
			Request: json.RawMessage(`[{"role":"user","content":"hello"}]`)})
		must(t, err)
	}
	own := w.call("GET", "/auth/me/messages?conversation_id=c1", alice.access, "").want(200, "").body
	for router, by := range map[string]person{"/staff": agent, "/admin": root} {
		if got := w.call("GET", router+"/users/"+alice.id+"/messages?conversation_id=c1", by.access, "").want(200, "").body; got != own {
			t.Errorf("%s: %s\nand the user sees %s", router, got, own)
		}
	}
	w.call("GET", "/staff/users/"+alice.id+"/messages?limit=1", agent.access, "").want(200, "")
	var got []string
	for _, e := range w.events("message.read") {
		got = append(got, fmt.Sprintf("%s %s %s %s", e.ActorID, e.Target.Kind, e.Target.ID, e.Detail.Changes))
	}
	in := `{"conversation_id":{"from":null,"to":"c1"}}`
	want := []string{agent.id + " user " + alice.id + " " + in, root.id + " user " + alice.id + " " + in, agent.id + " user " + alice.id + " "}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("the trail (-want +got):", diff)
	}
}

// noTrail is a store in which the trail cannot be written once told so.
type noTrail struct {
	store.Store
	broken *bool
}

func (s noTrail) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	return s.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		return fn(ctx, queriesWithoutTrail{q, s.broken})
	})
}

type queriesWithoutTrail struct {
	store.Queries
	broken *bool
}

func (q queriesWithoutTrail) AuditInsert(ctx context.Context, events []store.AuditEvent, link store.AuditLink) error {
	if *q.broken {
		return store.Unavailable(errors.New("no trail"))
	}
	return q.Queries.AuditInsert(ctx, events, link)
}

// Where the reading cannot be noted, nothing is shown.
func TestTheDesk_ShowsNoMessageThatItCannotNote(t *testing.T) {
	t.Parallel()
	broken := false
	w := newWorld(t, settings{store: func(s store.Store) store.Store { return noTrail{s, &broken} }})
	alice, agent := w.register("alice"), w.member(store.StaffAgent)
	_, err := w.messages.Append(t.Context(), store.Message{UserID: alice.id, Request: json.RawMessage(`[{"role":"user","content":"hello"}]`)})
	must(t, err)
	path := "/staff/users/" + alice.id + "/messages"
	w.call("GET", path, agent.access, "").want(200, "")
	broken = true
	if a := w.call("GET", path, agent.access, "").want(503, "unavailable"); strings.Contains(a.body, "hello") {
		t.Errorf("%s", a.body)
	}
	w.call("GET", "/auth/me/messages", alice.access, "").want(200, "") // one's own are not noted
}

// Staff does not read messages where the ceilings say so; admins do.
func TestTheDesk_MessagesMayBeClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{api: func(c *httpapi.Config) { c.Ceilings.ReadMessages = false }})
	alice, lead := w.register("alice"), w.member(store.StaffLead)
	w.call("GET", "/staff/users/"+alice.id+"/messages", lead.access, "").want(403, "forbidden")
	if denials := w.denials(); !slices.Equal(denials, []string{"message.read " + alice.id}) {
		t.Errorf("denials %v", denials)
	}
	w.call("GET", "/admin/users/"+alice.id+"/messages", w.admin().access, "").want(200, "")
	if rows := w.events("message.read"); len(rows) != 2 || rows[0].Target.Kind != "user" {
		t.Errorf("%+v", rows)
	}
}

// The mail that a reset is made of cannot be sent: that is said to whoever may
// ask, of users who are there.
func TestTheDesk_ResetsPasswordsByMailOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	path := "/staff/users/" + alice.id + "/password-reset"
	w.call("POST", path, w.member(store.StaffViewer).access, `{"reason":"x"}`).want(403, "forbidden")
	agent := w.member(store.StaffAgent)
	w.call("POST", path, agent.access, `{}`).want(422, "reason_required")
	w.call("POST", path, agent.access, `{"reason":"x","password":"y"}`).want(422, "validation_failed")
	w.call("POST", "/staff/users/usr_0/password-reset", agent.access, `{"reason":"x"}`).want(404, "not_found")
	w.call("POST", path, agent.access, `{"reason":"x"}`).want(409, "mail_not_configured")
	w.login("alice")
}
