package stress_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// three starts as many processes on one file.
func three(t *testing.T) ([]*process, database) {
	path := databasePath(t)
	all := []*process{start(t, settings{Path: path}), start(t, settings{Path: path}), start(t, settings{Path: path})}
	return all, openFile(t, path)
}

// together sends a request n times at once, to the processes in turn, and
// returns all answers.
func together(t *testing.T, processes []*process, n int, path string, body func(i int) any) []answer {
	answers := make([]answer, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			var err error
			answers[i], err = processes[i%len(processes)].request(t.Context(), "POST", path, "", body(i))
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return answers
}

// Whoever exchanges one refresh token at the same time gets the same successor,
// at whatever process; it works, and the session lives.
func TestCase_RT_02_ThreeProcessesGiveOneSuccessor(t *testing.T) {
	beside(t)
	processes, file := three(t)
	who := processes[0].newPerson("alice")
	for round := range form(3, 100) {
		body := map[string]any{"refresh_token": who.refresh}
		successors := map[string]bool{}
		for _, a := range together(t, processes, 50, "/auth/refresh", func(int) any { return body }) {
			if a.status != http.StatusOK {
				t.Fatalf("round %d: %d %s", round, a.status, a.raw)
			}
			successors[a.text("refresh_token")] = true
			who.signedIn(a)
		}
		if len(successors) != 1 {
			t.Fatalf("round %d: %d successors", round, len(successors))
		}
	}
	for _, p := range processes {
		p.must(lives, "GET", "/v1/ping", who.token, nil)
	}
	file.sound(0)
}

// Of many guesses at once at three processes no more than the limit are
// compared, and the right password does not help while the account is locked.
func TestCase_LK_02_ThreeProcessesCountGuessesTogether(t *testing.T) {
	beside(t)
	processes, file := three(t)
	const guesses, limit = 200, 10
	for round := range form(1, 10) {
		name := fmt.Sprintf("person%d", round)
		processes[0].newPerson(name)
		statuses := map[int]int{}
		for _, a := range together(t, processes, guesses, "/auth/login", func(i int) any {
			return map[string]any{"username": name, "password": fmt.Sprint("a wrong guess ", i)}
		}) {
			statuses[a.status]++
		}
		// A process that has no room to compare says so, and counts nothing.
		compared, full := statuses[http.StatusUnauthorized], statuses[http.StatusServiceUnavailable]
		if compared > limit || compared+full+statuses[http.StatusTooManyRequests] != guesses {
			t.Errorf("round %d: the answers are %v", round, statuses)
		}
		for range limit - compared {
			processes[0].must(http.StatusUnauthorized, "POST", "/auth/login", "", map[string]any{"username": name, "password": "a wrong guess"})
		}
		for _, p := range processes {
			p.must(http.StatusTooManyRequests, "POST", "/auth/login", "", map[string]any{"username": name, "password": password})
		}
	}
	for _, p := range processes {
		p.terminate() // the trail is written then
	}
	checked := file.count("SELECT COALESCE(SUM(count), 0) FROM audit_events WHERE action = 'user.login_failed' AND result = 'failed'")
	if checked != limit*int64(form(1, 10)) {
		t.Errorf("%d guesses were compared", checked)
	}
}

// Of many registrations of one address at once one succeeds; the others are
// told so, and leave nothing.
func TestCase_RL_18_ThreeProcessesRegisterAnAddressOnce(t *testing.T) {
	beside(t)
	processes, file := three(t)
	for round := range form(2, 50) {
		statuses := map[int]int{}
		for _, a := range together(t, processes, 100, "/auth/register", func(i int) any {
			body := registration(fmt.Sprintf("person-%d-%d", round, i))
			body["email"] = fmt.Sprintf("person%d@example.com", round)
			return body
		}) {
			statuses[a.status]++
		}
		if statuses[http.StatusCreated] != 1 || statuses[http.StatusConflict] != 99 {
			t.Errorf("round %d: the answers are %v", round, statuses)
		}
	}
	if n := file.count("SELECT COUNT(*) FROM users"); n != int64(form(2, 50)) {
		t.Errorf("%d users", n)
	}
	file.sound(0)
}
