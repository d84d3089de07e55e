package stress_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// step is one request of a load: what it is called, and the status it must have.
type step struct {
	name         string
	want         int
	method, path string
	credential   string
	body         any
	after        func(answer) // takes from the answer what later steps need
}

// writer is a client whose every request changes something.
type writer struct {
	*person
	made int
}

// next is the writer's next request, of one kind in six.
func (w *writer) next() step {
	w.made++
	switch rand.N(6) {
	case 0:
		return step{name: "register", want: http.StatusCreated, method: "POST", path: "/auth/register",
			body: registration(fmt.Sprintf("%s-%d", w.name, w.made))}
	case 1:
		if w.keyID != "" {
			return step{name: "revoke a key", want: http.StatusNoContent, method: "DELETE", path: "/auth/me/keys/" + w.keyID,
				credential: w.token, after: func(answer) { w.keyID = "" }}
		}
		return step{name: "make a key", want: http.StatusCreated, method: "POST", path: "/auth/me/keys",
			credential: w.token, body: map[string]any{"name": "test"}, after: func(a answer) { w.keyID = a.text("id") }}
	case 2:
		return step{name: "refresh", want: http.StatusOK, method: "POST", path: "/auth/refresh",
			body: map[string]any{"refresh_token": w.refresh}, after: w.signedIn}
	case 3:
		return step{name: "change the profile", want: http.StatusOK, method: "PATCH", path: "/auth/me",
			credential: w.token, body: map[string]any{"display_name": fmt.Sprintf("Name %d", w.made)}}
	default:
		return step{name: "chat", want: http.StatusOK, method: "POST", path: "/v1/chat?conversation=" + w.name, credential: w.token}
	}
}

// reading is a request that changes nothing.
func reading(who *person) step {
	paths := []string{"/auth/me", "/auth/me/keys", "/auth/me/sessions", "/auth/me/usage", "/auth/me/messages", "/v1/ping", "/health"}
	path := paths[rand.N(len(paths))]
	return step{name: "GET " + path, want: http.StatusOK, method: "GET", path: path, credential: who.token}
}

// readPause is what a reader waits before it asks again. 64 that never wait
// would measure how a small machine shares itself out among them.
const readPause = 20 * time.Millisecond

// patience is what a store has with the queue before it answers 503. Whoever
// was answered so after less met something else than a slow machine.
const patience = 4 * time.Second

// soak is what the load saw.
type soak struct {
	writes, reads figures
	done, wrong   tally
	tired         tally // answered 503 after all patience: done or not
}

// run makes one request and notes how it went.
func (s *soak) run(ctx context.Context, p *process, one step, took *figures) {
	began := time.Now()
	a, err := p.request(ctx, one.method, one.path, one.credential, one.body)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.wrong.add(fmt.Sprintf("%s: %v", one.name, err))
	case a.status == http.StatusServiceUnavailable && time.Since(began) > patience:
		s.tired.add(one.name)
	case a.status != one.want || strings.Contains(a.raw, "locked"):
		s.wrong.add(fmt.Sprintf("%s: %d %s", one.name, a.status, a.raw))
	default:
		took.add(time.Since(began))
		s.done.add(one.name)
		if one.after != nil {
			one.after(a)
		}
	}
}

// Two processes write and read one file, 32 writers that never wait and 32
// readers each. Nobody may hear that the file is locked, and nothing may be lost.
func TestCase_RL_01_D1_TwoProcessesShareAFile(t *testing.T) {
	beside(t)
	const callers = 64
	path := databasePath(t)
	processes := []*process{start(t, settings{Path: path}), start(t, settings{Path: path})}
	var s soak
	var load sync.WaitGroup
	people := make([]*person, callers)
	for i := range people {
		people[i] = processes[i%2].newPerson(fmt.Sprintf("person%d", i))
	}
	began := time.Now()
	until, cancel := context.WithTimeout(t.Context(), form(3*time.Second, time.Minute))
	defer cancel()
	// What has been asked is waited for: only then is it known how it went.
	for i, who := range people {
		p := processes[i%2]
		load.Go(func() {
			for w := (&writer{person: who}); until.Err() == nil; {
				s.run(t.Context(), p, w.next(), &s.writes)
			}
		})
		reader := &person{name: who.name, token: who.token}
		load.Go(func() {
			for until.Err() == nil {
				s.run(t.Context(), p, reading(reader), &s.reads)
				<-time.After(readPause)
			}
		})
	}
	load.Wait()
	t.Logf("in %v: writes %v", time.Since(began).Round(time.Millisecond), &s.writes)
	t.Logf("reads %v", &s.reads)
	t.Logf("%v; answered 503 after %v and more: %v", &s.done, patience, &s.tired)
	if s.writes.count() == 0 || s.reads.count() == 0 {
		t.Error("nothing was done")
	}
	for what, n := range s.wrong.n {
		t.Errorf("%d times: %s", n, what)
	}
	for i, p := range processes {
		p.terminate()
		if log := p.log.String(); strings.Contains(log, "locked") || strings.Contains(log, "SQLITE") {
			t.Errorf("process %d logged:\n%s", i, log)
		}
	}
	s.compare(t, openFile(t, path), callers)
}

// compare holds what was acknowledged against what is in the file, beside the
// people who were made first.
func (s *soak) compare(t *testing.T, file database, people int64) {
	t.Helper()
	file.whole()
	for what, counted := range map[string]int64{
		"register":           file.count("SELECT COUNT(*) FROM users") - people,
		"chat":               file.count("SELECT COUNT(*) FROM message_logs"),
		"make a key":         file.count("SELECT COUNT(*) FROM api_keys") - people,
		"revoke a key":       file.count("SELECT COUNT(*) FROM api_keys WHERE status = 'revoked'"),
		"refresh":            file.count("SELECT COUNT(*) FROM refresh_tokens WHERE used_at > 0"),
		"change the profile": file.count("SELECT COUNT(*) FROM audit_events WHERE action = 'user.update'"),
	} {
		acknowledged, unknown := int64(s.done.of(what)), int64(s.tired.of(what))
		if counted < acknowledged || counted > acknowledged+unknown {
			t.Errorf("%s: %d acknowledged, %d in the file", what, acknowledged, counted)
		}
	}
}
