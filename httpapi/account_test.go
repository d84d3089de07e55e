package httpapi_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/account"
)

var (
	sessionMembers = []string{"access_token", "expires_in", "kind", "refresh_expires_in", "refresh_token", "session_id", "token_type", "user"}
	userMembers    = []string{"created_at", "display_name", "email", "email_verified", "id", "last_login_at", "metadata",
		"mfa_enabled", "plan", "status", "time_zone", "updated_at", "username"}
)

func members(t *testing.T, what string, v map[string]any, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(v))); diff != "" {
		t.Errorf("%s (-want +got): %s", what, diff)
	}
}

func TestAccount_Lifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	a := w.call("POST", "/auth/register", "", `{"username":"Alice","email":"Alice@Example.com","password":"`+password+`",
		"display_name":"Alice A.","time_zone":"Europe/Berlin"}`).want(http.StatusCreated, "")
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Request-ID") != "request-1" {
		t.Errorf("headers %v", a.header)
	}
	session := a.json()
	members(t, "Session", session, sessionMembers)
	user, _ := session["user"].(map[string]any)
	members(t, "User", user, userMembers)
	for member, want := range map[string]any{
		"username": "alice", "email": "Alice@Example.com", "email_verified": false, "display_name": "Alice A.", "status": "active",
		"plan": "free", "time_zone": "Europe/Berlin", "mfa_enabled": false, "last_login_at": "2026-03-04T12:00:00Z", "created_at": "2026-03-04T12:00:00Z",
	} {
		if user[member] != want {
			t.Errorf("%s is %v, want %v", member, user[member], want)
		}
	}
	if session["token_type"] != "Bearer" || session["expires_in"] != 600.0 || session["refresh_expires_in"] != 1209600.0 || session["kind"] != "user" {
		t.Errorf("session %v", session)
	}

	alice := w.login("ALICE@example.com")
	if got := w.call("GET", "/auth/me", alice.access, "").want(200, "").json(); got["last_login_at"] != "2026-03-04T12:00:00Z" {
		t.Errorf("last_login_at is %v", got["last_login_at"])
	}
	next := w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+alice.refresh+`"}`).want(200, "")
	if next.text("refresh_token") == alice.refresh || next.text("session_id") != alice.session {
		t.Error("refresh gives no successor")
	}
	w.call("GET", "/auth/me", next.text("access_token"), "").want(200, "")

	w.call("DELETE", "/auth/me", alice.access, `{}`).want(422, "validation_failed")
	w.call("DELETE", "/auth/me", alice.access, `{"password":"not this one"}`).want(401, "invalid_credentials")
	if gone := w.call("DELETE", "/auth/me", alice.access, `{"password":"`+password+`"}`).want(204, ""); gone.body != "" {
		t.Errorf("204 with %q", gone.body)
	}
	w.call("GET", "/auth/me", alice.access, "").want(401, "invalid_token")
	w.call("POST", "/auth/login", "", `{"username":"alice","password":"`+password+`"}`).want(401, "invalid_credentials")
	w.call("POST", "/auth/register", "", `{"username":"alice","email":"new@example.com","password":"`+password+`"}`).want(409, "username_taken")
}

func TestAccount_DeleteByPost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	w.call("POST", "/auth/me/delete", alice.access, `{"password":"`+password+`"}`).want(204, "")
	w.call("GET", "/auth/me", alice.access, "").want(401, "invalid_token")
}

func TestAccount_RegisterRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.register("alice")
	for _, row := range []struct {
		name, body, code string
		status           int
	}{
		{"taken name", `{"username":"ALICE","email":"x@example.com","password":"` + password + `"}`, "username_taken", 409},
		{"taken address", `{"username":"bob","email":"ALICE@EXAMPLE.com","password":"` + password + `"}`, "email_taken", 409},
		{"no address", `{"username":"bob","email":"","password":"` + password + `"}`, "validation_failed", 422},
		{"bad name", `{"username":"b","email":"x@example.com","password":"` + password + `"}`, "validation_failed", 422},
		{"weak password", `{"username":"bob","email":"x@example.com","password":"password1"}`, "weak_password", 422},
		{"PW-09 long password", `{"username":"bob","email":"x@example.com","password":"` + strings.Repeat("p", 1<<19) + `"}`, "validation_failed", 422},
		{"null for an optional", `{"username":"bob","email":"x@example.com","password":"` + password + `","time_zone":null}`, "validation_failed", 422},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := w.call("POST", "/auth/register", "", row.body)
			a.t = t
			if a.status != row.status || a.text("code") != row.code {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	missing := w.call("POST", "/auth/register", "", `{"username":"bob"}`).want(422, "validation_failed")
	if !strings.Contains(missing.body, `"field":"email","rule":"required"`) || !strings.Contains(missing.body, `"field":"password","rule":"required"`) {
		t.Errorf("what is missing is not named: %s", missing.body)
	}
}

func TestCase_AZ_13_FeaturesOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{account: func(c *account.Config) { c.RegistrationClosed, c.PasswordLoginDisabled = true, true }})
	w.call("POST", "/auth/register", "", `{"username":"bob","email":"x@example.com","password":"`+password+`"}`).want(403, "forbidden")
	w.call("POST", "/auth/login", "", `{"username":"bob","password":"`+password+`"}`).want(403, "forbidden")
}

func TestAccount_Patch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice").access
	patch := func(body string) answer { return w.call("PATCH", "/auth/me", alice, body) }

	a := patch(`{"display_name":"A","metadata":{"a":{"b":[1,"x",null]}}}`).want(200, "")
	if !strings.Contains(a.body, `"metadata":{"a":{"b":[1,"x",null]}}`) || a.text("display_name") != "A" {
		t.Errorf("got %s", a.body)
	}
	if a = patch(`{}`).want(200, ""); a.text("display_name") != "A" {
		t.Error("an absent member changed")
	}
	if a = patch(`{"display_name":null,"metadata":null}`).want(200, ""); a.text("display_name") != "" || !strings.Contains(a.body, `"metadata":{}`) {
		t.Errorf("null does not clear: %s", a.body)
	}
	patch(`{"time_zone":null}`).want(422, "validation_failed")
	patch(`{"metadata":[]}`).want(422, "validation_failed")
	patch(`{"metadata":{"x":"`+strings.Repeat("x", 17<<10)+`"}}`).want(422, "validation_failed")
	patch(`{"time_zone":"Mars/Base"}`).want(422, "validation_failed")
	patch(`{"time_zone":"Asia/Tokyo"}`).want(200, "")
	if limited := patch(`{"time_zone":"Europe/Paris"}`).want(429, "rate_limited"); limited.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
}

// TestCase_AZ_05_MassAssignment sends what a client must not decide, in every
// spelling, and finds the account as it was.
func TestCase_AZ_05_MassAssignment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	before, err := w.store.UserGet(t.Context(), alice.id)
	must(t, err)
	extras := []string{
		`"role":"admin"`, `"is_admin":true`, `"credits":1000000000`, `"email_verified":true`, `"id":1`, `"deleted_at":null`,
		`"password_hash":"x"`, `"tenant":"t"`, `"plan":"pro"`, `"status":"active"`, `"mfa_enabled":false`, `"username":"root"`,
		`"created_at":"2020-01-01T00:00:00Z"`, `"limits":[]`, `"permissions":["owner"]`, `"__proto__":{"a":1}`,
	}
	for _, extra := range extras {
		name, value, _ := strings.Cut(extra, ":")
		for _, spelled := range []string{name, strings.ToUpper(name), name[:1] + strings.ToUpper(name[1:2]) + name[2:]} {
			w.call("PATCH", "/auth/me", alice.access, `{"display_name":"x",`+spelled+`:`+value+`}`).want(422, "validation_failed")
			if name == `"username"` {
				continue
			}
			w.call("POST", "/auth/register", "", `{"username":"bob","email":"b@example.com","password":"`+password+`",`+spelled+`:`+value+`}`).want(422, "validation_failed")
		}
	}
	for _, twice := range []string{
		`{"display_name":"a","display_name":"b"}`, `{"display_name":"a","Display_Name":"b"}`, `{"DISPLAY_NAME":"b"}`,
	} {
		w.call("PATCH", "/auth/me", alice.access, twice).want(422, "validation_failed")
	}
	after, err := w.store.UserGet(t.Context(), alice.id)
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error("the account changed:", diff)
	}
	w.call("POST", "/auth/register", "", `{"username":"bob","email":"b@example.com","password":"`+password+`"}`).want(201, "")
}

// TestCase_AZ_06_AmbiguousJSON sends documents that two parsers read
// differently.
func TestCase_AZ_06_AmbiguousJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.register("alice")
	for _, body := range []string{
		`{"username":"a","USERNAME":"alice","password":"` + password + `"}`,
		`{"username":"nobody","username":"alice","password":"` + password + `"}`,
		`{"username":"nobody","user\u006eame":"alice","password":"` + password + `"}`,
		`{"username":"alice","password":"` + password + `","x\u0000":1}`,
		`{"username\u0000":"alice","username":"alice","password":"` + password + `"}`,
		`{"username":"alice","password":"` + password + `","extra":1}`,
		`{"username":"alice","password":"` + password + `"}{"username":"bob"}`,
		`{"username":"alice","password":"` + password + `"} null`,
	} {
		w.call("POST", "/auth/login", "", body).want(422, "validation_failed")
	}
	for _, body := range []string{"{\"username\":\"alice\xff\",\"password\":\"" + password + `"}`, `{"username":"alice"`, `{'username':'alice'}`} {
		w.call("POST", "/auth/login", "", body).want(400, "invalid_request")
	}
}

// TestCase_EN_01_SignInTellsNothing compares the whole answers for a wrong
// password and for a name that nobody has.
func TestCase_EN_01_SignInTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.register("alice")
	attempt := func(name string) answer {
		a := w.call("POST", "/auth/login", "", `{"username":"`+name+`","password":"not this one"}`)
		a.header.Del("Date")
		return a
	}
	// The first and the eleventh: refused, then locked.
	for i := range 11 {
		known, unknown := attempt("alice"), attempt("nobody")
		if known.status != unknown.status || known.body != unknown.body || !cmp.Equal(known.header, unknown.header) {
			t.Fatalf("attempt %d: %d %v %s\nand %d %v %s", i+1, known.status, known.header, known.body, unknown.status, unknown.header, unknown.body)
		}
		want := 401
		if i == 10 {
			want = 429
		}
		if known.status != want {
			t.Fatalf("attempt %d: %d %s", i+1, known.status, known.body)
		}
	}
}

func TestCase_PW_13_ChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	other := w.login("alice")
	change := func(body string) answer { return w.call("POST", "/auth/me/password", alice.access, body) }

	change(`{"new_password":"a longer walk at dawn"}`).want(422, "validation_failed")
	change(``).want(422, "validation_failed")
	change(`{"current_password":"not this one","new_password":"a longer walk at dawn"}`).want(401, "invalid_credentials")
	change(`{"current_password":"`+password+`","new_password":"short"}`).want(422, "weak_password")
	w.call("GET", "/auth/me", alice.access, "").want(200, "")

	renewed := change(`{"current_password":"`+password+`","new_password":"a longer walk at dawn"}`).want(200, "")
	members(t, "Session", renewed.json(), sessionMembers)
	w.call("GET", "/auth/me", renewed.text("access_token"), "").want(200, "")
	for _, dead := range []person{alice, other} { // PW-14 on one instance
		w.call("GET", "/auth/me", dead.access, "").want(401, "invalid_token")
		w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+dead.refresh+`"}`).want(401, "invalid_token")
	}
	w.call("POST", "/auth/login", "", `{"username":"alice","password":"`+password+`"}`).want(401, "invalid_credentials")
}

func TestCase_PW_13_WrongCurrentPasswordsLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	for range 10 {
		w.call("POST", "/auth/me/password", alice.access, `{"current_password":"not this one","new_password":"a longer walk at dawn"}`).want(401, "invalid_credentials")
	}
	locked := w.call("POST", "/auth/me/password", alice.access, `{"current_password":"`+password+`","new_password":"a longer walk at dawn"}`).want(429, "account_locked")
	if locked.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
}
