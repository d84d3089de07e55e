package stress_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// slot is a place for one process after the other.
type slot struct {
	mu sync.Mutex
	p  *process
}

func (s *slot) current() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p
}

func (s *slot) set(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p = p
}

// life is what one client does to one account, and what it was told. It asks
// again whatever was not answered, so that at its end it knows what must be so.
type life struct {
	t     *testing.T
	where *slot
	done  *tally
	person
	display   string
	steps     int               // names what it makes
	keys      map[string]string // secret by id; "" once revoked
	messages  map[string]int64  // seq by id; 0 when it is not known whether it is stored
	chats     int               // answered 200
	updates   int               // of the profile
	passwords int               // changes
	deleted   bool
}

func newLife(t *testing.T, where *slot, done *tally, name string) *life {
	return &life{
		t: t, where: where, done: done,
		person: person{name: name, password: password},
		keys:   map[string]string{}, messages: map[string]int64{},
	}
}

// ask sends a request until it is answered, and not with 503. again says that it
// was sent more than once: an earlier one may have done its work. The status must
// be one of those wanted.
func (l *life) ask(method, path, credential string, body any, want ...int) (a answer, again bool) {
	for {
		a, err := l.where.current().request(l.t.Context(), method, path, credential, body)
		switch {
		case err == nil && a.status == http.StatusServiceUnavailable:
			l.done.add("503")
		case err == nil && !slices.Contains(want, a.status):
			l.t.Errorf("%s: %s %s: %d %s; want %v (asked again: %v)", l.name, method, path, a.status, a.raw, want, again)
			return a, again
		case err == nil || l.t.Context().Err() != nil:
			return a, again
		}
		again = true
		<-time.After(2 * time.Millisecond)
	}
}

// run lives until over says that it is enough, or the account is deleted.
func (l *life) run(over func() bool) {
	l.register()
	for !over() && !l.deleted && !l.t.Failed() {
		l.steps++
		switch n := rand.N(20); {
		case n < 7:
			l.chat()
		case n < 10:
			l.makeKey()
		case n < 12:
			l.revokeKey()
		case n < 14:
			l.refreshSession()
		case n < 15:
			l.signIn()
		case n < 17:
			l.rename()
		case n < 19:
			l.changePassword()
		case l.steps > 10:
			l.leave()
		}
	}
}

func (l *life) register() {
	a, again := l.ask("POST", "/auth/register", "", registration(l.name), http.StatusCreated, http.StatusConflict)
	switch {
	case a.status == http.StatusCreated:
		l.signedIn(a)
	case again:
		l.signIn() // the one that was not answered made the account
	default:
		l.t.Errorf("%s: %s", l.name, a.raw)
	}
	l.done.add("register")
}

func (l *life) signIn() {
	a, _ := l.ask("POST", "/auth/login", "", map[string]any{"username": l.name, "password": l.password}, http.StatusOK)
	l.signedIn(a)
	l.done.add("sign in")
}

func (l *life) refreshSession() {
	a, _ := l.ask("POST", "/auth/refresh", "", map[string]any{"refresh_token": l.refresh}, http.StatusOK)
	l.signedIn(a)
	l.done.add("refresh")
}

func (l *life) makeKey() {
	a, _ := l.ask("POST", "/auth/me/keys", l.token, map[string]any{"name": "test"}, http.StatusCreated)
	l.keys[a.text("id")] = a.text("key")
	l.done.add("make a key")
}

func (l *life) revokeKey() {
	for id, secret := range maps.All(l.keys) {
		if secret != "" {
			l.ask("DELETE", "/auth/me/keys/"+id, l.token, nil, http.StatusNoContent)
			l.keys[id] = ""
			l.done.add("revoke a key")
			return
		}
	}
}

func (l *life) rename() {
	l.display = fmt.Sprintf("Name %d", l.steps)
	l.ask("PATCH", "/auth/me", l.token, map[string]any{"display_name": l.display}, http.StatusOK)
	l.updates++
	l.done.add("rename")
}

// changePassword takes a session that has ended for the sign that the password
// was changed by a request that was not answered.
func (l *life) changePassword() {
	next := fmt.Sprintf("a quiet test phrase %d", l.steps)
	body := map[string]any{"current_password": l.password, "new_password": next}
	a, again := l.ask("POST", "/auth/me/password", l.token, body, http.StatusOK, http.StatusUnauthorized)
	l.password = next
	l.passwords++
	l.done.add("change the password")
	switch {
	case a.status == http.StatusOK:
		l.signedIn(a)
	case again:
		l.signIn()
	default:
		l.t.Errorf("%s: %s", l.name, a.raw)
	}
}

func (l *life) leave() {
	a, again := l.ask("DELETE", "/auth/me", l.token, map[string]any{"password": l.password}, http.StatusNoContent, http.StatusUnauthorized)
	if a.status != http.StatusNoContent && !again {
		l.t.Errorf("%s: %s", l.name, a.raw)
	}
	l.deleted = true
	l.done.add("leave")
}

// chat appends a message under an id of its own, so that asking again is
// harmless. The limit may refuse.
func (l *life) chat() {
	id := fmt.Sprintf("msg_%s_%d", l.name, l.steps)
	path := "/v1/chat?conversation=" + l.name + "&id=" + id
	a, again := l.ask("POST", path, l.token, nil, http.StatusOK, http.StatusTooManyRequests)
	switch {
	case a.status == http.StatusOK:
		l.messages[id] = a.number("seq")
		l.chats++
		l.done.add("chat")
	case again:
		l.messages[id] = 0
	}
}
