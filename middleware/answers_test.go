package middleware_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
	// Other routers set no pattern: what they answer is theirs all the same.
	for name, own := range map[string]http.HandlerFunc{
		"words of its own": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such item", http.StatusNotFound) },
		"nothing": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusNotFound)
		},
		"a flushed header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusNotFound)
			_ = http.NewResponseController(w).Flush()
		},
		"a copied body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.Copy(w, strings.NewReader("copied"))
		},
	} {
		t.Run("a handler without a pattern answers "+name, func(t *testing.T) {
			t.Parallel()
			w := serve(middleware.NotFound()(own), httptest.NewRequest("GET", "/", nil))
			if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "not_found") {
				t.Errorf("status %d, body %q", w.Code, w.Body)
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
