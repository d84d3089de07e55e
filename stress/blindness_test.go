package stress_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// crowd makes people whose tokens and keys a process has in its cache.
func crowd(here, there *process, prefix string, n int) []*person {
	here.t.Helper()
	people := make([]*person, n)
	for i := range people {
		people[i] = here.newPerson(fmt.Sprintf("%s%d", prefix, i))
		for range 2 {
			there.must(lives, "GET", "/v1/scoped", people[i].token, nil)
			there.must(lives, "GET", "/v1/scoped", people[i].key, nil)
		}
	}
	return people
}

// outlast asks every 20 ms with a credential until it has been refused three
// times, and returns when the last request began that was admitted. Refusals
// have the status want.
func (p *process) outlast(t *testing.T, credential string, want int) (last time.Time) {
	began := time.Now()
	for refused := 0; refused < 3; <-time.After(20 * time.Millisecond) {
		one, err := p.poll(t.Context(), credential)
		if err != nil {
			t.Error(err)
			return last
		}
		switch {
		case one.status == lives && refused > 0:
			t.Error("admitted again after a refusal")
			return last
		case one.status == lives && one.began.Sub(began) > 2*hardBound:
			t.Error("still admitted")
			return one.began
		case one.status == lives:
			last = one.began
		case one.status != want:
			t.Errorf("refused with %d", one.status)
			return last
		default:
			refused++
		}
	}
	return last
}

// A process that cannot read the change feed asks the database about each
// request once its cache is five seconds old: a revocation elsewhere is true
// then, and everybody else goes on.
func TestCase_AK_06_ABlindProcessTrustsNothingAfterFiveSeconds(t *testing.T) {
	for _, state := range []string{"cut", "hanging"} {
		t.Run(state, func(t *testing.T) {
			beside(t)
			path := databasePath(t)
			here, there := start(t, settings{Path: path}), start(t, settings{Path: path, Cuttable: true})
			people := crowd(here, there, "person", form(6, 40))
			honest := here.newPerson("honest")
			there.must(http.StatusOK, "POST", "/control/feed?state="+state, "", nil)
			var delays figures
			var clients sync.WaitGroup
			revoked := make([]time.Time, len(people))
			lasts := make([]time.Time, len(people))
			for i, who := range people {
				clients.Go(func() { lasts[i] = there.outlast(t, who.key, ended) })
			}
			for i, who := range people { // at moments that are spread over two seconds
				<-time.After(2 * time.Second / time.Duration(len(people)))
				here.must(http.StatusNoContent, "DELETE", "/auth/me/keys/"+who.keyID, who.token, nil)
				revoked[i] = time.Now()
			}
			clients.Wait()
			for i := range people {
				late := max(0, lasts[i].Sub(revoked[i]))
				if delays.add(late); late > hardBound {
					t.Errorf("admitted %v after the revocation", late)
				}
			}
			t.Logf("admitted until, after the answer: %v", &delays)
			there.must(lives, "GET", "/v1/scoped", honest.key, nil)
			there.must(lives, "GET", "/v1/scoped", people[0].token, nil)
		})
	}
}

// With the database itself out of reach, what is cached lives for five seconds
// at most; then the answer is 503, and nobody is let in or sent away.
func TestCase_AK_06_WithoutTheDatabaseVerdictsLiveFiveSeconds(t *testing.T) {
	beside(t)
	path := databasePath(t)
	here, there := start(t, settings{Path: path}), start(t, settings{Path: path, Cuttable: true})
	people := crowd(here, there, "person", form(3, 20))
	there.must(http.StatusOK, "POST", "/control/feed?state=dark", "", nil)
	dark := time.Now()
	var delays figures
	var clients sync.WaitGroup
	for _, who := range people {
		clients.Go(func() {
			late := there.outlast(t, who.key, http.StatusServiceUnavailable).Sub(dark)
			if delays.add(max(0, late)); late > hardBound {
				t.Errorf("admitted %v after the database was gone", late)
			}
		})
	}
	clients.Wait()
	t.Logf("cached credentials lived for %v", &delays)
	if a, err := there.request(t.Context(), "GET", "/v1/scoped", people[0].key, nil); err != nil || a.header.Get("Retry-After") == "" {
		t.Errorf("a refusal says %v, %v; want Retry-After", a.header, err)
	}
	there.must(http.StatusOK, "POST", "/control/feed?state=mended", "", nil)
	for _, who := range people {
		there.must(lives, "GET", "/v1/scoped", who.key, nil)
	}
}

// A process that was paused finds its own clock too far on and asks the
// database: the first requests after the pause, and those that came meanwhile,
// are not admitted by what it remembers, even when the feed does not tell it.
func TestCase_AK_06_RT_07_APausedProcessDistrustsItsCache(t *testing.T) {
	for _, state := range []string{"mended", "hanging"} {
		t.Run(state, func(t *testing.T) {
			beside(t)
			path := databasePath(t)
			here, there := start(t, settings{Path: path}), start(t, settings{Path: path, Cuttable: true})
			file := openFile(t, path)
			people := crowd(here, there, "person", form(4, 20))
			there.askAll(t, people, lives) // opens the connections, too
			there.must(http.StatusOK, "POST", "/control/feed?state="+state, "", nil)
			for there.stop(); !file.free(); there.stop() { // else nobody could revoke
				there.resume()
			}
			for _, who := range people {
				here.must(http.StatusNoContent, "DELETE", "/auth/me/keys/"+who.keyID, who.token, nil)
				here.must(http.StatusNoContent, "POST", "/auth/logout", who.token, nil)
			}
			<-time.After(hardBound + 500*time.Millisecond)
			var waiting sync.WaitGroup
			waiting.Go(func() { there.askAll(t, people, ended) })
			<-time.After(200 * time.Millisecond) // they wait in the process's sockets
			there.resume()
			waiting.Wait()
		})
	}
}

// askAll asks many times at once with everybody's token and key.
func (p *process) askAll(t *testing.T, people []*person, want int) {
	var clients sync.WaitGroup
	ask := func(credential string) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if one, err := p.poll(ctx, credential); err != nil || one.status != want {
			t.Errorf("answered %d, %v; want %d", one.status, err, want)
		}
	}
	for range 8 {
		for _, who := range people {
			clients.Go(func() { ask(who.token) })
			clients.Go(func() { ask(who.key) })
		}
	}
	clients.Wait()
}
