package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/httpapi"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	const hidden = "CANARY"
	fails := func(context.Context) error { return errors.New(hidden) }
	works := func(context.Context) error { return nil }
	for _, row := range []struct {
		name   string
		checks []httpapi.HealthCheck
		status string
		code   int
	}{
		{"nothing to ask", nil, "ok", 200},
		{"all works", []httpapi.HealthCheck{{Name: "database", Run: works}, {Name: "mail", Run: works, Optional: true}}, "ok", 200},
		{"an optional thing fails", []httpapi.HealthCheck{{Name: "database", Run: works}, {Name: "mail", Run: fails, Optional: true}}, "degraded", 200},
		{"the database fails", []httpapi.HealthCheck{{Name: "mail", Run: fails, Optional: true}, {Name: "database", Run: fails}}, "down", 503},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			now := noon
			h := httpapi.New(httpapi.Config{
				Authenticate: func(next http.Handler) http.Handler { return next }, CursorKeys: [][]byte{make([]byte, 32)}, Version: "1.2.3",
				Clock: func() time.Time { return now }, Health: row.checks,
				OpsAllowed: func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.7") },
			}).Health()
			now = now.Add(90 * time.Second)
			get := func(path, from string) *httptest.ResponseRecorder {
				r := httptest.NewRequest("GET", path, nil)
				r.RemoteAddr = from
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if strings.Contains(w.Body.String(), hidden) {
					t.Errorf("%s says why a check failed: %s", path, w.Body)
				}
				return w
			}
			for _, from := range []string{"198.51.100.1:1", "@", "[2001:db8::1]:1"} {
				if w := get("/health", from); w.Code != row.code || w.Body.String() != `{"status":"`+row.status+`"}`+"\n" {
					t.Errorf("from %s: %d %s", from, w.Code, w.Body)
				}
			}
			want := map[string]any{"status": row.status, "version": "1.2.3", "uptime_seconds": 90.0}
			for _, c := range row.checks {
				state := "ok"
				if c.Run(t.Context()) != nil {
					state = map[bool]string{true: "degraded", false: "down"}[c.Optional]
				}
				if want["checks"] == nil {
					want["checks"] = map[string]any{}
				}
				want["checks"].(map[string]any)[c.Name] = map[string]any{"status": state, "latency_ms": 0.0}
			}
			for _, from := range []string{"127.0.0.1:1", "[::1]:1", "192.0.2.7:1", "[::ffff:192.0.2.7]:1"} {
				w := get("/health", from)
				var got map[string]any
				must(t, json.Unmarshal(w.Body.Bytes(), &got))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("from %s (-want +got): %s", from, diff)
				}
			}
			if w := get("/any/prefix/health/ready", "127.0.0.1:1"); w.Code != row.code || strings.Contains(w.Body.String(), "checks") {
				t.Errorf("ready: %d %s", w.Code, w.Body)
			}
			if w := get("/health/live", "198.51.100.1:1"); w.Code != 200 || w.Body.String() != `{"status":"ok"}`+"\n" {
				t.Errorf("live: %d %s", w.Code, w.Body)
			}
			if w := get("/health/other", "127.0.0.1:1"); w.Code != 404 {
				t.Errorf("another path: %d", w.Code)
			}
			if w := get("/health", "127.0.0.1:1"); (w.Code == 503) != (w.Header().Get("Retry-After") != "") || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	a := w.call("GET", "/.well-known/jwks.json", "nonsense", "")
	keys, ok := a.json()["keys"].([]any)
	if a.status != 200 || !ok || len(keys) != 1 || a.header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if key := keys[0].(map[string]any); key["kty"] != "OKP" || key["d"] != nil {
		t.Errorf("got %v", key)
	}
}
