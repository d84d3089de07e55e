package middleware_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

// logLine is one line of the access log or of Recover.
type logLine struct {
	Level, Msg, Method, Pattern, Path string
	ClientIP                          string `json:"client_ip"`
	RequestID                         string `json:"request_id"`
	Status                            int
	Bytes                             int64
	Duration                          time.Duration
	Aborted                           bool
	Panic, Stack                      string
}

func jsonLogger(out io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(out, nil)) }

func lines(t *testing.T, out *bytes.Buffer) []logLine {
	t.Helper()
	var all []logLine
	for dec := json.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		var line logLine
		err := dec.Decode(&line)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
}

// ticking is a clock that moves on by a second at each reading.
func ticking() func() time.Time {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	mux.HandleFunc("GET /fault", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("GET /nothing", func(http.ResponseWriter, *http.Request) {})
	h := chain(mux,
		middleware.AssignRequestID(),
		middleware.AccessLog(middleware.AccessLogConfig{
			Logger: jsonLogger(&out),
			Clock:  ticking(),
			Skip:   func(r *http.Request) bool { return r.URL.Path == "/health/live" },
		}),
		middleware.ResolveClientIP(middleware.TrustedProxies{}),
		middleware.NotFound(),
	)
	for _, target := range []string{"/users/usr_1?access_token=s3cret", "/fault", "/nothing", "/missing", "/health/live"} {
		r := httptest.NewRequest("GET", target, strings.NewReader("s3cret"))
		r.Header.Set("Authorization", "Bearer s3cret")
		r.Header.Set("X-Request-ID", "id-1")
		serve(h, r)
	}
	if strings.Contains(out.String(), "s3cret") {
		t.Errorf("the log has a secret: %s", &out)
	}
	want := []logLine{
		{Level: "INFO", Pattern: "GET /users/{id}", Path: "/users/usr_1", Status: 200, Bytes: 5},
		{Level: "ERROR", Pattern: "GET /fault", Path: "/fault", Status: 502},
		{Level: "INFO", Pattern: "GET /nothing", Path: "/nothing", Status: 200},
		{Level: "WARN", Path: "/missing", Status: 404},
	}
	got := lines(t, &out)
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i, w := range want {
		w.Msg, w.Method, w.ClientIP, w.RequestID, w.Duration = "request", "GET", "192.0.2.1", "id-1", time.Second
		if w.Status == 404 {
			w.Bytes = got[i].Bytes // of the problem document
		}
		if got[i] != w {
			t.Errorf("line %d = %+v, want %+v", i, got[i], w)
		}
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  int  // of the answer; 0: the connection is aborted
		logged  bool // whether Recover logs a panic
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) { panic("s3cret fault") }, 500, true},
		{"an error", func(http.ResponseWriter, *http.Request) { panic(errors.New("s3cret fault")) }, 500, true},
		{"only headers set", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			w.Header().Set("Content-Encoding", "gzip")
			panic("s3cret fault")
		}, 500, true},
		{"already written", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic("s3cret fault")
		}, 0, true},
		{"aborted", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, false},
		{"no panic", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, 418, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, access bytes.Buffer
			served := make(chan struct{})
			logs := chain(tt.handler,
				middleware.AccessLog(middleware.AccessLogConfig{Logger: jsonLogger(&access)}),
				middleware.Recover(jsonLogger(&out)))
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(served)
				logs.ServeHTTP(w, r)
			}))
			defer srv.Close()
			res, err := srv.Client().Get(srv.URL)
			var body []byte
			if err == nil {
				body, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			<-served
			if (err != nil) != (tt.status == 0) {
				t.Fatalf("error = %v, body %q", err, body)
			}
			if tt.status != 0 && res.StatusCode != tt.status {
				t.Errorf("status = %d, want %d", res.StatusCode, tt.status)
			}
			if tt.status == 500 && res.Header.Get("Content-Type") != problem.ContentType {
				t.Errorf("answer is no problem: %s", body)
			}
			if bytes.Contains(body, []byte("s3cret")) || bytes.Contains(body, []byte("goroutine")) {
				t.Errorf("the answer shows the fault: %s", body)
			}
			logged := lines(t, &out)
			if (len(logged) == 1) != tt.logged {
				t.Fatalf("%d panics logged", len(logged))
			}
			if tt.logged && (!strings.Contains(logged[0].Panic, "fault") || !strings.Contains(logged[0].Stack, "logging_test.go")) {
				t.Errorf("the log does not show the panic: %+v", logged[0])
			}
			if all := lines(t, &access); len(all) != 1 || all[0].Aborted != (tt.status == 0) {
				t.Errorf("access log = %+v", all)
			}
		})
	}
}

// A handler that outlives its answer, as under http.TimeoutHandler, may set the
// subject while the line is written; the race detector watches.
func TestAccessLogBesideALateHandler(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	late := make(chan struct{})
	waits := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			next.ServeHTTP(w, r)
			close(late)
		})
	}
	h := chain(&handler{},
		middleware.AccessLog(middleware.AccessLogConfig{Logger: jsonLogger(&out)}),
		func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Nanosecond, "late") },
		waits, middleware.AssignRequestID(), middleware.ResolveClientIP(middleware.TrustedProxies{}), authenticate())
	serve(h, as("alice"))
	<-late
	if all := lines(t, &out); len(all) != 1 || all[0].Status != http.StatusServiceUnavailable {
		t.Errorf("access log = %+v", all)
	}
}

// The answer to a fault says nothing of its cause; the log does.
func TestTheCauseOfAFaultIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := middleware.Authenticate(middleware.AuthenticateConfig{
		Verifier: principals{}, Clock: atNoon, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})(nothing{})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-API-Key", "down")
	w := serve(h, r)
	wantProblem(t, w, http.StatusServiceUnavailable, store.ErrUnavailable)
	if strings.Contains(w.Body.String(), "database is gone") || !strings.Contains(log.String(), "database is gone") {
		t.Errorf("the answer is %s\nthe log is %s", w.Body, &log)
	}
	log.Reset()
	r.Header.Set("X-API-Key", "nonsense")
	if serve(h, r); log.Len() > 0 {
		t.Errorf("a refusal is logged as a fault: %s", &log)
	}
}
