package usermgmt_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "a quiet test phrase"

// host is a service built on usermgmt, behind a real listener.
type host struct {
	t   *testing.T
	mgr *usermgmt.Manager
	url string
}

// open makes a Manager on a database file that a test may open again.
func open(t *testing.T, path string, options ...func(*usermgmt.Config)) *usermgmt.Manager {
	t.Helper()
	cfg := usermgmt.Config{DatabaseURL: "sqlite:" + path, BcryptCost: 4, Scopes: []string{"chat"}, DefaultScopes: []string{"chat"}}
	for _, option := range options {
		option(&cfg)
	}
	mgr, err := usermgmt.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mgr.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return mgr
}

func databasePath(t *testing.T) string { return filepath.Join(t.TempDir(), "usermgmt.db") }

// serve puts the user router and one metered handler behind a listener.
func serve(t *testing.T, mgr *usermgmt.Manager, chat http.HandlerFunc) *host {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/auth/", mgr.UserRouter("/auth"))
	mux.Handle("/admin/", mgr.AdminRouter("/admin"))
	mux.Handle("/staff/", mgr.StaffRouter("/staff"))
	mux.Handle("/service/", mgr.ServiceRouter("/service"))
	mux.Handle("/health", mgr.HealthHandler())
	mux.Handle("/openapi.json", mgr.OpenAPIHandler())
	mux.Handle("POST /v1/chat", mgr.Protect(usermgmt.Scope("chat"), usermgmt.Conversation())(chat))
	server := httptest.NewServer(mgr.Wrap(mux))
	t.Cleanup(server.Close)
	return &host{t: t, mgr: mgr, url: server.URL}
}

func newHost(t *testing.T, options ...func(*usermgmt.Config)) *host {
	t.Helper()
	options = append([]func(*usermgmt.Config){unhurried}, options...)
	return serve(t, open(t, databasePath(t), options...), ok)
}

// unhurried lifts the rates, so that a test meets the limit it is about.
func unhurried(cfg *usermgmt.Config) {
	cfg.RateLimit.PerSecond, cfg.RateLimit.Burst = 1e6, 1e6
	cfg.IPRateLimit, cfg.LoginRateLimit = cfg.RateLimit, cfg.RateLimit
}

func daily(n int64) func(*usermgmt.Config) {
	return func(cfg *usermgmt.Config) { cfg.DailyConversations = &n }
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"reply":"ok"}`) }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) text(member string) string {
	s, _ := a.body[member].(string)
	return s
}

// call sends a request with a JSON body, or none when body is nil. A credential
// that begins with "um_" goes into X-API-Key.
func (h *host) call(method, path, credential string, body any) answer {
	h.t.Helper()
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		payload = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, payload)
	if err != nil {
		h.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if credential != "" {
		if len(credential) > 3 && credential[:3] == "um_" {
			r.Header.Set("X-API-Key", credential)
		} else {
			r.Header.Set("Authorization", "Bearer "+credential)
		}
	}
	return h.send(r)
}

func (h *host) send(r *http.Request) answer {
	h.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header}
	_ = json.Unmarshal(raw, &a.body) // an event stream or an empty body has none
	return a
}

// want fails the test unless the answer has the status and, for a problem, the
// code.
func (h *host) want(a answer, status int, code string) {
	h.t.Helper()
	if a.status != status || a.text("code") != code {
		h.t.Fatalf("answer %d %q; want %d %q: %v", a.status, a.text("code"), status, code, a.body)
	}
}

// register makes a user and returns the session.
func (h *host) register(name string) answer {
	h.t.Helper()
	a := h.call("POST", "/auth/register", "", map[string]any{"username": name, "email": name + "@example.com", "password": password})
	h.want(a, http.StatusCreated, "")
	return a
}

func (h *host) login(name string) answer {
	h.t.Helper()
	a := h.call("POST", "/auth/login", "", map[string]any{"username": name, "password": password})
	h.want(a, http.StatusOK, "")
	return a
}

// key makes an API key and returns its id and its secret.
func (h *host) key(token string) (id, secret string) {
	h.t.Helper()
	a := h.call("POST", "/auth/me/keys", token, map[string]any{"name": "test"})
	h.want(a, http.StatusCreated, "")
	return a.text("id"), a.text("key")
}
