package httpapi_test

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/usermgmt/usermgmt/store"
)

// TestCase_C3_RT_08_BulkEndsExactlyThose has verdicts of four users cached, and
// ends two of them in bulk: their tokens and keys are refused by the next request,
// and the others' are not.
func TestCase_C3_RT_08_BulkEndsExactlyThose(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"suspend", "delete"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{})
			root := w.admin().access
			var people []person
			var keys []string
			for _, name := range []string{"alice", "bob", "carol", "dave"} {
				p := w.register(name)
				_, key := w.key(p.access, `{"name":"k","scopes":["account:read"]}`)
				people, keys = append(people, p), append(keys, key)
			}
			asked := func(status func(i int) int) {
				t.Helper()
				for i, p := range people {
					for _, credential := range []string{p.access, keys[i]} {
						if a := w.call("GET", "/auth/me", credential, ""); a.status != status(i) {
							t.Errorf("user %d: %d %s", i, a.status, a.body)
						}
					}
				}
			}
			asked(func(int) int { return 200 })
			a := w.call("POST", "/admin/users/bulk", root,
				`{"ids":["`+people[0].id+`","nobody","`+people[2].id+`","`+people[0].id+`"],"action":"`+action+`","reason":"spam"}`).want(200, "")
			want := fmt.Sprintf(`{"items":[{"id":%q,"ok":true,"code":""},{"id":"nobody","ok":false,"code":"not_found"},{"id":%q,"ok":true,"code":""}]}`+"\n",
				people[0].id, people[2].id)
			if a.body != want {
				t.Errorf("%s\nwant %s", a.body, want)
			}
			asked(func(i int) int { return 200 + (1-i%2)*201 })
			for i, p := range people {
				if a := w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+p.refresh+`"}`); (a.status == 200) != (i%2 == 1) {
					t.Errorf("refresh %d: %d", i, a.status)
				}
			}
		})
	}
}

func TestBulkRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, root := w.register("alice"), w.admin().access
	for body, code := range map[string]string{
		`{"ids":["x"],"action":"delete"}`:                                                  "reason_required",
		`{"ids":[],"action":"delete","reason":"r"}`:                                        "validation_failed",
		`{"ids":["x"],"action":"explode","reason":"r"}`:                                    "validation_failed",
		`{"ids":["x"],"action":"set_plan","reason":"r"}`:                                   "validation_failed",
		`{"ids":["x"],"action":"delete","plan":"free","reason":"r"}`:                       "validation_failed",
		`{"ids":["` + strings.Repeat(`x","`, 1000) + `x"],"action":"delete","reason":"r"}`: "validation_failed",
	} {
		w.call("POST", "/admin/users/bulk", root, body).want(422, code)
	}
	must(t, w.store.PlanInsert(t.Context(), store.Plan{ID: "pro", Name: "Pro"}))
	w.call("POST", "/admin/users/bulk", root, `{"ids":["`+alice.id+`"],"action":"set_plan","plan":"pro","reason":"paid"}`).want(200, "")
	if plan := w.call("GET", "/auth/me", alice.access, "").text("plan"); plan != "pro" {
		t.Errorf("the plan is %s", plan)
	}
	a := w.call("POST", "/admin/users/bulk", root, `{"ids":["`+alice.id+`"],"action":"set_plan","plan":"none","reason":"paid"}`).want(200, "")
	if code := a.items()[0]["code"]; code != "validation_failed" {
		t.Errorf("an unknown plan: %v", code)
	}
}

// TestCase_AZ_08_AdminsChangeUsers: all that is named, or nothing.
func TestCase_AZ_08_AdminsChangeUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin().access
	w.register("bob")
	id := w.call("POST", "/admin/users", root, `{"username":"Alice","email":"a@example.com","password":"`+password+`","metadata":{"a":1},"display_name":"A","time_zone":"Europe/Berlin"}`).
		want(201, "").text("id")
	path := "/admin/users/" + id
	w.login("alice")
	u, err := w.store.UserGet(t.Context(), id)
	must(t, err)
	u.EmailVerified = true
	must(t, w.store.UserUpdate(t.Context(), u))

	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{"display_name":"B","username":"bob"}`:                    {409, "username_taken"},
		`{"display_name":"B","email":"BOB@example.com"}`:           {409, "email_taken"},
		`{"display_name":"B","plan":"none"}`:                       {422, "validation_failed"},
		`{"display_name":"B","usage":"zero"}`:                      {422, "validation_failed"},
		`{"display_name":"B","username":null}`:                     {422, "validation_failed"},
		`{"display_name":"B","time_zone":"Nowhere"}`:               {422, "validation_failed"},
		`{"display_name":"B","email_verified":true}`:               {422, "validation_failed"},
		`{"display_name":"B","status":"suspended"}`:                {422, "validation_failed"},
		`{"username":"c","email":"c","metadata":{"a":1},"plan":1}`: {422, "validation_failed"},
	} {
		w.call("PATCH", path, root, body).want(want.status, want.code)
	}
	a := w.call("GET", path, root, "").want(200, "")
	if a.text("display_name") != "A" || a.text("username") != "alice" {
		t.Errorf("half a change: %s", a.body)
	}
	a = w.call("PATCH", path, root, `{"username":"Alice.2","email":"A@example.com","display_name":null,"metadata":null}`).want(200, "")
	if a.text("username") != "alice.2" || a.text("email") != "A@example.com" || a.json()["email_verified"] != true || a.text("display_name") != "" {
		t.Errorf("another spelling of an address is not another address: %s", a.body)
	}
	a = w.call("PATCH", path, root, `{"email":"other@example.com"}`).want(200, "")
	if a.json()["email_verified"] != false {
		t.Errorf("nobody proved the new address: %s", a.body)
	}
	w.register("alice") // free at once
	w.call("POST", "/auth/login", "", `{"username":"other@example.com","password":"`+password+`"}`).want(200, "")
	if a := w.call("PATCH", path, root, `{"email":null}`).want(200, ""); a.text("email") != "" {
		t.Errorf("cleared: %s", a.body)
	}
	w.call("PATCH", "/admin/users/nobody", root, `{"display_name":"B"}`).want(404, "not_found")
	w.call("DELETE", path, root, `{}`).want(422, "reason_required")
	w.call("DELETE", path, root, `{"reason":"left"}`).want(204, "")
	w.call("GET", path, root, "").want(404, "not_found")
}

// TestCase_RL_17_S5_RestoreOverHTTP deletes a user whose address somebody else
// takes: what is answered gives the choice, and nothing of the other.
func TestCase_RL_17_S5_RestoreOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, root := w.register("alice"), w.admin().access
	_, key := w.key(alice.access, `{"name":"k","scopes":["account:read"]}`)
	w.call("DELETE", "/admin/users/"+alice.id, root, `{"reason":"left"}`).want(204, "")
	bob := personOf(w.call("POST", "/auth/register", "", `{"username":"robert","email":"alice@example.com","password":"`+password+`"}`).want(201, ""))

	w.call("GET", "/admin/deleted-users?q=ALI&sort=created_at", root, "").want(422, "validation_failed") // as a search of users
	list := w.call("GET", "/admin/deleted-users?q=ALI", root, "").want(200, "").items()
	path := "/admin/deleted-users/" + alice.id
	if len(list) != 1 || list[0]["username"] != "alice" || w.call("GET", path, root, "").want(200, "").text("reason") != "left" {
		t.Errorf("deleted: %v", list)
	}
	a := w.call("POST", path+"/restore", root, `{"reason":"came back"}`).want(409, "restore_conflict")
	for _, others := range []string{bob.id, "robert", "alice@example.com"} {
		if strings.Contains(a.body, others) {
			t.Errorf("says %s: %s", others, a.body)
		}
	}
	a = w.call("POST", path+"/restore", root, `{"reason":"came back","email":null}`).want(200, "")
	if a.text("id") != alice.id || a.text("email") != "" {
		t.Errorf("%s", a.body)
	}
	for _, credential := range []string{alice.access, key} {
		w.call("GET", "/auth/me", credential, "").want(401, "invalid_token")
	}
	w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+alice.refresh+`"}`).want(401, "invalid_token")
	again := w.login("alice")
	keys := w.call("GET", "/auth/me/keys", again.access, "").want(200, "").items()
	if len(keys) != 1 || keys[0]["status"] != "suspended" {
		t.Fatalf("keys: %v", keys)
	}
	w.call("POST", "/auth/me/keys/"+keys[0]["id"].(string)+"/enable", again.access, "").want(200, "")
	w.call("GET", "/auth/me", key, "").want(200, "")
	w.call("GET", path, root, "").want(404, "not_found")
	w.call("DELETE", path, root, `{"reason":"for good"}`).want(404, "not_found")
}

// hostileNames are what a spreadsheet would run, and what breaks rows.
var hostileNames = []string{
	"=1+1", "+1", "-1", "@SUM(A1)", "＝1", `=HYPERLINK("http://x","y")`, "a,b", `say "hi"`, "'quoted", "; DROP", "Ünï 🙂", "|calc",
}

func TestCase_HT_08_UsersAreExported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin().access
	for i, name := range hostileNames {
		body, err := json.Marshal(map[string]any{"username": fmt.Sprint("user", i), "email": fmt.Sprint("=cmd", i, "@example.com"), "display_name": name, "metadata": map[string]string{"n": name}})
		must(t, err)
		w.call("POST", "/admin/users", root, string(body)).want(201, "")
	}
	a := w.call("GET", "/admin/users/export?format=csv", root, "").want(200, "")
	for header, want := range map[string]string{
		"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": `attachment; filename="users.csv"`, "X-Content-Type-Options": "nosniff",
	} {
		if got := a.header.Get(header); got != want {
			t.Errorf("%s: %s", header, got)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if must(t, err); len(rows) != len(hostileNames)+1 || rows[0][4] != "display_name" {
		t.Fatalf("%d rows, %v", len(rows), rows[0])
	}
	for i, row := range rows[1:] {
		if name := strings.TrimPrefix(row[4], "'"); name != strings.TrimPrefix(hostileNames[i], "'") {
			t.Errorf("%q became %q", hostileNames[i], row[4])
		}
		for _, cell := range row {
			if strings.IndexAny(cell, "=+-@＝＋－＠\t\r") == 0 {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
	a = w.call("GET", "/admin/users/export", root, "").want(200, "")
	lines := strings.Split(strings.TrimSuffix(a.body, "\n"), "\n")
	for i, line := range lines {
		var u struct {
			ID, Username string
			DisplayName  string `json:"display_name"`
			Metadata     map[string]string
		}
		must(t, json.Unmarshal([]byte(line), &u))
		if u.DisplayName != hostileNames[i] || u.Metadata["n"] != hostileNames[i] || u.ID == "" {
			t.Errorf("%s", line)
		}
	}
	if len(lines) != len(hostileNames) || a.header.Get("Content-Disposition") != `attachment; filename="users.ndjson"` {
		t.Errorf("%d lines, %v", len(lines), a.header)
	}
	if a := w.call("GET", "/admin/users/export?q=user1", root, "").want(200, ""); strings.Count(a.body, "\n") != 3 {
		t.Errorf("a search: %s", a.body)
	}
	a = w.call("GET", "/admin/users/export?format=xml", root, "").want(422, "validation_failed")
	if a.header.Get("Content-Disposition") != "" {
		t.Errorf("a problem is no file: %v", a.header)
	}
	w.call("GET", "/admin/users/export?status=gone", root, "").want(422, "validation_failed")
}

func TestExportMeNeedsThePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, bob := w.register("alice"), w.register("bob")
	_, key := w.key(alice.access, `{"name":"k","scopes":["account:read"]}`)
	for _, of := range []string{alice.id, bob.id} {
		_, err := w.messages.Append(t.Context(), store.Message{UserID: of, ConversationID: "c", Request: json.RawMessage(`[{"role":"user","content":"hello of ` + of + `"}]`)})
		must(t, err)
	}
	for range 3 { // more than one page of the trail, of which some is about her
		w.login("alice")
	}
	w.advance(5 * time.Minute)
	a := w.call("GET", "/auth/me/export", alice.access, "").want(200, "")
	var all struct {
		User                                           map[string]any
		Credits                                        map[string]int64
		Keys, Sessions, Usage, Ledger, Messages, Audit []map[string]any
	}
	must(t, json.Unmarshal([]byte(a.body), &all))
	if all.User["username"] != "alice" || len(all.Keys) != 1 || len(all.Sessions) != 4 || len(all.Messages) != 1 || len(all.Audit) != 6 {
		t.Errorf("%s", a.body)
	}
	for _, secret := range []string{key, bob.id, "hash", "$2"} {
		if strings.Contains(a.body, secret) {
			t.Errorf("says %s: %s", secret, a.body)
		}
	}
	if a.header.Get("Content-Disposition") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", a.header)
	}
	w.advance(5*time.Minute + time.Second) // ten since the sign-in
	access := w.login("alice").access
	w.call("GET", "/auth/me/export", access, "").want(200, "")
	w.advance(9 * time.Minute)
	access = w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+alice.refresh+`"}`).want(200, "").text("access_token")
	w.call("GET", "/auth/me/export", access, "").want(403, "reauth_required")
	w.call("GET", "/auth/me/export", key, "").want(403, "forbidden")
	w.call("POST", "/auth/me/reauth", access, `{"password":"not this one"}`).want(401, "invalid_credentials")
	w.call("GET", "/auth/me/export", access, "").want(403, "reauth_required")
	w.call("POST", "/auth/me/reauth", access, `{"password":"`+password+`"}`).want(204, "")
	w.call("GET", "/auth/me/export", access, "").want(200, "")
	for range 10 {
		w.call("POST", "/auth/me/reauth", access, `{"password":"not this one"}`)
	}
	w.call("POST", "/auth/me/reauth", access, `{"password":"`+password+`"}`).want(429, "account_locked")
}

// imported is what an import reports of a line.
type imported struct {
	Line       int
	OK, Exists bool
	ID, Code   string
	Errors     []store.FieldError
}

// importing sends lines as they are, and reads the reports.
func (w *world) importing(body io.Reader) (out []imported, err error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.server.URL+"/admin/users/import", body)
	must(w.t, err)
	r.Header.Set("Authorization", "Bearer "+w.admin().access)
	r.Header.Set("Content-Type", "application/x-ndjson")
	response, err := w.server.Client().Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	for dec := json.NewDecoder(response.Body); ; {
		var report imported
		switch err := dec.Decode(&report); err {
		case nil:
			out = append(out, report)
		case io.EOF:
			return out, nil
		default:
			return out, err
		}
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	made, err := bcrypt.GenerateFromPassword([]byte("password"), bcrypt.MinCost)
	must(t, err)
	hash := string(made)
	lines := []struct{ line, code string }{
		{`{"username":"Alice","email":"alice@example.com","password":"` + password + `","display_name":"A","metadata":{"a":[1]}}`, ""},
		{`{"username":"bob","password_hash":"` + hash + `"}`, ""},
		{`{"username":"carol"}`, ""},
		{`{"username":"dave","password":"short"}`, "weak_password"},
		{`{"username":"dave","password_hash":"$1$abc$x"}`, "validation_failed"},
		{`{"username":"dave","password":"` + password + `","password_hash":"` + hash + `"}`, "validation_failed"},
		{`{"username":"dave","plan":"none"}`, "validation_failed"},
		{`{"username":"dave","email_verified":true}`, "validation_failed"},
		{`{"username":"dave","Email":"x@example.com"}`, "validation_failed"},
		{`{"username":"dave","username":"eve"}`, "validation_failed"},
		{`{"username":"dave"} {}`, "validation_failed"},
		{`{"username":`, "invalid_request"},
		{"{\"username\":\"\xff\"}", "invalid_request"},
		{`["dave"]`, "validation_failed"},
		{`{"username":"dave","display_name":"` + strings.Repeat("x", 1<<20) + `"}`, "payload_too_large"},
		{`{"username":"erin","email":"ALICE@example.com"}`, "email_taken"},
		{`{"username":"alice","email":"other@example.com"}`, "username_taken"},
		{`{"username":"last"}`, ""},
	}
	var body strings.Builder
	for i, l := range lines {
		body.WriteString(l.line + map[bool]string{true: "\r\n", false: "\n"}[i%2 == 0])
	}
	text := strings.TrimRight(body.String(), "\r\n") // the last line may end so
	for _, repeated := range []bool{false, true} {
		reports, err := w.importing(strings.NewReader(text))
		must(t, err)
		if len(reports) != len(lines) {
			t.Fatalf("%d reports", len(reports))
		}
		for i, r := range reports {
			if r.Line != i+1 || r.Code != lines[i].code || r.OK != (r.Code == "") || (r.ID != "") != r.OK || r.Exists != (r.OK && repeated) {
				t.Errorf("%.60s: %+v", lines[i].line, r)
			}
		}
	}
	named, err := w.importing(strings.NewReader(`{"username":"alice"}`)) // of whom the line says nothing else
	if must(t, err); len(named) != 1 || !named[0].Exists {
		t.Errorf("a line of a name: %+v", named)
	}
	w.login("alice")
	w.call("POST", "/auth/login", "", `{"username":"carol","password":"`+password+`"}`).want(401, "invalid_credentials") // no password, no sign-in
	schemes, err := w.store.PasswordSchemes(t.Context())
	if must(t, err); len(schemes) != 1 || schemes[0] != "bcrypt:4" { // both: what refusals wait for
		t.Errorf("schemes: %v", schemes)
	}
	w.call("POST", "/auth/login", "", `{"username":"bob","password":"password"}`).want(200, "")
	for _, header := range []string{"", "text/csv"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.server.URL+"/admin/users/import", strings.NewReader("{}"))
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+w.admin().access)
		r.Header.Set("Content-Type", header)
		w.send(r).want(415, "unsupported_media_type")
	}
}

// talk is an import whose lines are sent one by one.
type talk struct {
	t       *testing.T
	lines   *io.PipeWriter
	reports *bufio.Reader
}

// talk begins an import with a line.
func (w *world) talk(first string) talk {
	w.t.Helper()
	body, lines := io.Pipe()
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.server.URL+"/admin/users/import", body)
	must(w.t, err)
	r.Header.Set("Authorization", "Bearer "+w.admin().access)
	r.Header.Set("Content-Type", "application/x-ndjson")
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(lines, first+"\n")
		sent <- err
	}()
	response, err := w.server.Client().Do(r)
	must(w.t, err)
	w.t.Cleanup(func() { _ = response.Body.Close() })
	must(w.t, <-sent)
	return talk{w.t, lines, bufio.NewReader(response.Body)}
}

func (k talk) say(line string) {
	k.t.Helper()
	_, err := io.WriteString(k.lines, line+"\n")
	must(k.t, err)
}

func (k talk) hear() (report imported) {
	k.t.Helper()
	text, err := k.reports.ReadString('\n')
	must(k.t, err)
	must(k.t, json.Unmarshal([]byte(text), &report))
	return report
}

// TestImportTakesALineAtATime sends 10,000 lines, each when the last was reported:
// no more than one is in memory.
func TestImportTakesALineAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	line := func(i int) string {
		if i%100 == 0 {
			return fmt.Sprintf(`{"username":"user%d"}`, i)
		}
		return `{"usernames":"` + strings.Repeat("x", 512) + `"}`
	}
	k := w.talk(line(0))
	for i := range 10_000 {
		if i > 0 {
			k.say(line(i))
		}
		if report := k.hear(); report.Line != i+1 || report.OK != (i%100 == 0) {
			t.Fatalf("%d: %+v", i, report)
		}
	}
	must(t, k.lines.Close())
	if rest, err := io.ReadAll(k.reports); err != nil || len(rest) > 0 {
		t.Errorf("after the last: %q, %v", rest, err)
	}
}

// A client that hangs up within a line leaves the lines before, and nothing of it.
func TestImportOfAClientThatHangsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	k := w.talk(`{"username":"alice"}`)
	k.hear()
	_, err := io.WriteString(k.lines, `{"username":"bob"}`) // no line yet
	must(t, err)
	_ = k.lines.CloseWithError(io.ErrClosedPipe)
	if rest, err := io.ReadAll(k.reports); err == nil {
		t.Errorf("it ended as if it were whole: %q", rest)
	}
	w.server.Close() // waits for the handler
	for name, there := range map[string]bool{"alice": true, "bob": false} {
		if _, err := w.store.IdentifierGet(t.Context(), store.IdentifierUsername, name); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
}
