package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/middleware"
)

func TestCase_HT_05_CORS(t *testing.T) {
	t.Parallel()
	mw := middleware.CORS(middleware.CORSConfig{
		Origins:     []string{"https://good.example", "http://localhost:3000"},
		Credentials: true,
	})
	tests := []struct {
		origin string
		listed bool
	}{
		{"https://good.example", true},
		{"http://localhost:3000", true},
		{"https://evil", false},
		{"null", false},
		{"*", false},
		{"https://good.example.evil", false},
		{"https://sub.good.example", false},
		{"http://good.example", false},
		{"https://good.example:8443", false},
		{"https://GOOD.example", false},
		{"https://good.example/", false},
		{"http://localhost", false},
	}
	for _, tt := range tests {
		t.Run(tt.origin, func(t *testing.T) {
			t.Parallel()
			var h handler
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Origin", tt.origin)
			w := serve(mw(&h), r)
			checkCORS(t, w.Header(), tt.origin, tt.listed)
			if h.calls != 1 {
				t.Error("a simple request must reach the handler")
			}

			r = httptest.NewRequest("OPTIONS", "/", nil)
			r.Header.Set("Origin", tt.origin)
			r.Header.Set("Access-Control-Request-Method", "POST")
			w = serve(mw(&h), r)
			checkCORS(t, w.Header(), tt.origin, tt.listed)
			if w.Code != http.StatusNoContent || h.calls != 1 {
				t.Errorf("preflight: status %d, handler called %d times", w.Code, h.calls)
			}
			if got := w.Header().Get("Access-Control-Allow-Methods") != ""; got != tt.listed {
				t.Errorf("methods given = %v, want %v", got, tt.listed)
			}
		})
	}
}

func checkCORS(t *testing.T, h http.Header, origin string, listed bool) {
	t.Helper()
	if !slices.Contains(h.Values("Vary"), "Origin") {
		t.Errorf("Vary = %q, want Origin in it", h.Values("Vary"))
	}
	var wantOrigin, wantCredentials string
	if listed {
		wantOrigin, wantCredentials = origin, "true"
	}
	if got := h.Get("Access-Control-Allow-Origin"); got != wantOrigin {
		t.Errorf("Access-Control-Allow-Origin = %q, want %q", got, wantOrigin)
	}
	if got := h.Get("Access-Control-Allow-Credentials"); got != wantCredentials {
		t.Errorf("Access-Control-Allow-Credentials = %q, want %q", got, wantCredentials)
	}
}

func TestCORSWithoutOriginsLeavesOptionsAlone(t *testing.T) {
	t.Parallel()
	var h handler
	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.Header.Set("Origin", "https://evil")
	r.Header.Set("Access-Control-Request-Method", "POST")
	w := serve(middleware.CORS(middleware.CORSConfig{})(&h), r)
	if h.calls != 1 {
		t.Error("OPTIONS did not reach the handler")
	}
	checkCORS(t, w.Header(), "https://evil", false)
}

func TestParseOrigins(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in string
		ok bool
	}{
		{"", true},
		{"https://app.example.com, http://localhost:3000", true},
		{"https://[2001:db8::1]:8443", true},
		{"*", false},
		{"null", false},
		{"https://*.example.com", false},
		{"https://app.example.com/", false},
		{"https://app.example.com:443", false},
		{"http://app.example.com:80", false},
		{"https://app.example.com:", false},
		{"https://App.example.com", false},
		{"HTTPS://app.example.com", false},
		{"https://user@app.example.com", false},
		{"https://app.example.com?x", false},
		{"ftp://app.example.com", false},
		{"app.example.com", false},
		{"https://bücher.example", false},
		{"https://xn--bcher-kva.example", true},
		{"https://a%2eexample", false},
		{"https://a.example,,https://b.example", false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			origins, err := middleware.ParseOrigins(tt.in)
			if (err == nil) != tt.ok {
				t.Errorf("got %q, %v; want ok = %v", origins, err, tt.ok)
			}
		})
	}
	mustPanic(t, func() { middleware.CORS(middleware.CORSConfig{Origins: []string{"*"}}) })
}
