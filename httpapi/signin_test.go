package httpapi_test

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
)

var bySystem = store.Actor{Kind: store.ActorSystem, ID: "test"}

// TestCase_EN_01_NoKindOfAccountCanBeTold compares the whole answers to wrong
// passwords for accounts of all kinds, and for a name that nobody has.
func TestCase_EN_01_NoKindOfAccountCanBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	for _, name := range []string{"alice", "sue", "dan"} {
		w.register(name)
	}
	for name, end := range map[string]func(id string) error{
		"sue": func(id string) error { return w.cfg.Users.Suspend(t.Context(), bySystem, id, "spam", time.Time{}) },
		"dan": func(id string) error { return w.cfg.Users.Delete(t.Context(), bySystem, id, "left") },
	} {
		held, err := w.store.IdentifierGet(t.Context(), store.IdentifierUsername, name)
		must(t, err)
		must(t, end(held.Subject))
	}
	attempt := func(name string) answer {
		a := w.loginWith(name, "not this one")
		a.header.Del("Date")
		return a
	}
	want := attempt("nobody").want(401, "invalid_credentials")
	for _, name := range []string{"alice", "ALICE", "alice@example.com", "sue", "dan", "dan@example.com", "nobody@example.com", "no name", "a@b@c", "root"} {
		if a := attempt(name); a.status != want.status || a.body != want.body || !cmp.Equal(a.header, want.header) {
			t.Errorf("%s: %d %v %s\nwant %d %v %s", name, a.status, a.header, a.body, want.status, want.header, want.body)
		}
	}
	if cookies := want.header.Values("Set-Cookie"); len(cookies) != 0 {
		t.Errorf("cookies: %v", cookies)
	}
	// Who gives the right password is told why it does not help.
	w.loginWith("sue", password).want(403, "account_suspended")
	w.loginWith("dan", password).want(401, "invalid_credentials")
}

// Ten failures lock a name, known or not, until Retry-After has passed: also for
// the right password, which gets no session.
func TestCase_LK_01_Lockout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	w.advance(31 * 24 * time.Hour) // nobody's device is known any more
	for _, name := range []string{"alice", "nobody"} {
		for range 10 {
			w.loginWith(name, "not this one").want(401, "invalid_credentials")
		}
	}
	locked := w.loginWith("alice", password).want(429, "account_locked")
	if same := w.loginWith("nobody", password); same.body != locked.body || same.status != locked.status {
		t.Errorf("a locked name that nobody has: %d %s", same.status, same.body)
	}
	wait, err := strconv.Atoi(locked.header.Get("Retry-After"))
	must(t, err)
	if wait != 15*60 || strings.Contains(locked.body, "access_token") {
		t.Errorf("locked for %d s: %s", wait, locked.body)
	}
	list, err := w.store.SessionList(t.Context(), alice.id, w.clock(), store.Page{})
	must(t, err)
	if len(list.Items) != 0 {
		t.Error("the right password got a session while the name was locked")
	}
	w.advance(time.Duration(wait-1) * time.Second)
	if left := w.loginWith("alice", password).want(429, "account_locked").header.Get("Retry-After"); left != "1" {
		t.Errorf("a second before the end: %s", left)
	}
	w.advance(time.Second)
	w.loginWith("alice", password).want(200, "")
}

// While a stranger keeps the account locked for an hour, its owner signs in from
// where it is known, each time.
func TestCase_LK_07_AnHourOfLockouts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.register("alice") // from 127.0.0.1, which is known now
	rule := store.SignInRule{Limit: 10, Window: 15 * time.Minute}
	account, err := w.store.IdentifierGet(t.Context(), store.IdentifierUsername, "alice")
	must(t, err)
	for range 12 {
		for range 15 { // as from other addresses
			_, err := w.store.SignInAttempt(t.Context(), "user:"+account.Subject, rule, w.clock())
			must(t, err)
		}
		w.loginWith("alice", password).want(200, "")
		w.advance(5 * time.Minute)
	}
}

// A refresh gives a new pair, and a second tab that refreshes at once the same. The
// old token ends with the grace, and with it that session alone, which the trail
// tells.
func TestCase_RT_01_RT_04_S3_RefreshAndReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	refresh := func(token string) answer {
		return w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+token+`"}`)
	}
	r0 := w.register("alice")
	other := w.login("alice")
	w.advance(time.Second)
	r1 := personOf(refresh(r0.refresh).want(200, ""))
	if r1.session != r0.session || r1.access == r0.access || r1.refresh == r0.refresh {
		t.Error("the refresh gave nothing new, or another session")
	}
	w.call("GET", "/auth/me", r1.access, "").want(200, "")
	w.advance(9 * time.Second)
	if tab := personOf(refresh(r0.refresh).want(200, "")); tab.refresh != r1.refresh || tab.session != r1.session {
		t.Error("two tabs got two successors")
	}
	w.advance(2 * time.Second)
	r2 := personOf(refresh(r1.refresh).want(200, "")) // R1 works
	refresh(r0.refresh).want(401, "invalid_token")    // R0 does not, and ends the family
	for _, token := range []string{r1.refresh, r2.refresh} {
		refresh(token).want(401, "invalid_token")
	}
	w.call("GET", "/auth/me", r2.access, "").want(401, "invalid_token")
	w.call("GET", "/auth/me", other.access, "").want(200, "")
	refresh(other.refresh).want(200, "")
	if got, want := w.denials(), []string{"session.reuse " + r0.session}; !cmp.Equal(got, want) {
		t.Errorf("the trail: %v, want %v", got, want)
	}

	// R0 alone, shown again after the grace by the one who used it.
	w.advance(time.Second)
	late := w.login("alice")
	next := personOf(refresh(late.refresh).want(200, ""))
	w.advance(11 * time.Second)
	refresh(late.refresh).want(401, "invalid_token")
	refresh(next.refresh).want(401, "invalid_token")
}

// Whoever suspends or deletes an account ends all that it has signed in with.
func TestCase_RT_08_AccountsThatEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	for name, end := range map[string]func(id string) error{
		"suspended": func(id string) error {
			return w.cfg.Users.Suspend(t.Context(), bySystem, id, "spam", time.Time{})
		},
		"deleted": func(id string) error { return w.cfg.Users.Delete(t.Context(), bySystem, id, "left") },
	} {
		first, second := w.register(name), w.login(name)
		_, key := w.key(first.access, `{"name":"k","scopes":["account:read"]}`)
		for _, warm := range []string{first.access, second.access, key} {
			w.call("GET", "/auth/me", warm, "").want(200, "")
		}
		must(t, end(first.id))
		for _, dead := range []string{first.access, second.access, key} {
			w.call("GET", "/auth/me", dead, "").want(401, "invalid_token")
		}
		for _, dead := range []string{first.refresh, second.refresh} {
			w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+dead+`"}`).want(401, "invalid_token")
		}
	}
}

// However often a session is refreshed, it ends thirty days after the sign-in; left
// alone it ends after fourteen.
func TestCase_RT_13_SessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	refresh := func(token string) answer {
		return w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+token+`"}`)
	}
	idle := w.register("alice")
	busy := w.login("alice")
	for hour := 1; hour < 30*24; hour++ {
		w.advance(time.Hour)
		busy = personOf(refresh(busy.refresh).want(http.StatusOK, ""))
		if hour == 14*24 {
			refresh(idle.refresh).want(401, "invalid_token")
		}
	}
	w.call("GET", "/auth/me", busy.access, "").want(200, "")
	w.advance(time.Hour)
	refresh(busy.refresh).want(401, "invalid_token")
	w.call("GET", "/auth/me", busy.access, "").want(401, "invalid_token")
}

// A key is kept as its SHA-256, by which one look-up finds it: a request with a key
// costs no password hash. (What it costs, right or wrong, package bench measures.)
func TestCase_C8_KeysAreFoundBySHA256(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	id, key := w.key(w.register("alice").access, `{"name":"k","scopes":["account:read"]}`)
	found, owner, err := w.store.APIKeyWithUser(t.Context(), sha256.Sum256([]byte(key)))
	if err != nil || found.ID != id || owner.Username != "alice" {
		t.Errorf("by the SHA-256 of the key: %s of %s, %v", found.ID, owner.Username, err)
	}
}
