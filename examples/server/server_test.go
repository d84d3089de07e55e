package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the server: started again with this variable, it runs
// main in the folder it stands in.
const asServer = "RUN_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a running server.
type process struct {
	t      *testing.T
	url    string
	dir    string
	cmd    *exec.Cmd
	output *bytes.Buffer
	exited chan error
}

// start runs the server in a folder and waits until it answers.
func start(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	address := freeAddress(t)
	p := &process{t: t, url: "http://" + address, dir: dir, output: new(bytes.Buffer), exited: make(chan error, 1)}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), append([]string{
		asServer + "=1", "USERMGMT_LISTEN=" + address, "USERMGMT_BCRYPT_COST=4",
		"USERMGMT_RATE_LIMIT=100000/s,burst=100000", "USERMGMT_LOGIN_RATE_LIMIT=100000/s,burst=100000",
	}, env...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	for {
		res, err := http.Get(p.url + "/health/ready")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return p
			}
		}
		select {
		case err := <-p.exited:
			t.Fatalf("the server ended: %v\n%s", err, p.output)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// terminate sends SIGTERM and waits for a clean end within ten seconds.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		if err != nil {
			p.t.Fatalf("after SIGTERM: %v\n%s", err, p.output)
		}
	case <-time.After(10 * time.Second):
		p.t.Fatalf("the server did not end within 10 s of SIGTERM")
	}
}

func (p *process) post(ctx context.Context, path, credential, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+credential)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

func (p *process) get(path, credential string) map[string]any {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), "GET", p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("GET %s: %d %v", path, res.StatusCode, err)
	}
	return body
}

func (p *process) register(name string) (token string) {
	p.t.Helper()
	status, body, err := p.post(p.t.Context(), "/auth/register", "", fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":"a quiet test phrase"}`, name, name))
	if err != nil || status != http.StatusCreated {
		p.t.Fatalf("register: %d %s %v", status, body, err)
	}
	var session struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &session); err != nil {
		p.t.Fatal(err)
	}
	return session.AccessToken
}

func TestAnEmptyFolderIsEnough(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	token := p.register("alice")
	status, body, err := p.post(t.Context(), "/v1/chat", token, `{"message":"hello  there"}`)
	if err != nil || status != 200 || !strings.Contains(body, `"reply":"You said: hello there"`) || !strings.Contains(body, `"tokens":6`) {
		t.Errorf("chat: %d %s %v", status, body, err)
	}
	for _, bad := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"message":`, 400, "invalid_request"},
		{`{"message":"a","MESSAGE":"b"}`, 422, "validation_failed"},
		{`{"message":"  "}`, 422, "validation_failed"},
		{`{"message":"a","model":"` + strings.Repeat("m", 129) + `"}`, 422, "validation_failed"},
	} {
		status, body, err := p.post(t.Context(), "/v1/chat", token, bad.body)
		if err != nil || status != bad.status || !strings.Contains(body, `"code":"`+bad.code+`"`) {
			t.Errorf("a bad chat: %d %s %v; want %d %s", status, body, err, bad.status, bad.code)
		}
	}
	meters := p.get("/auth/me/usage", token)["meters"].([]any)
	if used := meters[0].(map[string]any)["used"]; used != 5.0 {
		t.Errorf("%v conversations used; want 5: a refusal of the handler's own is its answer", used)
	}
	p.terminate()
	for _, file := range []string{"usermgmt.db", "usermgmt.db.keys"} {
		if info, err := os.Stat(filepath.Join(p.dir, file)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v; want it readable by its owner alone", file, info, err)
		}
	}
}

func TestChatStreamsEvents(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	token := p.register("alice")
	r, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/v1/chat", strings.NewReader(`{"message":"one two","conversation_id":"c1"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q: an answer of one's own is kept by nobody", got)
	}
	var lines []string
	for scanner := bufio.NewScanner(res.Body); scanner.Scan(); {
		if scanner.Text() != "" {
			lines = append(lines, scanner.Text())
		}
	}
	want := `data: {"delta":"You "}|data: {"delta":"said: "}|data: {"delta":"one "}|data: {"delta":"two"}|event: done|data: {"tokens":6}`
	if got := strings.Join(lines, "|"); got != want || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the stream is %s\nwant %s", got, want)
	}
	items := p.get("/auth/me/messages?conversation_id=c1", token)["items"].([]any)
	if len(items) != 1 || items[0].(map[string]any)["status"] != "ok" || items[0].(map[string]any)["seq"] != 1.0 {
		t.Errorf("the log of the stream: %v", items)
	}
}

// Every chat that was answered 200 is in the log after a SIGTERM in the middle
// of the load, once; and the server ends in time.
func TestSIGTERMUnderLoadLosesNoAcknowledgedLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "USERMGMT_DAILY_CONVERSATIONS=-1")
	token := p.register("alice")

	var mu sync.Mutex
	acknowledged := make(map[string]bool)
	var group sync.WaitGroup
	enough := make(chan struct{})
	for worker := range 16 {
		group.Go(func() {
			for i := 0; ; i++ {
				conversation := fmt.Sprintf("c-%d-%d", worker, i)
				status, _, err := p.post(t.Context(), "/v1/chat", token, fmt.Sprintf(`{"message":"hello","conversation_id":%q}`, conversation))
				if err != nil || status == http.StatusServiceUnavailable {
					return // the server is going away
				}
				if status != http.StatusOK {
					t.Errorf("chat: %d", status)
					return
				}
				mu.Lock()
				acknowledged[conversation] = true
				if len(acknowledged) == 200 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	p.terminate()
	group.Wait()

	p = start(t, dir, "USERMGMT_DAILY_CONVERSATIONS=-1")
	stored := make(map[string]int)
	for cursor := ""; ; {
		page := p.get("/auth/me/messages?limit=200&cursor="+cursor, token)
		for _, item := range page["items"].([]any) {
			stored[item.(map[string]any)["conversation_id"].(string)]++
		}
		if cursor, _ = page["next_cursor"].(string); cursor == "" {
			break
		}
	}
	for conversation := range acknowledged {
		if stored[conversation] != 1 {
			t.Errorf("%s was acknowledged and is stored %d times", conversation, stored[conversation])
		}
	}
	t.Logf("%d acknowledged, %d stored", len(acknowledged), len(stored))
}

// A client that never finishes its request does not make the end a failure.
func TestSIGTERMCutsOffWhoeverHangs(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := "POST /auth/login HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	// The server asks for the body when a handler waits for it.
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	p.terminate()
}

// Whatever is wrong with a setting is said in one line, and nothing is made.
func TestAWrongSettingIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asServer+"=1", "USERMGMT_ENV=production")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "USERMGMT_SECRET_KEYS") {
		t.Errorf("production without secrets: %v\n%s", err, out)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("files were made: %v", entries)
	}
}
