package stress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is somebody to be slow with, and when he says that he gives up.
type server struct {
	*process
	header, body, idle time.Duration
}

// Many connections that send a byte now and then, and those that send nothing,
// keep nobody from being answered, and are cut when the server says.
func TestCase_HT_03_SlowConnections(t *testing.T) {
	beside(t)
	s := hurriedServer(t)
	if *long {
		s = bundledServer(t)
	}
	honest := registration("alice")
	s.must(http.StatusCreated, "POST", "/auth/register", "", honest)
	for _, slow := range []struct {
		name, start, drip string
		within            time.Duration
	}{
		{"Silent", "", "", s.header},
		{"Headers", "GET /health/live HTTP/1.1\r\nHost: h\r\nX-Slow: ", "s", s.header},
		{"Bodies", "POST /auth/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", " ", s.body},
		{"BodiesInChunks", "POST /auth/register HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", s.body},
		{"Idle", "GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n", "", s.idle},
	} {
		t.Run(slow.name, func(t *testing.T) {
			beside(t)
			var lives, probes, logins figures
			slowly, stop := context.WithCancel(t.Context())
			var others sync.WaitGroup
			others.Go(func() {
				for slowly.Err() == nil {
					s.probe(t, &probes, "GET", "/health/live", nil)
					s.probe(t, &logins, "POST", "/auth/login", map[string]any{"username": "alice", "password": honest["password"]})
					select {
					case <-slowly.Done():
					case <-time.After(20 * time.Millisecond):
					}
				}
			})
			var connections sync.WaitGroup
			for range form(200, 1000) {
				connections.Go(func() { lives.add(s.drip(t, slow.start, slow.drip, slow.within)) })
			}
			connections.Wait()
			stop()
			others.Wait()
			t.Logf("cut after %v, to be %v; meanwhile /health/live %v; sign-in %v", &lives, slow.within, &probes, &logins)
		})
	}
}

func (s *server) probe(t *testing.T, took *figures, method, path string, body any) {
	began := time.Now()
	a, err := s.request(t.Context(), method, path, "", body)
	if err != nil || a.status != http.StatusOK {
		t.Errorf("%s %s: %d %v %v", method, path, a.status, a.body, err)
	}
	took.add(time.Since(began))
}

// drip opens a connection, sends how a request starts and then a little, again
// and again, until the other side has closed it. It returns how long that took.
func (s *server) drip(t *testing.T, start, drip string, within time.Duration) time.Duration {
	began := time.Now()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Error(err)
		return 0
	}
	closed := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		_, err := io.WriteString(conn, start)
		for pause := time.NewTicker(100 * time.Millisecond); err == nil; {
			select {
			case <-pause.C:
				_, err = io.WriteString(conn, drip)
			case <-closed:
				pause.Stop()
				return
			}
		}
	})
	_ = conn.SetReadDeadline(began.Add(2*within + 20*time.Second))
	_, err = io.Copy(io.Discard, conn)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		t.Errorf("the connection was not cut %v after it should", within+20*time.Second)
	}
	took := time.Since(began)
	close(closed)
	conn.Close()
	sender.Wait()
	return took
}

// hurriedServer is a host of this process that soon gives up.
func hurriedServer(t *testing.T) *server {
	t.Helper()
	m := openManager(t, household(databasePath(t)))
	hurried := httptest.NewUnstartedServer(routes(m, new(feedSwitch)))
	s := &server{header: 2 * time.Second, body: 3 * time.Second, idle: 2 * time.Second}
	hurried.Config.ReadHeaderTimeout, hurried.Config.ReadTimeout, hurried.Config.IdleTimeout = s.header, s.body, s.idle
	hurried.Start()
	t.Cleanup(hurried.Close)
	s.process = &process{t: t, url: hurried.URL, client: hurried.Client(), log: new(record)}
	return s
}

// bundledServer is examples/server as it is, with the times that stand there.
func bundledServer(t *testing.T) *server {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../examples/server").CombinedOutput(); err != nil {
		t.Fatalf("building the bundled server: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(binary)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), append(hostVariables, "USERMGMT_LISTEN="+address)...)
	p := &process{t: t, url: "http://" + address, cmd: cmd, client: &http.Client{Transport: new(http.Transport)}, log: new(record), ended: make(chan struct{})}
	cmd.Stderr = p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		p.client.CloseIdleConnections()
	})
	for {
		if a, err := p.request(t.Context(), "GET", "/health/ready", "", nil); err == nil && a.status == http.StatusOK {
			return &server{process: p, header: 5 * time.Second, body: 15 * time.Second, idle: 60 * time.Second}
		}
		select {
		case <-p.ended:
			t.Fatalf("the bundled server ended: %v\n%s", p.err, p.log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
