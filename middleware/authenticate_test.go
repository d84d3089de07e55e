package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// principals is an Authenticator of fixed credentials. The credential "down"
// is one of which nobody can tell.
type principals map[string]*authn.Principal

func (ps principals) Verify(_ context.Context, credential string, from authn.Caller, now time.Time) (*authn.Principal, error) {
	p, ok := ps[credential]
	switch {
	case credential == "down":
		return nil, store.Unavailable(errors.New("the database is gone"))
	case !ok, now != noon:
		return nil, store.Errorf(store.ErrInvalidToken, "No.")
	case !from.ClientAddr().IsValid():
		return nil, store.Errorf(store.ErrIPNotAllowed, "No.")
	}
	return p, nil
}

var (
	alice = &authn.Principal{Subject: "usr_alice", Kind: authn.KindUser, AllScopes: true}
	key   = &authn.Principal{Subject: "usr_alice", Kind: authn.KindUser, KeyID: "key_1", KeyFamily: "kfm_1", Scopes: []string{"usage:read"}}
	root  = &authn.Principal{Subject: "adm_root", Kind: authn.KindAdmin, AllScopes: true}
)

var known = principals{"alice": alice, "key": key, "root": root}

// authenticate is the middleware over the known credentials.
func authenticate() func(http.Handler) http.Handler {
	return middleware.Authenticate(middleware.AuthenticateConfig{Verifier: known, Clock: atNoon})
}

// as returns a request of whoever the credential belongs to.
func as(credential string) *http.Request {
	r := httptest.NewRequest("POST", "/v1/chat", nil)
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	return r
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		target  string
		headers [][2]string
		want    string // the subject, or "" for anonymous
		status  int
		code    store.Code
	}{
		{name: "nobody"},
		{name: "bearer", headers: [][2]string{{"Authorization", "Bearer alice"}}, want: "usr_alice"},
		{name: "any case of the scheme", headers: [][2]string{{"Authorization", "bEARER alice"}}, want: "usr_alice"},
		{name: "API key", headers: [][2]string{{"X-API-Key", "key"}}, want: "usr_alice"},
		{name: "API key as bearer", headers: [][2]string{{"Authorization", "Bearer key"}}, want: "usr_alice"},
		{name: "JW-11 the same credential twice", headers: [][2]string{{"Authorization", "Bearer key"}, {"X-API-Key", "key"}}, want: "usr_alice"},
		{name: "JW-11 two credentials", headers: [][2]string{{"Authorization", "Bearer alice"}, {"X-API-Key", "key"}}, status: 400, code: store.ErrInvalidRequest},
		{name: "JW-11 two Authorization headers", headers: [][2]string{{"Authorization", "Bearer alice"}, {"Authorization", "Bearer root"}}, status: 400, code: store.ErrInvalidRequest},
		{name: "JW-11 the same Authorization header twice", headers: [][2]string{{"Authorization", "Bearer alice"}, {"Authorization", "Bearer alice"}}, status: 400, code: store.ErrInvalidRequest},
		{name: "JW-11 two X-API-Key headers", headers: [][2]string{{"X-API-Key", "key"}, {"X-API-Key", "key"}}, status: 400, code: store.ErrInvalidRequest},
		{name: "JW-11 two in one header", headers: [][2]string{{"Authorization", "Bearer alice, Bearer root"}}, status: 401, code: store.ErrInvalidToken},
		{name: "JW-11 in the query", target: "/?access_token=alice", status: 400, code: store.ErrInvalidRequest},
		{name: "JW-11 in the query beside a good one", target: "/?api_key=key", headers: [][2]string{{"X-API-Key", "key"}}, status: 400, code: store.ErrInvalidRequest},
		{name: "unknown", headers: [][2]string{{"Authorization", "Bearer mallory"}}, status: 401, code: store.ErrInvalidToken},
		{name: "Basic", headers: [][2]string{{"Authorization", "Basic YTpi"}}, status: 401, code: store.ErrInvalidToken},
		{name: "Basic beside a key", headers: [][2]string{{"Authorization", "Basic YTpi"}, {"X-API-Key", "key"}}, status: 401, code: store.ErrInvalidToken},
		{name: "no scheme", headers: [][2]string{{"Authorization", "alice"}}, status: 401, code: store.ErrInvalidToken},
		{name: "nothing after the scheme", headers: [][2]string{{"Authorization", "Bearer "}}, status: 401, code: store.ErrInvalidToken},
		{name: "empty Authorization", headers: [][2]string{{"Authorization", ""}}, status: 401, code: store.ErrInvalidToken},
		{name: "empty X-API-Key", headers: [][2]string{{"X-API-Key", ""}}, status: 401, code: store.ErrInvalidToken},
		{name: "too long", headers: [][2]string{{"X-API-Key", strings.Repeat("k", 8<<10+1)}}, status: 401, code: store.ErrInvalidToken},
		{name: "nobody can tell", headers: [][2]string{{"X-API-Key", "down"}}, status: 503, code: store.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h handler
			var denied []error
			mw := middleware.Authenticate(middleware.AuthenticateConfig{
				Verifier: known, Clock: atNoon,
				Denied: func(_ *http.Request, err error) { denied = append(denied, err) },
			})
			r := httptest.NewRequest("GET", "/"+strings.TrimPrefix(tt.target, "/"), nil)
			for _, kv := range tt.headers {
				r.Header.Add(kv[0], kv[1])
			}
			w := serve(mw(&h), r)
			if tt.code != "" {
				wantProblem(t, w, tt.status, tt.code)
				if h.calls != 0 {
					t.Error("the handler ran")
				}
				if got, want := len(denied) == 1, tt.status != 503; got != want {
					t.Errorf("reported as denied = %v, want %v", got, want)
				}
				return
			}
			p, ok := authn.FromContext(h.seen.Context())
			if p.Subject != tt.want || ok != (tt.want != "") {
				t.Errorf("principal = %q, %v; want %q", p.Subject, ok, tt.want)
			}
		})
	}
	mustPanic(t, func() { middleware.Authenticate(middleware.AuthenticateConfig{}) })
}

func TestAuthenticateUsesTheClientsAddress(t *testing.T) {
	t.Parallel()
	proxies, err := middleware.ParseTrustedProxies("10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	var asked netip.Addr
	v := verifierFunc(func(ip netip.Addr) (*authn.Principal, error) { asked = ip; return alice, nil })
	h := chain(&handler{}, middleware.ResolveClientIP(proxies),
		middleware.Authenticate(middleware.AuthenticateConfig{Verifier: v}))
	r := as("alice")
	r.RemoteAddr = "10.0.0.5:80"
	r.Header.Set("X-Forwarded-For", "3.3.3.3")
	serve(h, r)
	if asked.String() != "3.3.3.3" {
		t.Errorf("verified for address %v", asked)
	}
}

type verifierFunc func(netip.Addr) (*authn.Principal, error)

func (f verifierFunc) Verify(_ context.Context, _ string, from authn.Caller, _ time.Time) (*authn.Principal, error) {
	return f(from.ClientAddr())
}

func TestAccessLogNamesTheSubject(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := chain(&handler{}, middleware.AccessLog(middleware.AccessLogConfig{Logger: jsonLogger(&out)}), authenticate())
	serve(h, as("alice"))
	if !strings.Contains(out.String(), `"subject":"usr_alice"`) {
		t.Errorf("log = %s", &out)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		mw         func(http.Handler) http.Handler
		credential string
		status     int
		code       store.Code
	}{
		{"user: user", middleware.RequireUser(), "alice", 200, ""},
		{"user: key", middleware.RequireUser(), "key", 200, ""},
		{"user: admin", middleware.RequireUser(), "root", 401, store.ErrInvalidToken},
		{"user: nobody", middleware.RequireUser(), "", 401, store.ErrUnauthenticated},
		{"staff or admin: admin", middleware.RequireKind(authn.KindStaff, authn.KindAdmin), "root", 200, ""},
		{"staff or admin: user", middleware.RequireKind(authn.KindStaff, authn.KindAdmin), "alice", 401, store.ErrInvalidToken},
		{"scope: token", middleware.RequireScope("usage:read", "keys:manage"), "alice", 200, ""},
		{"scope: key with it", middleware.RequireScope("usage:read"), "key", 200, ""},
		{"scope: key with one of two", middleware.RequireScope("usage:read", "keys:manage"), "key", 403, store.ErrForbidden},
		{"scope: nobody", middleware.RequireScope("usage:read"), "", 401, store.ErrUnauthenticated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h handler
			w := serve(chain(&h, authenticate(), tt.mw), as(tt.credential))
			if tt.code == "" {
				if w.Code != tt.status {
					t.Errorf("status = %d: %s", w.Code, w.Body)
				}
				return
			}
			wantProblem(t, w, tt.status, tt.code)
			if h.calls != 0 {
				t.Error("the handler ran")
			}
		})
	}
	mustPanic(t, func() { middleware.RequireKind() })
	mustPanic(t, func() { middleware.RequireScope() })
	mustPanic(t, func() { middleware.RequireScope("") })
}

func TestGuardReportsDenials(t *testing.T) {
	t.Parallel()
	var denied []store.Code
	g := middleware.Guard{Denied: func(_ *http.Request, err error) { denied = append(denied, store.CodeOf(err)) }}
	serve(chain(&handler{}, authenticate(), g.Kind(authn.KindUser), g.Scope("keys:manage")), as("alice"))
	serve(chain(&handler{}, authenticate(), g.Kind(authn.KindUser)), as("root"))
	serve(chain(&handler{}, authenticate(), g.Scope("keys:manage")), as("key"))
	if len(denied) != 2 || denied[0] != store.ErrInvalidToken || denied[1] != store.ErrForbidden {
		t.Errorf("denied = %v", denied)
	}
}

func FuzzCredential(f *testing.F) {
	for _, s := range []string{"Bearer alice", "bearer  key", "Basic YTpi", "Bearer a, Bearer b", "Bearer\talice", ""} {
		f.Add(s, "")
		f.Add("", s)
	}
	f.Fuzz(func(t *testing.T, authorization, apiKey string) {
		var h handler
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{authorization}
		r.Header["X-Api-Key"] = []string{apiKey}
		w := serve(authenticate()(&h), r)
		if h.calls == 1 && apiKey != "alice" && apiKey != "key" && apiKey != "root" {
			t.Errorf("%q and %q were let through: %d", authorization, apiKey, w.Code)
		}
		if h.calls == 1 && !strings.HasSuffix(authorization, apiKey) {
			t.Errorf("%q and %q are two credentials", authorization, apiKey)
		}
	})
}
