package usermgmt_test

import (
	"context"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

const inside, outside = "10.1.2.3:1", "192.0.2.9:1"

// admitted reports whether a peer is served on a path.
func admitted(t *testing.T, h http.Handler, peer, path, credential string) bool {
	t.Helper()
	switch w := from(h, peer, "GET", path, credential, "", nil); {
	case w.Code == 200:
		return true
	case w.Code != 403 || !strings.Contains(w.Body.String(), `"ip_not_allowed"`):
		t.Fatalf("%s from %s: %d %s", path, peer, w.Code, w.Body)
	}
	return false
}

// allow sets the list.
func allow(t *testing.T, mgr *usermgmt.Manager, list ...string) {
	t.Helper()
	var networks []netip.Prefix
	for _, n := range list {
		networks = append(networks, netip.MustParsePrefix(n))
	}
	if err := mgr.IPAllowlist().Set(t.Context(), usermgmt.System(), networks); err != nil {
		t.Fatal(err)
	}
}

// instance serves one of several Managers on a database.
func instance(t *testing.T, path string, options ...func(*usermgmt.Config)) (http.Handler, *usermgmt.Manager) {
	t.Helper()
	mgr := open(t, path, append(options, unhurried)...)
	mux := http.NewServeMux()
	mux.Handle("/auth/", mgr.UserRouter("/auth"))
	mux.Handle("/admin/", mgr.AdminRouter("/admin"))
	mux.Handle("/health/", mgr.HealthHandler())
	mux.Handle("/health", mgr.HealthHandler())
	return mgr.Wrap(mux), mgr
}

// TestCase_C5_TheAllowlistHoldsOnEveryInstance sets a list on one of two: it holds
// there at once and on the other within a second, for tokens and keys that both
// remember, and no header talks anybody past it.
func TestCase_C5_IP_02_TheAllowlistHoldsOnEveryInstance(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	here, mgr := instance(t, path)
	there, _ := instance(t, path)
	alice, grant, err := mgr.Users().Register(t.Context(), usermgmt.Registration{Username: "alice", Email: "alice@example.com", Password: password}, usermgmt.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := mgr.Keys().Create(t.Context(), usermgmt.System(), usermgmt.PrincipalOf(alice), usermgmt.NewKey{Name: "k", Scopes: []string{"account:read"}})
	if err != nil {
		t.Fatal(err)
	}
	credentials := []string{grant.AccessToken.Reveal(), key.Reveal()}
	for _, h := range []http.Handler{here, there} {
		for _, credential := range credentials {
			if !admitted(t, h, outside, "/auth/me", credential) {
				t.Fatal("refused without a list")
			}
		}
	}

	allow(t, mgr, "10.0.0.0/8")
	set := time.Now()
	for _, credential := range credentials {
		if admitted(t, here, outside, "/auth/me", credential) || !admitted(t, here, inside, "/auth/me", credential) {
			t.Error("the list does not hold when it was set")
		}
	}
	poll := time.Tick(5 * time.Millisecond)
	for admitted(t, there, outside, "/auth/me", credentials[0]) {
		if <-poll; time.Since(set) > 5*time.Second {
			t.Fatal("the list does not hold on the other instance after 5 seconds")
		}
	}
	t.Logf("it held on the other instance after %v", time.Since(set).Round(time.Millisecond))
	for _, credential := range append(credentials, "") {
		claims := http.Header{"X-Forwarded-For": {"10.1.2.3"}, "X-Real-Ip": {"10.1.2.3"}, "Forwarded": {"for=10.1.2.3"}}
		for _, h := range []http.Handler{here, there} {
			if w := from(h, outside, "GET", "/auth/me", credential, "", claims); w.Code != 403 || !strings.Contains(w.Body.String(), "ip_not_allowed") {
				t.Errorf("a claim opens the list: %d %s", w.Code, w.Body)
			}
			for _, probe := range []string{"/health/live", "/health/ready"} {
				if !admitted(t, h, outside, probe, "") {
					t.Errorf("%s is refused", probe)
				}
			}
			if admitted(t, h, outside, "/health", "") {
				t.Error("/health is not exempt")
			}
		}
	}
	if err := mgr.Audit().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	events, err := mgr.Audit().List(t.Context(), store.AuditFilter{Action: "settings.ip_allowlist"}, usermgmt.Page{})
	if err != nil || len(events.Items) != 1 {
		t.Errorf("the trail has %v, %v", events.Items, err)
	}

	allow(t, mgr)
	if !admitted(t, here, outside, "/auth/me", credentials[0]) {
		t.Error("an empty list refuses")
	}
}

// Both lists must admit, and the one that was set outlives a restart.
func TestTheAllowlistsOfConfigurationAndAdminsBothHold(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	configured := func(cfg *usermgmt.Config) { cfg.IPAllowlist = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }
	_, mgr := instance(t, path, configured)
	allow(t, mgr, "10.1.0.0/16", "192.0.2.0/24")
	again, _ := instance(t, path, configured)
	for peer, want := range map[string]bool{inside: true, "10.2.0.1:1": false, outside: false} {
		if got := from(again, peer, "GET", "/health", "", "", nil).Code == 200; got != want {
			t.Errorf("from %s: admitted %v", peer, got)
		}
	}
}

// TestAdminsOnlyFromTheirNetworks holds the admin routes, signing in included, to
// a list of their own.
func TestAdminsOnlyFromTheirNetworks(t *testing.T) {
	t.Parallel()
	h, mgr := instance(t, databasePath(t), func(cfg *usermgmt.Config) {
		cfg.AdminIPAllowlist = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		cfg.AdminUsername, cfg.AdminPassword = "root", "a long way down the river"
	})
	if _, err := mgr.EnsureFirstAdmin(t.Context()); err != nil {
		t.Fatal(err)
	}
	const body = `{"username":"root","password":"a long way down the river"}`
	if w := from(h, outside, "POST", "/admin/login", "", body, http.Header{"X-Forwarded-For": {"10.1.2.3"}}); w.Code != 403 || !strings.Contains(w.Body.String(), "ip_not_allowed") {
		t.Errorf("from outside: %d %s", w.Code, w.Body)
	}
	if w := from(h, inside, "POST", "/admin/login", "", body, nil); w.Code != 200 {
		t.Errorf("from inside: %d %s", w.Code, w.Body)
	}
	if w := from(h, outside, "GET", "/auth/me", "", "", nil); w.Code != 401 {
		t.Errorf("users from outside: %d %s", w.Code, w.Body)
	}
	// Also where the host has put nothing around the router.
	bare := mgr.AdminRouter("/admin")
	if w := from(bare, outside, "POST", "/admin/login", "", body, nil); w.Code != 403 {
		t.Errorf("from outside, without Wrap: %d %s", w.Code, w.Body)
	}
	if w := from(bare, inside, "POST", "/admin/login", "", body, nil); w.Code != 200 {
		t.Errorf("from inside, without Wrap: %d %s", w.Code, w.Body)
	}
}

// mute is a store whose feed cannot be written.
type mute struct{ store.Store }

func (m mute) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	return m.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error { return fn(ctx, muted{q}) })
}

type muted struct{ store.Queries }

func (muted) FeedAppend(context.Context, string, time.Time, []string) error {
	return store.Unavailable(context.DeadlineExceeded)
}

// TestCase_C4_AnAllowlistThatCannotBeAnnouncedIsNotSet fails the call: there is no
// success of which other instances do not hear.
func TestCase_C4_AnAllowlistThatCannotBeAnnouncedIsNotSet(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	first := open(t, databasePath(t), func(cfg *usermgmt.Config) { cfg.Store = db }) // makes the default plan
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	h, mgr := instance(t, databasePath(t), func(cfg *usermgmt.Config) { cfg.Store = mute{db} })
	err = mgr.IPAllowlist().Set(t.Context(), usermgmt.System(), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	if err == nil || !admitted(t, h, outside, "/health", "") {
		t.Errorf("Set: %v; the list must not hold", err)
	}
}
