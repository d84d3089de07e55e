package httpapi_test

import (
	"net/http"
	"testing"
	"time"
)

func TestSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	first := w.register("alice")
	second := w.login("alice")

	items := w.call("GET", "/auth/me/sessions", second.access, "").want(200, "").items()
	if len(items) != 2 {
		t.Fatalf("%d sessions", len(items))
	}
	for _, item := range items {
		members(t, "session", item, []string{"created_at", "current", "id", "ip", "last_seen_at", "user_agent"})
		if item["current"] != (item["id"] == second.session) || item["ip"] != "127.0.0.1" {
			t.Errorf("got %v", item)
		}
	}
	w.call("DELETE", "/auth/me/sessions/"+first.session, second.access, "").want(204, "")
	w.call("GET", "/auth/me", first.access, "").want(401, "invalid_token")
	w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+first.refresh+`"}`).want(401, "invalid_token")
	w.call("DELETE", "/auth/me/sessions/"+first.session, second.access, "").want(404, "not_found")
	third := w.login("alice")
	w.call("POST", "/auth/me/sessions/"+third.session+"/delete", second.access, `{}`).want(204, "")
	w.call("GET", "/auth/me", third.access, "").want(401, "invalid_token")
}

// expires_in is the lifetime that was given, whatever part of a second the
// answer comes in, and never longer than the session.
func TestSession_ExpiresIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.advance(900 * time.Millisecond)
	answer := w.call("POST", "/auth/register", "", `{"username":"alice","email":"alice@example.com","password":"`+password+`"}`).want(201, "")
	for i, step := range []struct {
		after           time.Duration
		access, refresh float64
	}{
		{0, 600, 14 * 86400},
		{13 * 24 * time.Hour, 600, 14 * 86400},
		{13 * 24 * time.Hour, 600, 4 * 86400},
		{4*24*time.Hour - 5*time.Minute, 300, 300}, // thirty days end every session
	} {
		if w.advance(step.after); i > 0 {
			answer = w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+answer.text("refresh_token")+`"}`).want(200, "")
		}
		if got := answer.json(); got["expires_in"] != step.access || got["refresh_expires_in"] != step.refresh {
			t.Errorf("step %d: expires_in %v, refresh_expires_in %v; want %v, %v", i, got["expires_in"], got["refresh_expires_in"], step.access, step.refresh)
		}
	}
}

func TestCase_RT_07_LogoutEndsThatSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	first := w.register("alice")
	second := w.login("alice")
	w.call("GET", "/auth/me", first.access, "").want(200, "")
	w.call("POST", "/auth/logout", first.access, "").want(204, "")
	w.call("GET", "/auth/me", first.access, "").want(401, "invalid_token")
	w.call("GET", "/auth/me", second.access, "").want(200, "")
	third := w.login("alice")
	w.call("POST", "/auth/logout/all", second.access, "").want(204, "")
	for _, dead := range []person{second, third} {
		w.call("GET", "/auth/me", dead.access, "").want(401, "invalid_token")
	}
}

// TestCase_RT_12_TokensAreNotInterchangeable shows each token where another is
// asked for.
func TestCase_RT_12_TokensAreNotInterchangeable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, key := w.key(alice.access, `{"name":"k","scopes":["account:read"]}`)
	w.call("GET", "/auth/me", alice.refresh, "").want(401, "invalid_token")
	w.call("POST", "/auth/logout", alice.refresh, "").want(401, "invalid_token")
	for _, wrong := range []string{alice.access, key, "", "rt_", alice.session, alice.refresh + "A", " " + alice.refresh} {
		a := w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+wrong+`"}`).want(401, "invalid_token")
		if a.header.Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
	}
	w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+alice.refresh+`"}`).want(200, "")
}

// TestCase_RT_04_OldRefreshTokenEndsTheFamily goes through the routes; the
// rule itself is authn's.
func TestCase_RT_04_OldRefreshTokenEndsTheFamily(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	refresh := func(token string) answer { return w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+token+`"}`) }
	second := refresh(alice.refresh).want(200, "").text("refresh_token")
	if again := refresh(alice.refresh).want(200, "").text("refresh_token"); again != second {
		t.Error("the direct parent gives another successor")
	}
	third := refresh(second).want(200, "")
	refresh(alice.refresh).want(401, "invalid_token")
	refresh(third.text("refresh_token")).want(401, "invalid_token")
	w.call("GET", "/auth/me", third.text("access_token"), "").want(401, "invalid_token")
}

func TestCredentials_OneOfThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, key := w.key(alice.access, `{"name":"k","scopes":["account:read"]}`)
	get := func(header map[string]string) answer {
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.server.URL+"/auth/me", http.NoBody)
		must(t, err)
		for name, value := range header {
			r.Header.Set(name, value)
		}
		response, err := w.server.Client().Do(r)
		must(t, err)
		must(t, response.Body.Close())
		return answer{t: t, status: response.StatusCode}
	}
	for _, row := range []struct {
		header map[string]string
		status int
	}{
		{map[string]string{"Authorization": "Bearer " + key}, 200},
		{map[string]string{"Authorization": "bearer " + alice.access}, 200},
		{map[string]string{"X-API-Key": key}, 200},
		{map[string]string{"Authorization": "Bearer " + alice.access, "X-API-Key": key}, 400},
		{map[string]string{"Authorization": "Basic YTpi"}, 401},
		{nil, 401},
	} {
		if got := get(row.header).status; got != row.status {
			t.Errorf("%v: %d, want %d", row.header, got, row.status)
		}
	}
}
