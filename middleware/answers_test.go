package middleware_test

import (
	"bytes"
	"context"
	"crypto/tls"
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

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	plain := httptest.NewRequest("GET", "/", nil)
	overTLS := httptest.NewRequest("GET", "/", nil)
	overTLS.TLS = &tls.ConnectionState{}
	tests := []struct {
		name string
		cfg  middleware.HeadersConfig
		r    *http.Request
		hsts string
	}{
		{"plain", middleware.HeadersConfig{}, plain, ""},
		{"TLS", middleware.HeadersConfig{}, overTLS, "max-age=31536000; includeSubDomains"},
		{"behind a proxy", middleware.HeadersConfig{HTTPS: true, HSTSMaxAge: time.Hour}, plain, "max-age=3600; includeSubDomains"},
		{"off", middleware.HeadersConfig{HTTPS: true, HSTSMaxAge: -1}, overTLS, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := serve(middleware.SecurityHeaders(tt.cfg)(&handler{}), tt.r)
			for name, want := range map[string]string{
				"X-Content-Type-Options":     "nosniff",
				"Referrer-Policy":            "no-referrer",
				"Cross-Origin-Opener-Policy": "same-origin",
				"Content-Security-Policy":    "default-src 'none'; frame-ancestors 'none'",
				"Strict-Transport-Security":  tt.hsts,
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
		})
	}
	t.Run("a handler overrides", func(t *testing.T) {
		t.Parallel()
		page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
		})
		w := serve(middleware.SecurityHeaders(middleware.HeadersConfig{})(page), plain)
		if got := w.Header().Values("Content-Security-Policy"); len(got) != 1 || got[0] != "default-src 'self'" {
			t.Errorf("policy = %q", got)
		}
	})
}

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
			if tt.logged && (!strings.Contains(logged[0].Panic, "fault") || !strings.Contains(logged[0].Stack, "answers_test.go")) {
				t.Errorf("the log does not show the panic: %+v", logged[0])
			}
			if all := lines(t, &access); len(all) != 1 || all[0].Aborted != (tt.status == 0) {
				t.Errorf("access log = %+v", all)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /own", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	mux.HandleFunc("GET /html", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<p>gone</p>")
	})
	h := chain(mux, middleware.AssignRequestID(), middleware.NotFound())

	t.Run("unknown path", func(t *testing.T) {
		t.Parallel()
		w := serve(h, httptest.NewRequest("GET", "/s3cret", nil))
		p := wantProblem(t, w, http.StatusNotFound, store.ErrNotFound)
		if p.RequestID == "" || strings.Contains(w.Body.String(), "s3cret") || strings.Contains(w.Body.String(), "page not found") {
			t.Errorf("body = %s", w.Body)
		}
	})
	t.Run("unknown method", func(t *testing.T) {
		t.Parallel()
		w := serve(h, httptest.NewRequest("DELETE", "/own", nil))
		wantProblem(t, w, http.StatusMethodNotAllowed, store.ErrMethodNotAllowed)
		if got := w.Header().Get("Allow"); got != "GET, HEAD" {
			t.Errorf("Allow = %q", got)
		}
	})
	t.Run("HEAD has no body", func(t *testing.T) {
		t.Parallel()
		w := serve(h, httptest.NewRequest("HEAD", "/missing", nil))
		if w.Code != http.StatusNotFound || w.Body.Len() != 0 {
			t.Errorf("status %d, body %q", w.Code, w.Body)
		}
	})
	for path, want := range map[string]string{"/own": "404 page not found\n", "/html": "<p>gone</p>"} {
		t.Run("a handler's own 404 "+path, func(t *testing.T) {
			t.Parallel()
			if w := serve(h, httptest.NewRequest("GET", path, nil)); w.Code != http.StatusNotFound || w.Body.String() != want {
				t.Errorf("status %d, body %q; want %q", w.Code, w.Body, want)
			}
		})
	}
	t.Run("a mux below a mux", func(t *testing.T) {
		t.Parallel()
		outer := http.NewServeMux()
		outer.Handle("/api/", h)
		w := serve(middleware.NotFound()(outer), httptest.NewRequest("GET", "/api/missing", nil))
		wantProblem(t, w, http.StatusNotFound, store.ErrNotFound)
	})
}

func TestQueryCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	for query, refused := range map[string]bool{
		"access_token=x":        true,
		"a=b&access_token":      true,
		"api_key=um_x":          true,
		"API_KEY=um_x":          true,
		"%61ccess_token=x":      true,
		"access%5Ftoken=x&a=%z": true,
		"":                      false,
		"token=x":               false,
		"key=x&q=access_token":  false,
		"my_access_token=x":     false,
		"%zz=1":                 false,
	} {
		t.Run("JW-11 "+query, func(t *testing.T) {
			t.Parallel()
			var h handler
			w := serve(middleware.NoQueryCredentials()(&h), httptest.NewRequest("GET", "/?"+query, nil))
			if refused {
				wantProblem(t, w, http.StatusBadRequest, store.ErrInvalidRequest)
			} else if h.calls != 1 {
				t.Errorf("refused: %s", w.Body)
			}
		})
	}
}

func TestCase_HT_01_BodyLimit(t *testing.T) {
	t.Parallel()
	const limit = 8
	tests := []struct {
		name, body, encoding string
		chunked              bool
		status               int
		code                 store.Code
	}{
		{"at the limit", "12345678", "", false, 200, ""},
		{"at the limit, chunked", "12345678", "", true, 200, ""},
		{"announced too long", "123456789", "", false, 413, store.ErrPayloadTooLarge},
		{"chunked too long", "123456789", "", true, 418, ""},
		{"identity", "1", "identity", false, 200, ""},
		{"gzip", "1", "gzip", false, 415, store.ErrUnsupportedMediaType},
		{"zstd", "1", "zstd", false, 415, store.ErrUnsupportedMediaType},
		{"identity, gzip", "1", "identity, gzip", false, 415, store.ErrUnsupportedMediaType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reads := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err != nil {
					if _, ok := errors.AsType[*http.MaxBytesError](err); !ok {
						t.Errorf("error = %v", err)
					}
					w.WriteHeader(http.StatusTeapot)
				}
			})
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			if tt.chunked {
				r.ContentLength = -1
			}
			if tt.encoding != "" {
				r.Header.Set("Content-Encoding", tt.encoding)
			}
			w := serve(middleware.BodyLimit(limit)(reads), r)
			if tt.code != "" {
				wantProblem(t, w, tt.status, tt.code)
			} else if w.Code != tt.status {
				t.Errorf("status = %d, want %d", w.Code, tt.status)
			}
		})
	}
	mustPanic(t, func() { middleware.BodyLimit(0) })
}

// The wrapped ResponseWriter still flushes, hijacks, sets deadlines and copies
// from readers.
func TestWrappedWritersKeepTheirAbilities(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 8)
	mux := http.NewServeMux()
	mux.HandleFunc("/flush", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		errs <- errors.Join(http.NewResponseController(w).Flush(), http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)))
	})
	mux.HandleFunc("/copy", func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("copied"))
		errs <- err
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		errs <- err
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			conn.Close()
		}
		panic("after the hijack")
	})
	var out bytes.Buffer
	srv := httptest.NewServer(chain(mux,
		middleware.AccessLog(middleware.AccessLogConfig{Logger: jsonLogger(&out)}),
		middleware.Recover(nil), middleware.NotFound()))
	defer srv.Close()
	for path, want := range map[string]string{"/flush": "a", "/copy": "copied", "/hijack": ""} {
		res, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if string(body) != want {
			t.Errorf("%s: body %q, want %q", path, body, want)
		}
		if err := <-errs; err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A request's context stays a context of its parent.
func TestContextOfTheRequestIsKept(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		child, stop := context.WithCancel(r.Context())
		defer stop()
		if r.Context().Value(key{}) != "kept" {
			t.Error("a value of the parent is lost")
		}
		cancel()
		<-child.Done()
	})
	serve(middleware.AssignRequestID()(h), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
}
