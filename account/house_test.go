package account_test

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodPassword = "correct-horse-password123"

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	home = authn.Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "test/1", RequestID: "req_1"}
	away = authn.Origin{IP: netip.MustParseAddr("198.51.100.9"), RequestID: "req_2"}
)

// house is the service on a database of its own, with a clock that stands still.
type house struct {
	*account.Users
	t        testing.TB
	store    store.Store
	trail    *audit.Trail
	versions *version.Table
	sessions *authn.Sessions
	keys     *authn.Keys
	seal     *seal.Keyring
	cfg      account.Config

	mu  sync.Mutex
	now time.Time
}

// newHouse opens a database and moves in. change alters the configuration.
func newHouse(t testing.TB, change ...func(*account.Config)) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), nil)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return moveIn(t, db, change...)
}

// moveIn starts another instance on a database.
func moveIn(t testing.TB, db store.Store, alter ...func(*account.Config)) *house {
	t.Helper()
	h := &house{t: t, store: db, now: noon, versions: version.New()}
	var err error
	h.trail, err = audit.New(audit.Config{Store: db, Keys: [][]byte{bytes.Repeat([]byte{3}, 32)}, Clock: h.clock})
	must(t, err)
	t.Cleanup(func() { must(t, h.trail.Close()) })
	door := change.NewDoor(change.Config{Store: db, Trail: h.trail, Versions: h.versions, Origin: "test", Clock: h.clock})
	ring, err := authn.NewKeyring([][]byte{bytes.Repeat([]byte{1}, 32)})
	must(t, err)
	tokens, err := authn.NewTokens(authn.TokenConfig{Keyring: ring, Algorithm: authn.AlgorithmHS256, Issuer: "https://example.com", Clock: h.clock})
	must(t, err)
	h.sessions = authn.NewSessions(authn.SessionsConfig{Store: db, Door: door, Tokens: tokens, Keyring: ring, Clock: h.clock})
	h.keys = authn.NewKeys(authn.KeysConfig{Store: db, Door: door, Prefix: "um_", Clock: h.clock})
	h.seal, err = seal.New([]string{seal.GenerateKey()})
	must(t, err)
	hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 4, Queue: 1000, Floor: time.Millisecond})
	must(t, err)
	h.cfg = account.Config{
		Store: db, Door: door, Trail: h.trail, Hasher: hasher, Keyring: ring, Sessions: h.sessions, Seal: h.seal,
		Policy: account.PasswordPolicy{Brand: "acmerockets"}, DefaultPlan: "free", Clock: h.clock,
	}
	for _, a := range alter {
		a(&h.cfg)
	}
	h.Users, err = account.New(h.cfg)
	must(t, err)
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// register makes an account with goodPassword from home.
func (h *house) register(username string) (store.User, authn.Grant) {
	h.t.Helper()
	user, grant, err := h.Register(h.t.Context(), account.Registration{
		Username: username, Email: username + "@example.com", Password: goodPassword,
	}, home)
	must(h.t, err)
	return user, grant
}

// code signs in and returns how that ended, "" for well.
func (h *house) code(name, password string, from authn.Origin) store.Code {
	h.t.Helper()
	_, _, err := h.SignIn(h.t.Context(), name, password, from)
	return store.CodeOf(err)
}

// events returns the trail's events of an action, oldest first.
func (h *house) events(action string) []store.AuditEvent {
	h.t.Helper()
	must(h.t, h.trail.Flush(h.t.Context()))
	list, err := h.trail.List(h.t.Context(), store.AuditFilter{Action: action}, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
	must(h.t, err)
	for _, e := range list.Items {
		if !h.trail.Check(e) {
			h.t.Errorf("event %s of %s does not check", e.ID, e.Action)
		}
	}
	return list.Items
}

// live counts the live sessions of an account.
func (h *house) live(id string) int {
	h.t.Helper()
	list, err := h.sessions.List(h.t.Context(), id, store.Page{})
	must(h.t, err)
	return len(list.Items)
}

// ends reports whether a call ends cached verdicts about a user.
func (h *house) ends(id string, call func()) bool {
	key := store.UserVersion(id)
	before := h.versions.Load(version.Stripe(key))
	call()
	return h.versions.Load(version.Stripe(key)) != before
}

func actorOf(u store.User) store.Actor {
	return store.Actor{Kind: store.ActorUser, ID: u.ID, Name: u.Username, IP: home.IP.String(), RequestID: "req_1"}
}

var staff = store.Actor{Kind: store.ActorStaff, ID: "stf_1", Name: "sam"}
