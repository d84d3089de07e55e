package httpapi_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/allowlist"
	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
	"github.com/usermgmt/usermgmt/tasks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password      = "a quiet walk at noon"
	adminPassword = "a long way down the river"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// world is a whole service over a real database and a real listener.
type world struct {
	t        *testing.T
	server   *httptest.Server
	api      *httpapi.API
	cfg      httpapi.Config
	store    store.Store
	trail    *audit.Trail
	metering *metering.Service
	messages *messagelog.Log
	staff    *account.Staff
	admins   *account.Admins
	logs     *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

// settings are what a test may change of a world.
type settings struct {
	account func(*account.Config)
	api     func(*httpapi.Config)
	store   func(store.Store) store.Store
	tasks   []tasks.Task // beside the built-in ones
}

func newWorld(t *testing.T, s settings) *world {
	t.Helper()
	w := &world{t: t, now: noon, logs: &lockedBuffer{}}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), nil)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	w.store = db
	if s.store != nil {
		w.store = s.store(db)
	}
	secret := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	logger := slog.New(slog.NewTextHandler(w.logs, nil))

	w.trail, err = audit.New(audit.Config{Store: w.store, Keys: [][]byte{secret(1)}, Clock: w.clock})
	must(t, err)
	t.Cleanup(func() { must(t, w.trail.Close()) })
	versions := version.New()
	door := change.NewDoor(change.Config{Store: w.store, Trail: w.trail, Versions: versions, Origin: "test", Clock: w.clock})
	ring, err := authn.NewKeyring([][]byte{secret(2)})
	must(t, err)
	tokens, err := authn.NewTokens(authn.TokenConfig{Keyring: ring, Issuer: "https://auth.example", Clock: w.clock})
	must(t, err)
	sessions := authn.NewSessions(authn.SessionsConfig{Store: w.store, Door: door, Tokens: tokens, Keyring: ring, Clock: w.clock})
	keys := authn.NewKeys(authn.KeysConfig{
		Store: w.store, Door: door, Clock: w.clock, HostScopes: []string{"chat:write"}, DefaultScopes: []string{"chat:write"},
	})
	hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 4, Floor: time.Microsecond})
	must(t, err)
	sealing, err := seal.New([]string{seal.GenerateKey()})
	must(t, err)
	services := authn.NewServiceKeys(authn.ServiceKeysConfig{Store: w.store, Door: door, Clock: w.clock})
	w.metering, err = metering.New(metering.Config{Store: w.store, Door: door, Versions: versions, Clock: w.clock, DefaultPlan: store.Plan{
		ID: "free", Name: "Free", Limits: []store.Limit{{Meter: metering.Conversations, Window: store.Day, Limit: 100}},
	}})
	must(t, err)
	t.Cleanup(func() { must(t, w.metering.Close()) })
	must(t, w.metering.EnsureDefaultPlan(t.Context()))
	w.messages = messagelog.New(messagelog.Config{Store: w.store, Door: door, Clock: w.clock})
	t.Cleanup(func() { must(t, w.messages.Close()) })
	accounts := account.Config{
		Store: w.store, Door: door, Trail: w.trail, Hasher: hasher, Keyring: ring, Sessions: sessions, Seal: sealing,
		DefaultPlan: "free", Metering: w.metering, Messages: w.messages, Clock: w.clock,
	}
	if s.account != nil {
		s.account(&accounts)
	}
	users, err := account.New(accounts)
	must(t, err)
	w.admins, err = account.NewAdmins(accounts)
	must(t, err)
	w.staff, err = account.NewStaff(accounts)
	must(t, err)
	verifier := authn.NewVerifier(authn.VerifierConfig{
		Store: w.store, Tokens: tokens, Versions: versions, Fresh: func(time.Time) bool { return true },
	})

	w.cfg = httpapi.Config{
		Users: users, Sessions: sessions, Keys: keys, Staff: w.staff, Admins: w.admins, Services: services, Metering: w.metering, Messages: w.messages, Tokens: tokens, Trail: w.trail,
		Authenticate: middleware.Authenticate(middleware.AuthenticateConfig{Verifier: verifier, Clock: w.clock}),
		Allowlist:    w.allowlist(door, versions),
		Tasks:        w.runner(door, s.tasks),
		Door:         door,
		Ceilings:     authz.Ceilings{CreditGrant: 1000, CreditDay: 2500, ReadMessages: true},
		CursorKeys:   [][]byte{secret(3)}, Version: "1.2.3", Logger: logger, Clock: w.clock,
		Health: []httpapi.HealthCheck{{Name: "database", Run: w.store.Ping}},
	}
	w.restart(s.api)
	return w
}

// allowlist is the list of addresses, which the test's own server does not ask.
func (w *world) allowlist(door *change.Door, versions *version.Table) *allowlist.List {
	w.t.Helper()
	l, err := allowlist.New(w.t.Context(), allowlist.Config{
		Store: w.store, Door: door, Versions: versions, Fresh: func(time.Time) bool { return true }, Clock: w.clock, Logger: slog.New(slog.DiscardHandler),
	})
	must(w.t, err)
	return l
}

// runner has the built-in tasks, which nobody runs at their times.
func (w *world) runner(door *change.Door, more []tasks.Task) *tasks.Runner {
	w.t.Helper()
	builtin := tasks.Builtins{
		Store: w.store, Door: door, Clock: w.clock, Logger: slog.New(slog.DiscardHandler),
		BackupDir: filepath.Join(w.t.TempDir(), "backups"), BackupEvery: 24 * time.Hour, BackupKeep: 7,
	}
	r, err := tasks.New(tasks.Config{Tasks: append(builtin.Tasks(), more...), Store: w.store, Door: door, Clock: w.clock})
	must(w.t, err)
	w.t.Cleanup(r.Close)
	return r
}

// restart serves the same services by a new API. change alters how.
func (w *world) restart(change func(*httpapi.Config)) {
	if change != nil {
		change(&w.cfg)
	}
	w.api = httpapi.New(w.cfg)
	mux := http.NewServeMux()
	mux.Handle("/auth/", w.api.UserRouter("/auth"))
	mux.Handle("/admin/", w.api.AdminRouter("/admin"))
	mux.Handle("/staff/", w.api.StaffRouter("/staff"))
	mux.Handle("/service/", w.api.ServiceRouter("/service"))
	mux.Handle("/health", w.api.Health())
	mux.Handle("/health/", w.api.Health())
	mux.Handle("/.well-known/jwks.json", w.api.JWKS())
	mux.Handle("/openapi.json", w.api.OpenAPI())
	h := middleware.NotFound()(mux)
	h = middleware.ResolveClientIP(middleware.TrustedProxies{})(h)
	w.server = httptest.NewServer(middleware.AssignRequestID()(middleware.Recover(w.cfg.Logger)(h)))
	w.t.Cleanup(w.server.Close)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// answer is a response that was read whole.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// call sends a request under an idempotency key of its own. The credential goes
// into Authorization, or into X-API-Key for a key; "" sends none. The body is
// JSON text.
func (w *world) call(method, path, credential, body string) answer {
	w.t.Helper()
	return w.repeat(rand.Text(), method, path, credential, body)
}

// repeat is call under an idempotency key; "" sends none.
func (w *world) repeat(key, method, path, credential, body string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	must(w.t, err)
	r.Header.Set("X-Request-ID", "request-1")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	if body != "" {
		r.Header.Set("Content-Type", mediaOf(path))
	}
	switch {
	case strings.HasPrefix(credential, "um_"), strings.HasPrefix(credential, "ums_"):
		r.Header.Set("X-API-Key", credential)
	case credential != "":
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	return w.send(r)
}

// mediaOf is what the body of a route is.
func mediaOf(path string) string {
	if strings.HasSuffix(path, "/import") {
		return "application/x-ndjson"
	}
	return "application/json"
}

// send sends a request as it is.
func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	response, err := w.server.Client().Do(r)
	must(w.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(w.t, err)
	return answer{w.t, response.StatusCode, response.Header, string(text)}
}

// want fails the test unless the answer has the status and, from 400 on, the
// code.
func (a answer) want(status int, code string) answer {
	a.t.Helper()
	got := ""
	if a.status >= 400 {
		got, _ = a.json()["code"].(string)
	}
	if a.status != status || got != code {
		a.t.Fatalf("status %d %s, want %d %s: %s", a.status, got, status, code, a.body)
	}
	return a
}

func (a answer) json() map[string]any {
	a.t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		a.t.Fatalf("status %d %q: %v", a.status, a.body, err)
	}
	return v
}

// text returns a member that is a string, by its path.
func (a answer) text(path ...string) string {
	a.t.Helper()
	v := a.json()
	for _, name := range path[:len(path)-1] {
		v, _ = v[name].(map[string]any)
	}
	s, ok := v[path[len(path)-1]].(string)
	if !ok {
		a.t.Fatalf("no text %v in %s", path, a.body)
	}
	return s
}

func (a answer) items() []map[string]any {
	a.t.Helper()
	var v struct{ Items []map[string]any }
	must(a.t, json.Unmarshal([]byte(a.body), &v))
	if v.Items == nil {
		a.t.Fatalf("no items in %s", a.body)
	}
	return v.Items
}

// person is a registered user.
type person struct{ id, access, refresh, session string }

func (w *world) register(name string) person {
	w.t.Helper()
	a := w.call("POST", "/auth/register", "", `{"username":"`+name+`","email":"`+name+`@example.com","password":"`+password+`"}`)
	return personOf(a.want(http.StatusCreated, ""))
}

func (w *world) login(name string) person {
	w.t.Helper()
	return personOf(w.call("POST", "/auth/login", "", `{"username":"`+name+`","password":"`+password+`"}`).want(http.StatusOK, ""))
}

func personOf(a answer) person {
	return person{a.text("user", "id"), a.text("access_token"), a.text("refresh_token"), a.text("session_id")}
}

// admin signs the first admin in, whom the first call makes.
func (w *world) admin() person {
	w.t.Helper()
	_, err := w.admins.EnsureFirst(w.t.Context(), "root", adminPassword)
	must(w.t, err)
	return personOf(w.call("POST", "/admin/login", "", `{"username":"root","password":"`+adminPassword+`"}`).want(http.StatusOK, ""))
}

// member signs a member of the support staff in, whom the first call of a level
// makes.
func (w *world) member(level store.StaffLevel) person {
	w.t.Helper()
	name := fmt.Sprintf("helper-%d", level)
	_, err := w.staff.Create(w.t.Context(), store.System(), account.NewStaffMember{
		Name: "Helper", Username: name, Level: level, Password: adminPassword,
	})
	if !errors.Is(err, store.ErrUsernameTaken) {
		must(w.t, err)
	}
	return personOf(w.call("POST", "/staff/login", "", `{"username":"`+name+`","password":"`+adminPassword+`"}`).want(http.StatusOK, ""))
}

// serviceKey makes a service key and returns its id and the key itself.
func (w *world) serviceKey(body string) (id, secret string) {
	w.t.Helper()
	a := w.call("POST", "/admin/service-keys", w.admin().access, body).want(http.StatusCreated, "")
	return a.text("id"), a.text("key")
}

// key makes an API key and returns its id and the key itself.
func (w *world) key(by, body string) (id, secret string) {
	w.t.Helper()
	a := w.call("POST", "/auth/me/keys", by, body).want(http.StatusCreated, "")
	return a.text("id"), a.text("key")
}

// denials lists the actions that the audit trail has as denied, in order.
func (w *world) denials() []string {
	w.t.Helper()
	must(w.t, w.trail.Flush(w.t.Context()))
	list, err := w.trail.List(w.t.Context(), store.AuditFilter{}, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
	must(w.t, err)
	var actions []string
	for _, e := range list.Items {
		if e.Result == store.Denied {
			actions = append(actions, e.Action+" "+e.Target.ID)
		}
	}
	return actions
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is a log that handlers write to at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
