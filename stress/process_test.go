package stress_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const password = "a quiet test phrase"

// process is a host that runs, seen from outside.
type process struct {
	t      testing.TB
	url    string
	cmd    *exec.Cmd
	client *http.Client
	log    *record
	ended  chan struct{} // closed when the process is gone
	err    error         // of its end; for whoever has seen ended closed
}

// record collects what a process writes to standard error.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// tail is the end of it, for the message of a test that fails.
func (r *record) tail() string {
	s := r.String()
	return s[max(0, len(s)-4000):]
}

// databasePath names a database that is not there yet.
func databasePath(t testing.TB) string { return filepath.Join(t.TempDir(), "usermgmt.db") }

// start runs a host until the test ends and waits until it listens.
func start(t testing.TB, s settings) *process {
	t.Helper()
	p, err := launch(t, s)
	if err != nil {
		t.Fatalf("the host did not start: %v\n%s", err, p.log.tail())
	}
	return p
}

// launch is start for a host that may refuse to.
func launch(t testing.TB, s settings) (*process, error) {
	t.Helper()
	told, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	command := append(slices.Clone(s.Before), os.Args[0])
	p := &process{t: t, cmd: exec.Command(command[0], command[1:]...), log: new(record), ended: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), hostVariables...), s.Variables...)
	p.cmd.Env = append(p.cmd.Env, roleVariable+"=host", settingsVariable+"="+string(told))
	p.cmd.Stderr = p.log
	if _, err := p.cmd.StdinPipe(); err != nil { // its end tells the host that nobody is left
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd.Stdout = in
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	p.client = &http.Client{Transport: transport}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		transport.CloseIdleConnections()
		if strings.Contains(p.log.String(), "DATA RACE") {
			t.Errorf("the host raced:\n%s", p.log)
		}
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	p.url = strings.TrimSpace(address)
	return p, err
}

// in returns the process for a subtest, which fails in its place.
func (p *process) in(t testing.TB) *process {
	q := *p
	q.t = t
	return &q
}

// signal sends a signal to a process that runs.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%v: %v\n%s", s, err, p.log.tail())
	}
}

// kill is kill -9. A process that is gone already is left so.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop pauses the whole process; resume lets it go on.
func (p *process) stop()   { p.t.Helper(); p.signal(syscall.SIGSTOP) }
func (p *process) resume() { p.t.Helper(); p.signal(syscall.SIGCONT) }

// terminate asks the process to end, which it must do cleanly.
func (p *process) terminate() {
	p.t.Helper()
	p.client.CloseIdleConnections() // a server waits for those that were never used
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		if p.err != nil {
			p.t.Fatalf("after SIGTERM: %v\n%s", p.err, p.log.tail())
		}
	case <-time.After(20 * time.Second):
		p.t.Fatalf("the host did not end\n%s", p.log.tail())
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any // nil when it is no JSON object
}

func (a answer) text(member string) string {
	s, _ := a.body[member].(string)
	return s
}

func (a answer) number(member string) int64 {
	n, _ := a.body[member].(float64)
	return int64(n)
}

// request is what a process is asked. A body is sent as JSON, or none when it is
// nil; a credential that begins with "um_" goes into X-API-Key, and a key into
// Idempotency-Key.
type request struct {
	method, path, credential, key string
	body                          any
}

// request sends one without a key.
func (p *process) request(ctx context.Context, method, path, credential string, body any) (answer, error) {
	return p.send(ctx, request{method: method, path: path, credential: credential, body: body})
}

func (p *process) send(ctx context.Context, what request) (answer, error) {
	var payload io.Reader
	if what.body != nil {
		b, err := json.Marshal(what.body)
		if err != nil {
			return answer{}, err
		}
		payload = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, what.method, p.url+what.path, payload)
	if err != nil {
		return answer{}, err
	}
	if what.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case strings.HasPrefix(what.credential, "um_"):
		r.Header.Set("X-API-Key", what.credential)
	case what.credential != "":
		r.Header.Set("Authorization", "Bearer "+what.credential)
	}
	if what.key != "" {
		r.Header.Set("Idempotency-Key", what.key)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &a.body) // an answer without a document has none
	return a, nil
}

// must is request for an answer that has to come, with this status.
func (p *process) must(status int, method, path, credential string, body any) answer {
	p.t.Helper()
	a, err := p.request(p.t.Context(), method, path, credential, body)
	if err != nil || a.status != status {
		p.t.Fatalf("%s %s: %d %v, %v; want %d\n%s", method, path, a.status, a.body, err, status, p.log.tail())
	}
	return a
}

// person is a user with a session and a key.
type person struct {
	name, id       string
	session, token string // the id, and the access token
	refresh        string
	keyID, key     string
	password       string
}

// newPerson registers a user and makes a key.
func (p *process) newPerson(name string) *person {
	p.t.Helper()
	a := p.must(http.StatusCreated, "POST", "/auth/register", "", registration(name))
	who := &person{name: name, password: password}
	who.signedIn(a)
	key := p.must(http.StatusCreated, "POST", "/auth/me/keys", who.token, map[string]any{"name": "test"})
	who.keyID, who.key = key.text("id"), key.text("key")
	return who
}

func registration(name string) map[string]any {
	return map[string]any{"username": name, "email": name + "@example.com", "password": password}
}

// signedIn takes the session out of an answer.
func (who *person) signedIn(a answer) {
	who.session, who.token, who.refresh = a.text("session_id"), a.text("access_token"), a.text("refresh_token")
	if user, ok := a.body["user"].(map[string]any); ok {
		who.id, _ = user["id"].(string)
	}
}

// conversations returns what the day's counter of conversations says.
func (p *process) conversations(token string) (used, reserved int64) {
	p.t.Helper()
	a := p.must(http.StatusOK, "GET", "/auth/me/usage", token, nil)
	meters, _ := a.body["meters"].([]any)
	for _, m := range meters {
		meter := answer{body: m.(map[string]any)}
		if meter.text("meter") == "conversations" && meter.text("window") == "day" {
			return meter.number("used"), meter.number("reserved")
		}
	}
	p.t.Fatalf("no conversations in %v", a.body)
	return 0, 0
}
