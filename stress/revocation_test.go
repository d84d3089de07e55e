package stress_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// revocation is one way to end a credential. The statuses are what the token
// and the key are answered from then on.
type revocation struct {
	name       string
	token, key int
	do         func(p *process, who *person)
}

const (
	lives     = http.StatusOK
	ended     = http.StatusUnauthorized
	forbidden = http.StatusForbidden
)

// revocations are all there are. Those that a user has a route for go by it.
var revocations = []revocation{
	{"AK-05 the key is revoked", lives, ended, func(p *process, who *person) {
		p.must(http.StatusNoContent, "DELETE", "/auth/me/keys/"+who.keyID, who.token, nil)
	}},
	{"AK-05 the key is revoked by the host", lives, ended, func(p *process, who *person) {
		p.control("revoke-key", who)
	}},
	{"the key is rotated without grace", lives, ended, func(p *process, who *person) {
		p.must(http.StatusCreated, "POST", "/auth/me/keys/"+who.keyID+"/rotate", who.token, map[string]any{})
	}},
	{"the key loses its scope", lives, forbidden, func(p *process, who *person) {
		p.must(http.StatusOK, "PATCH", "/auth/me/keys/"+who.keyID, who.token, map[string]any{"scopes": []string{}})
	}},
	{"the key is tied to another address", lives, forbidden, func(p *process, who *person) {
		p.must(http.StatusOK, "PATCH", "/auth/me/keys/"+who.keyID, who.token, map[string]any{"allowed_ips": []string{"192.0.2.0/24"}})
	}},
	{"the key expires", lives, ended, func(p *process, who *person) {
		for ahead := 50 * time.Millisecond; ; ahead *= 2 { // a slow machine gets there too late
			end := time.Now().Add(ahead)
			a, err := p.request(p.t.Context(), "PATCH", "/auth/me/keys/"+who.keyID, who.token, map[string]any{"expires_at": end.UTC()})
			if err != nil || a.status != http.StatusOK && ahead > time.Minute {
				p.t.Fatalf("the key does not expire: %d, %v", a.status, err)
			}
			if a.status == http.StatusOK {
				<-time.After(time.Until(end))
				return
			}
		}
	}},
	{"RT-07 the session signs out", ended, lives, func(p *process, who *person) {
		p.must(http.StatusNoContent, "POST", "/auth/logout", who.token, nil)
	}},
	{"RT-07 every session signs out", ended, lives, func(p *process, who *person) {
		p.must(http.StatusNoContent, "POST", "/auth/logout/all", who.token, nil)
	}},
	{"RT-07 the session is ended", ended, lives, func(p *process, who *person) {
		p.must(http.StatusNoContent, "DELETE", "/auth/me/sessions/"+who.session, who.token, nil)
	}},
	{"the session is ended by the host", ended, lives, func(p *process, who *person) { p.control("revoke-session", who) }},
	{"every session is ended by the host", ended, lives, func(p *process, who *person) { p.control("revoke-sessions", who) }},
	{"the password is changed", ended, lives, func(p *process, who *person) {
		p.must(http.StatusOK, "POST", "/auth/me/password", who.token,
			map[string]any{"current_password": password, "new_password": "another quiet phrase"})
	}},
	{"a refresh token is replayed", ended, lives, func(p *process, who *person) {
		first := who.refresh
		for range 2 {
			a := p.must(http.StatusOK, "POST", "/auth/refresh", "", map[string]any{"refresh_token": who.refresh})
			who.refresh = a.text("refresh_token")
		}
		p.must(http.StatusUnauthorized, "POST", "/auth/refresh", "", map[string]any{"refresh_token": first})
	}},
	{"RT-08 C5 the user is suspended", ended, ended, func(p *process, who *person) { p.control("suspend", who) }},
	{"RT-08 C5 a user with keys alone is suspended", ended, ended, func(p *process, who *person) {
		p.must(http.StatusNoContent, "POST", "/auth/logout", who.token, nil)
		p.control("suspend", who)
	}},
	{"RT-08 C1 the user is deleted by the host", ended, ended, func(p *process, who *person) { p.control("delete", who) }},
	{"RT-08 C1 the user leaves", ended, ended, func(p *process, who *person) {
		p.must(http.StatusNoContent, "DELETE", "/auth/me", who.token, map[string]any{"password": password})
	}},
}

// control asks for what only the Go API of the host offers.
func (p *process) control(deed string, who *person) {
	p.t.Helper()
	p.must(http.StatusOK, "POST", "/control/"+deed+"?user="+who.id+"&key="+who.keyID+"&session="+who.session, "", nil)
}

// poll is one look at whether a credential is admitted.
type poll struct {
	began  time.Time
	status int
}

func (p *process) poll(ctx context.Context, credential string) (poll, error) {
	began := time.Now()
	a, err := p.request(ctx, "GET", "/v1/scoped", credential, nil)
	return poll{began, a.status}, err
}

// hammer polls without a pause until stop is closed, and once more then.
func (p *process) hammer(t *testing.T, credential string, stop <-chan struct{}) (all []poll) {
	for last := false; !last; {
		select {
		case <-stop:
			last = true
		default:
		}
		one, err := p.poll(t.Context(), credential)
		if err != nil {
			t.Error(err)
			return all
		}
		all = append(all, one)
	}
	return all
}

// ends are the credentials of a person that a revocation ends, with what they
// are answered from then on.
func (r revocation) ends(who *person) map[string]int {
	want := map[string]int{}
	if r.token != lives {
		want[who.token] = r.token
	}
	if r.key != lives {
		want[who.key] = r.key
	}
	return want
}

// round revokes at one process while both are asked, and returns how much later
// the last request began that the other process admitted.
func (r revocation) round(t *testing.T, here, there *process, name string) (late time.Duration) {
	who := here.newPerson(name)
	for _, credential := range []string{who.token, who.key} {
		for _, p := range []*process{here, there, here, there} { // a fresh key works everywhere at once
			p.must(lives, "GET", "/v1/scoped", credential, nil)
		}
	}
	ends := r.ends(who)
	var done time.Time // zero when the revocation failed
	stop := make(chan struct{})
	enough := sync.OnceFunc(func() { close(stop) })
	var clients sync.WaitGroup
	defer clients.Wait()
	defer enough()
	for credential, status := range ends {
		for range 2 {
			clients.Go(func() {
				for _, one := range here.hammer(t, credential, stop) {
					if !done.IsZero() && one.began.After(done) && one.status != status {
						t.Errorf("a request that began %v after the answer was answered %d", one.began.Sub(done), one.status)
					}
				}
			})
		}
	}
	<-time.After(rand.N(250 * time.Millisecond)) // the feed is read that often
	r.do(here, who)
	done = time.Now()
	clients.Go(func() {
		<-time.After(20 * time.Millisecond)
		enough()
	})
	for credential, status := range ends {
		late = max(late, there.follow(t, credential, status, done))
	}
	return late
}

// hardBound is what the promise gives another process at most.
const hardBound = 5 * time.Second

// follow polls until the credential is refused, and then some more, since it
// must stay so. It returns when the last admitted request began, after done.
func (p *process) follow(t *testing.T, credential string, want int, done time.Time) (late time.Duration) {
	for refused := 0; refused < 3; <-time.After(5 * time.Millisecond) {
		one, err := p.poll(t.Context(), credential)
		age := one.began.Sub(done)
		switch {
		case err != nil:
			t.Error(err)
			return late
		case one.status == want:
			refused++
			continue
		case refused > 0:
			t.Errorf("admitted again after %v: %d", age, one.status)
		case one.status != lives || age > hardBound:
			t.Errorf("after %v the answer is %d; want %d", age, one.status, want)
			return age
		}
		late = age
	}
	return late
}

// One process revokes, another has the credential in its cache: the first
// refuses every request that begins after the answer, the second follows.
func TestCase_AK_05_C1_C5_RT_07_RT_08_RevocationReachesTheOtherProcess(t *testing.T) {
	beside(t)
	path := databasePath(t)
	here, there := start(t, settings{Path: path}), start(t, settings{Path: path})
	var delays figures
	t.Cleanup(func() { // when the parallel rounds have ended
		t.Logf("the other process admitted until, after the answer: %v", &delays)
		if half := delays.at(0.5); half > hardBound/2 {
			t.Errorf("half of them took more than %v: nothing but age ends a verdict", half)
		}
		if p99 := delays.at(0.99); *long && p99 > time.Second {
			t.Errorf("p99 is %v; the promise is a second", p99)
		}
	})
	for i, r := range revocations {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for round := range form(1, 32) {
				delays.add(r.round(t, here.in(t), there.in(t), fmt.Sprintf("person-%d-%d", i, round)))
			}
		})
	}
}
