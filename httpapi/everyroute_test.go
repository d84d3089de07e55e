package httpapi_test

import (
	"database/sql"
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// bodies are good bodies, by operation. An operation that takes one and is not
// here fails the tests that go through all of them.
var bodies = union(bodiesOfUsers, bodiesOfOperators, bodiesOfPeople, bodiesOfServices, bodiesOfOperations, bodiesOfDesk, bodiesOfAccounts)

func union(all ...map[string]string) map[string]string {
	out := make(map[string]string)
	for _, one := range all {
		maps.Copy(out, one)
	}
	return out
}

var bodiesOfUsers = map[string]string{
	"register":          `{"username":"carol","email":"carol@example.com","password":"` + password + `"}`,
	"login":             `{"username":"alice","password":"` + password + `"}`,
	"refresh":           `{"refresh_token":"REFRESH"}`,
	"update-me":         `{"display_name":"A"}`,
	"change-password":   `{"current_password":"` + password + `","new_password":"a longer walk at dawn"}`,
	"delete-me":         `{"password":"` + password + `"}`,
	"delete-me-by-post": `{"password":"` + password + `"}`,
	"create-key":        `{"name":"k"}`,
	"update-key":        `{"name":"other"}`,
	"rotate-key":        `{}`,
}

var bodiesOfOperators = map[string]string{
	"login-admin":        `{"username":"root","password":"` + adminPassword + `"}`,
	"refresh-admin":      `{"refresh_token":"ADMIN"}`,
	"login-staff":        `{"username":"helper-3","password":"` + adminPassword + `"}`,
	"refresh-staff":      `{"refresh_token":"STAFF"}`,
	"create-service-key": `{"name":"k"}`,
}

var bodiesOfServices = map[string]string{
	"consume":             `{"subject":"usr_1","meter":"conversations","amount":1}`,
	"reserve":             `{"subject":"usr_1","meter":"conversations","amount":1}`,
	"settle-reservation":  `{"amount":1}`,
	"release-reservation": `{}`,
	"extend-reservation":  `{"ttl_seconds":60}`,
	"log-messages":        `{"messages":[{"user_id":"usr_1"}]}`,
}

// everyRoute calls fn with each operation of the document, and a good body.
func (w *world) everyRoute(fn func(method, path, body string, op operation)) {
	w.t.Helper()
	called := 0
	documentOf(w.t, w.api).operations(func(method, path string, op operation) {
		body, known := bodies[op.OperationID]
		if op.RequestBody != nil && !known {
			w.t.Errorf("%s %s takes a body, and bodies has none for it", method, path)
		}
		called++
		fn(method, path, body, op)
	})
	if called == 0 {
		w.t.Fatal("the document has no operations")
	}
}

// cast holds a credential of each kind.
type cast struct {
	user, staff, admin person // the member of staff is a lead
	service            string // a service key
}

// newCast signs a user and an admin in.
func (w *world) newCast(user person) cast {
	w.t.Helper()
	_, service := w.serviceKey(`{"name":"k"}`)
	return cast{user, w.member(store.StaffLead), w.admin(), service}
}

// credential is what the operation asks for, or none.
func (c cast) credential(op operation) string {
	if len(op.Security) == 0 {
		return ""
	}
	for scheme, credential := range map[string]string{"staff": c.staff.access, "admin": c.admin.access, "service": c.service} {
		if _, asked := op.Security[0][scheme]; asked {
			return credential
		}
	}
	return c.user.access
}

// body fills the refresh tokens in.
func (c cast) body(body string) string {
	return strings.NewReplacer("REFRESH", c.user.refresh, "ADMIN", c.admin.refresh, "STAFF", c.staff.refresh).Replace(body)
}

// TestCase_HT_11_EveryRouteWithoutADatabase closes the database, and takes the
// tables away: an answer that needs it is a problem with an id that says nothing
// of the inside, whether the caller is known still or not.
func TestCase_HT_11_EveryRouteWithoutADatabase(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct {
		name   string
		status int
		code   string
		cause  func(t *testing.T, path string, s store.Store)
	}{
		{"closed", http.StatusServiceUnavailable, "unavailable", func(t *testing.T, _ string, s store.Store) { must(t, s.Close()) }},
		{"without tables", http.StatusInternalServerError, "internal", func(t *testing.T, path string, _ store.Store) { dropTables(t, path) }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "CANARY.db")
			w := newWorld(t, settings{store: func(store.Store) store.Store {
				s, err := sqlite.Open(t.Context(), path, nil)
				must(t, err)
				t.Cleanup(func() { must(t, s.Close()) })
				return s
			}})
			known, unknown := w.newCast(w.register("alice")), w.newCast(w.login("alice"))
			w.call("GET", "/auth/me", known.user.access, "").want(200, "") // and remembered
			w.call("GET", "/staff/me", known.staff.access, "").want(200, "")
			w.call("GET", "/admin/me", known.admin.access, "").want(200, "")
			w.call("POST", "/service/consume", known.service, "{}").want(422, "validation_failed")
			fault.cause(t, path, w.store)
			w.everyRoute(func(method, path, body string, op operation) {
				if op.OperationID == "get-jwks" {
					return // it needs no database
				}
				if strings.HasPrefix(op.OperationID, "delete-messages") {
					path += "?before=2026-01-01"
				}
				path = strings.ReplaceAll(path, "/tasks/{id}", "/tasks/sessions.purge") // names are known without a database
				path = strings.ReplaceAll(path, "{id}", "res_00000000000000000000000000000000")
				for name, c := range map[string]cast{"known": known, "unknown": unknown} {
					status, code := fault.status, fault.code
					if name == "unknown" && c.credential(op) != "" {
						status, code = http.StatusServiceUnavailable, "unavailable" // nobody can tell whose it is
					}
					a := w.call(method, path, c.credential(op), c.body(body))
					if a.status != status || a.text("code") != code || a.text("request_id") != "request-1" ||
						a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Cache-Control") != "no-store" {
						t.Errorf("%s %s, %s: %d %v %s", method, path, name, a.status, a.header, a.body)
					}
					if (a.header.Get("Retry-After") != "") != (a.status == 503) {
						t.Errorf("%s %s: Retry-After %q with %d", method, path, a.header.Get("Retry-After"), a.status)
					}
					for _, inside := range []string{"canary", "sql", "table", "column", "closed", "goroutine", ".go", ".db", "/tmp", password, known.user.access} {
						if strings.Contains(strings.ToLower(a.body), inside) {
							t.Errorf("%s %s says %q: %s", method, path, inside, a.body)
						}
					}
				}
			})
		})
	}
}

// dropTables takes away what every statement needs.
func dropTables(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open(sql.Drivers()[0], path)
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(t.Context(), `ATTACH ?1 AS messages`, sqlite.MessagesPath(path))
	must(t, err)
	for _, table := range []string{
		"users", "identifiers", "password_hashes", "sessions", "refresh_tokens", "api_keys", "plans", "usage", "message_logs",
		"sign_in_failures", "audit_events", "change_feed", "admins", "support_staff", "service_keys", "settings",
		"deleted_users", "ledger_entries", "balances", "reservations", "idempotency_records", "task_runs",
	} {
		_, err := db.ExecContext(t.Context(), `ALTER TABLE `+table+` RENAME TO canary_`+table)
		must(t, err)
	}
}

// TestCase_AZ_01_OthersInTheQuery gives every list another's ids in every
// parameter that it has of its own: the answer is that for an id nobody has.
func TestCase_AZ_01_OthersInTheQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, bob := w.register("alice"), w.register("bob")
	key, _ := w.key(bob.access, `{"name":"k"}`)
	message, err := w.messages.Append(t.Context(), store.Message{ConversationID: "c1", UserID: bob.id, Username: "bob"})
	must(t, err)
	asked := 0
	w.everyRoute(func(method, path, _ string, op operation) {
		for _, p := range op.Parameters {
			if p.In != "query" || slices.Contains([]string{"limit", "sort", "total"}, p.Name) {
				continue
			}
			want := w.call(method, path+"?"+p.Name+"=nobody", alice.access, "")
			for _, id := range []string{bob.id, key, bob.session, message.ID, "c1", "bob"} {
				got := w.call(method, path+"?"+p.Name+"="+id, alice.access, "")
				if asked++; got.status != want.status || got.body != want.body {
					t.Errorf("%s %s?%s=%s: %d %s\nfor nobody: %d %s", method, path, p.Name, id, got.status, got.body, want.status, want.body)
				}
			}
		}
	})
	if asked == 0 {
		t.Fatal("no list was asked")
	}
	// A cursor of one's own is nobody else's.
	w.key(bob.access, `{"name":"second"}`)
	cursor := w.call("GET", "/auth/me/keys?limit=1", bob.access, "").want(200, "").text("next_cursor")
	w.call("GET", "/auth/me/keys?limit=1&cursor="+cursor, bob.access, "").want(200, "")
	w.call("GET", "/auth/me/keys?limit=1&cursor="+cursor, alice.access, "").want(400, "invalid_request")
}

// TestCase_AZ_05_AZ_08_EveryBody adds what a client must not decide to the body
// of every route, in every spelling and twice. All are refused by name, and
// nothing is changed: no address is verified by its owner.
func TestCase_AZ_05_AZ_08_EveryBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	cast := w.newCast(alice)
	id, _ := w.key(alice.access, `{"name":"k"}`)
	before, err := w.store.UserGet(t.Context(), alice.id)
	must(t, err)
	extras := map[string]string{
		"role": `"admin"`, "is_admin": `true`, "credits": `1000000000`, "email_verified": `true`, "verified": `true`, "id": `1`,
		"user_id": `"usr_1"`, "deleted_at": `null`, "password_hash": `"x"`, "tenant": `"t"`, "plan": `"pro"`, "mfa_enabled": `false`,
		"created_at": `"2020-01-01T00:00:00Z"`, "permissions": `["owner"]`, "balance": `1`, "status": `"active"`,
	}
	w.everyRoute(func(method, path, body string, op operation) {
		if op.RequestBody == nil || op.streams() {
			return
		}
		path = strings.ReplaceAll(path, "{id}", id)
		send := func(member string) {
			t.Helper()
			full := strings.TrimPrefix(cast.body(body), "{")
			if full != "}" {
				full = "," + full
			}
			a := w.call(method, path, cast.credential(op), "{"+member+full)
			a.want(http.StatusUnprocessableEntity, "validation_failed")
		}
		members := op.members(t, w)
		for _, name := range slices.Sorted(maps.Keys(extras)) {
			for _, spelled := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
				if _, known := members[spelled]; !known { // admins do decide some of it
					send(`"` + spelled + `":` + extras[name])
				}
			}
			send(`"` + name + `":` + extras[name] + `,"` + name + `":` + extras[name])
		}
		for name := range members { // what the route does know, in another case and twice
			send(`"` + strings.ToUpper(name) + `":"x"`)
			send(`"` + name + `":"x","` + name + `":"x"`)
		}
	})
	after, err := w.store.UserGet(t.Context(), alice.id)
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error("the account changed:", diff)
	}
	if after.EmailVerified {
		t.Error("the address is verified")
	}
	w.call("POST", "/auth/login", "", bodies["login"]).want(200, "")
	w.call("POST", "/auth/register", "", bodies["register"]).want(201, "") // the name is still free
}

// members returns those of the operation's body.
func (op operation) members(t *testing.T, w *world) map[string]any {
	t.Helper()
	ref, _ := op.RequestBody.Content["application/json"].Schema["$ref"].(string)
	var s struct{ Properties map[string]any }
	must(t, json.Unmarshal(documentOf(t, w.api).Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")], &s))
	if len(s.Properties) == 0 && op.OperationID != "release-reservation" {
		t.Errorf("the body of %s has no members", op.OperationID)
	}
	return s.Properties
}
