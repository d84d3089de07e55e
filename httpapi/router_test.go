package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/middleware"
)

func jsonRequest(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// problemOf reads a problem document and what every one of them must have.
func problemOf(t *testing.T, w *httptest.ResponseRecorder) (code string) {
	t.Helper()
	var p struct {
		Code, Detail, Title string
		Status              int
		RequestID           string `json:"request_id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	h := w.Header()
	if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("type %q, cache %q", h.Get("Content-Type"), h.Get("Cache-Control"))
	}
	if p.Status != w.Code || p.Detail == "" || p.RequestID == "" || p.RequestID != h.Get("X-Request-ID") {
		t.Errorf("problem %+v of status %d, request id %q", p, w.Code, h.Get("X-Request-ID"))
	}
	return p.Code
}

// TestSecurity walks all operations of the document: what declares a
// credential refuses to go on without one, what declares none does not ask.
func TestSecurity(t *testing.T) {
	t.Parallel()
	api := bare(t)
	router := api.UserRouter("/auth")
	public := 0
	documentOf(t, api).operations(func(method, path string, op operation) {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, jsonRequest(method, strings.ReplaceAll(path, "{id}", "key_1"), `{"unknown":1}`))
		code := problemOf(t, w)
		if len(op.Security) == 0 {
			if public++; code != "validation_failed" {
				t.Errorf("%s %s: %s", method, path, code)
			}
			return
		}
		if w.Code != http.StatusUnauthorized || code != "unauthenticated" || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s %s: %d %s", method, path, w.Code, code)
		}
	})
	if public != 3 {
		t.Errorf("%d operations need no credential; register, login and refresh do", public)
	}
}

// TestSecurity_PublicRoutesReadNoCredential proves that the authenticator does
// not even run on them.
func TestSecurity_PublicRoutesReadNoCredential(t *testing.T) {
	t.Parallel()
	asked := 0
	api := httpapi.New(httpapi.Config{
		CursorKeys: [][]byte{make([]byte, 32)},
		Authenticate: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++; next.ServeHTTP(w, r) })
		},
	})
	router := api.UserRouter("/auth")
	for _, path := range []string{"/auth/register", "/auth/login", "/auth/refresh"} {
		r := jsonRequest("POST", path, `{}`)
		r.Header.Set("Authorization", "Basic nonsense")
		w := httptest.NewRecorder()
		if router.ServeHTTP(w, r); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if asked != 0 {
		t.Errorf("the authenticator ran %d times", asked)
	}
	router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/auth/me", nil))
	if asked != 1 {
		t.Errorf("the authenticator ran %d times for /me", asked)
	}
}

// TestLimits proves which limit stands where.
func TestLimits(t *testing.T) {
	t.Parallel()
	var order []string
	mark := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order = append(order, name)
				next.ServeHTTP(w, r)
			})
		}
	}
	router := httpapi.New(httpapi.Config{
		CursorKeys: [][]byte{make([]byte, 32)}, Authenticate: mark("authenticate"),
		LimitByIP: mark("ip"), LimitLogin: mark("login"), LimitByPrincipal: mark("principal"),
	}).UserRouter("/auth")
	for path, want := range map[string]string{
		"POST /auth/login":   "ip login",
		"POST /auth/refresh": "ip login",
		"GET /auth/me":       "ip authenticate principal",
		"POST /auth/logout":  "ip authenticate principal",
	} {
		order = nil
		method, target, _ := strings.Cut(path, " ")
		router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, nil))
		if got := strings.Join(order, " "); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestRouter_AnyPrefix(t *testing.T) {
	t.Parallel()
	for prefix, path := range map[string]string{
		"":          "/login",
		"/":         "/login",
		"/auth":     "/auth/login",
		"/auth/":    "/auth/login",
		"auth":      "/auth/login",
		"/a/b/auth": "/a/b/auth/login",
	} {
		router := bare(t).UserRouter(prefix)
		mux := http.NewServeMux()
		if prefix != "" && prefix != "/" {
			mux.Handle("/"+strings.Trim(prefix, "/")+"/", router)
		} else {
			mux.Handle("/", router)
		}
		for name, h := range map[string]http.Handler{"alone": router, "under a mux": middleware.NotFound()(mux)} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, jsonRequest("POST", path, `{}`))
			if code := problemOf(t, w); code != "validation_failed" {
				t.Errorf("prefix %q %s: %d %s", prefix, name, w.Code, code)
			}
			w = httptest.NewRecorder()
			h.ServeHTTP(w, jsonRequest("POST", path+"/CANARY", `{}`))
			if code := problemOf(t, w); code != "not_found" || strings.Contains(w.Body.String(), "CANARY") {
				t.Errorf("prefix %q %s: %d %s", prefix, name, w.Code, w.Body)
			}
		}
	}
}

func TestRouter_UnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	router := bare(t).UserRouter("/auth")
	for _, row := range []struct{ method, path, code, allow string }{
		{"GET", "/auth", "not_found", ""},
		{"GET", "/auth/", "not_found", ""},
		{"GET", "/auth/docs", "not_found", ""},
		{"GET", "/auth/schemas/User", "not_found", ""},
		{"GET", "/auth/openapi.json", "not_found", ""},
		{"GET", "/auth/me/keys/a/b/c", "not_found", ""},
		{"GET", "/elsewhere", "not_found", ""},
		{"GET", "/auth/login", "method_not_allowed", "POST"},
		{"PUT", "/auth/me", "method_not_allowed", "DELETE, GET, HEAD, PATCH"},
		{"OPTIONS", "/auth/me", "method_not_allowed", "DELETE, GET, HEAD, PATCH"},
		{"TRACE", "/auth/me/keys", "method_not_allowed", "GET, HEAD, POST"},
	} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest(row.method, row.path, nil))
		if code := problemOf(t, w); code != row.code || w.Header().Get("Allow") != row.allow {
			t.Errorf("%s %s: %s, Allow %q", row.method, row.path, code, w.Header().Get("Allow"))
		}
	}
}

func TestRouter_RequestID(t *testing.T) {
	t.Parallel()
	router := bare(t).UserRouter("/auth")
	wrapped := middleware.AssignRequestID()(router)
	for name, h := range map[string]http.Handler{"alone": router, "behind the middleware": wrapped} {
		r := httptest.NewRequest("GET", "/auth/me", nil)
		r.Header.Set("X-Request-ID", "mine-1")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Values("X-Request-ID"); len(got) != 1 || got[0] != "mine-1" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestBody is what may be sent before a service is asked.
func TestBody(t *testing.T) {
	t.Parallel()
	router := bare(t).UserRouter("/auth")
	big := `{"username":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, row := range []struct {
		name, body, code string
		header           map[string]string
		chunked          bool
	}{
		{name: "no body", code: "validation_failed"},
		{name: "no content type", body: `{}`, code: "unsupported_media_type", header: map[string]string{"Content-Type": ""}},
		{name: "a form", body: `username=a`, code: "unsupported_media_type", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{name: "text", body: `{}`, code: "unsupported_media_type", header: map[string]string{"Content-Type": "text/plain"}},
		{name: "another charset", body: `{}`, code: "unsupported_media_type", header: map[string]string{"Content-Type": "application/json; charset=utf-16"}},
		{name: "UTF-8 spelled out", body: `{}`, code: "validation_failed", header: map[string]string{"Content-Type": "Application/JSON; charset=UTF-8"}},
		{name: "compressed", body: `{}`, code: "unsupported_media_type", header: map[string]string{"Content-Encoding": "gzip"}},
		{name: "HT-01 too long, announced", body: big, code: "payload_too_large"},
		{name: "HT-01 too long, chunked", body: big, code: "payload_too_large", chunked: true},
		{name: "broken", body: `{`, code: "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := jsonRequest("POST", "/auth/login", row.body)
			for name, value := range row.header {
				r.Header.Set(name, value)
			}
			if row.chunked {
				r.ContentLength = -1
			}
			w := httptest.NewRecorder()
			router.ServeHTTP(w, r)
			if code := problemOf(t, w); code != row.code {
				t.Errorf("%d %s, want %s", w.Code, code, row.code)
			}
		})
	}
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		r := httptest.NewRequest("POST", "/auth/login", iotest.ErrReader(io.ErrUnexpectedEOF))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if code := problemOf(t, w); code != "invalid_request" {
			t.Errorf("%d %s", w.Code, code)
		}
	})
}

// TestBody_IsNeverRepeated sends secrets where they do not belong and looks for
// them in the answers.
func TestBody_IsNeverRepeated(t *testing.T) {
	t.Parallel()
	router := bare(t).UserRouter("/auth")
	for _, body := range []string{
		`{"username":"u","password":["CANARY"]}`,
		`{"username":{"CANARY":"CANARY"},"password":"CANARY"}`,
		`{"username":"u","password":"CANARY","CANARY":"CANARY"}`,
		`{"username":"u","password":"CANARY","password":"CANARY"}`,
		`{"username":"u","password":"CANARY"} CANARY`,
		`{"username":"u","password":"CANARY`,
		`"CANARY"`,
	} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, jsonRequest("POST", "/auth/login?CANARY=CANARY", body))
		if w.Code < 400 || w.Code >= 500 || strings.Contains(w.Body.String(), "CANARY") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestRouter_CredentialInTheQuery(t *testing.T) {
	t.Parallel()
	router := bare(t).UserRouter("/auth")
	for _, path := range []string{"/auth/login?access_token=x", "/auth/me?api_key=x"} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, jsonRequest("POST", path, `{}`))
		if code := problemOf(t, w); code != "invalid_request" {
			t.Errorf("%s: %s", path, code)
		}
	}
}

// TestSecurity_OtherKinds walks all operations with credentials of the other
// kinds of account: they are worth nothing here.
func TestSecurity_OtherKinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{api: func(c *httpapi.Config) {
		c.Authenticate = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, kind, _ := strings.Cut(r.Header.Get("Authorization"), " ")
				p := &authn.Principal{Subject: "adm_1", Kind: authn.Kind(kind), SessionID: "ses_1", AllScopes: true}
				next.ServeHTTP(w, r.WithContext(authn.NewContext(r.Context(), p)))
			})
		}
	}})
	documentOf(t, w.api).operations(func(method, path string, op operation) {
		if len(op.Security) == 0 {
			return
		}
		own := map[string]authn.Kind{"/auth/": authn.KindUser, "/staff": authn.KindStaff, "/admin": authn.KindAdmin, "/servi": authn.KindService}[path[:6]]
		for _, kind := range []authn.Kind{authn.KindUser, authn.KindStaff, authn.KindAdmin, authn.KindService, "else"} {
			if kind == own {
				continue
			}
			w.call(method, strings.ReplaceAll(path, "{id}", "x"), string(kind), `{}`).want(http.StatusUnauthorized, "invalid_token")
		}
	})
}

func TestConstruction_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(){
		"an API without Authenticate": func() { httpapi.New(httpapi.Config{CursorKeys: [][]byte{make([]byte, 32)}}) },
		"a route without an action":   func() { httpapi.AddRoute(bare(t), "") },
		"a route of no known action":  func() { httpapi.AddRoute(bare(t), "user.fly") },
		"a prefix with a wildcard":    func() { bare(t).UserRouter("/{tenant}") },
		"a prefix with a method":      func() { bare(t).UserRouter("GET /auth") },
		"a prefix that is a URL":      func() { bare(t).UserRouter("https://auth.example/auth") },
		"a prefix with a query":       func() { bare(t).UserRouter("/auth?x") },
		"a pattern that is documented and not enforced": func() {
			httpapi.Decoder[struct {
				Name string `json:"name" pattern:"^a"`
			}]()
		},
		"a format that is documented and not enforced": func() {
			httpapi.Decoder[struct {
				Name string `json:"name" format:"email"`
			}]()
		},
	} {
		func() {
			defer func() {
				said, ok := recover().(string)
				if !ok || !strings.HasPrefix(said, "httpapi") {
					t.Errorf("%s: %q", name, said)
				}
			}()
			build()
		}()
	}
	httpapi.AddRoute(bare(t), authz.ReadProfile)
}

// TestConcurrency makes routers while others serve and the document is read:
// the race detector is what it fails under.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	api := bare(t)
	first := api.UserRouter("/first")
	var running sync.WaitGroup
	for i := range 4 {
		running.Go(func() { api.UserRouter("/" + strings.Repeat("x", i+1)) })
		running.Go(func() {
			api.OpenAPI().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/openapi.json", nil))
		})
		running.Go(func() { first.ServeHTTP(httptest.NewRecorder(), jsonRequest("POST", "/first/login", `{"username":1}`)) })
	}
	running.Wait()
	if doc := documentOf(t, api); doc.Paths["/xxxx/me"] == nil || doc.Paths["/first/me"] == nil {
		t.Error("a router is missing from the document")
	}
}
