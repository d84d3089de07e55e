package usermgmt_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

const adminPassword = "a long way down the river"

func withAdmin(cfg *usermgmt.Config) { cfg.AdminUsername, cfg.AdminPassword = "root", adminPassword }

// admin makes the first admin, if there is none, and signs him in.
func (h *host) admin() answer {
	h.t.Helper()
	if _, err := h.mgr.EnsureFirstAdmin(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	a := h.call("POST", "/admin/login", "", map[string]any{"username": "root", "password": adminPassword})
	h.want(a, 200, "")
	return a
}

// consume asks for a conversation under an idempotency key.
func (h *host) consume(service, key, subject string) answer {
	h.t.Helper()
	body := fmt.Sprintf(`{"subject":%q,"meter":"conversations","amount":1}`, subject)
	r, err := http.NewRequestWithContext(h.t.Context(), "POST", h.url+"/service/consume", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+service)
	r.Header.Set("Idempotency-Key", key)
	return h.send(r)
}

// Admins and services are nobody on a metered route; a user's token, his keys and
// what a service asks for on his behalf meet one limit.
func TestCase_QT_20_OnlyUsersAreMetered(t *testing.T) {
	t.Parallel()
	h := newHost(t, withAdmin, daily(4))
	admin := h.admin().text("access_token")
	service := h.call("POST", "/admin/service-keys", admin, map[string]any{"name": "gateway"}).text("key")
	for who, credential := range map[string]string{"an admin": admin, "a service": service} {
		a := h.call("POST", "/v1/chat", credential, nil)
		if a.status != 401 || a.text("code") != "invalid_token" {
			t.Errorf("QT-20 %s: %d %v", who, a.status, a.body)
		}
	}
	h.want(h.consume(admin, "k", "usr_1"), 401, "invalid_token")

	session := h.register("alice")
	token := session.text("access_token")
	id := session.body["user"].(map[string]any)["id"].(string)
	_, first := h.key(token)
	_, second := h.key(token)
	h.want(h.consume(token, "k", id), 401, "invalid_token")
	h.want(h.call("POST", "/v1/chat", token, nil), 200, "")
	h.want(h.call("POST", "/v1/chat", first, nil), 200, "")
	h.want(h.call("POST", "/v1/chat", second, nil), 200, "")
	h.want(h.consume(service, "1", id), 200, "")
	h.want(h.consume(service, "2", id), 429, "quota_exceeded")
	for _, credential := range []string{token, first, second} {
		h.want(h.call("POST", "/v1/chat", credential, nil), 429, "quota_exceeded")
	}
}

// What was remembered of a request outlives the process, and is shared by all of
// them: of fifty at once on two, one counts.
func TestCase_QT_08_AfterARestart(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	first := serve(t, open(t, path, unhurried, withAdmin), ok)
	service := first.call("POST", "/admin/service-keys", first.admin().text("access_token"), map[string]any{"name": "gateway"}).text("key")
	id := first.register("alice").body["user"].(map[string]any)["id"].(string)
	before := first.consume(service, "I", id)
	first.want(before, 200, "")
	if err := first.mgr.Close(); err != nil {
		t.Fatal(err)
	}

	hosts := []*host{serve(t, open(t, path, unhurried, withAdmin), ok), serve(t, open(t, path, unhurried, withAdmin), ok)}
	after := hosts[0].consume(service, "I", id)
	hosts[0].want(after, 200, "")
	if after.header.Get("Idempotent-Replayed") != "true" || fmt.Sprint(after.body) != fmt.Sprint(before.body) {
		t.Errorf("QT-08 after a restart: %v, before: %v", after.body, before.body)
	}
	var mu sync.Mutex
	said, firsts := map[string]bool{}, 0
	var callers sync.WaitGroup
	for i := range 50 {
		callers.Go(func() {
			a := hosts[i%2].consume(service, "J", id)
			mu.Lock()
			defer mu.Unlock()
			said[fmt.Sprint(a.status, a.body)] = true
			if a.header.Get("Idempotent-Replayed") == "" {
				firsts++
			}
		})
	}
	callers.Wait()
	if len(said) != 1 || firsts != 1 {
		t.Errorf("QT-08 %d answers, %d of them first", len(said), firsts)
	}
	if last := hosts[1].consume(service, "K", id); last.body["remaining"] != 97.0 {
		t.Errorf("QT-08 %v", last.body)
	}
}

// What ends an admin's session, a service key, or an account or right of somebody
// of the service ends it at once here, and within a second at a process whose
// caches are warm.
func TestCase_C1_C3_RT_08_RT_09_OperatorsAreRevokedEverywhere(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	here := serve(t, open(t, path, unhurried, withAdmin), ok)
	there := serve(t, open(t, path, unhurried, withAdmin), ok)
	admin := here.admin()
	token := admin.text("access_token")
	id := admin.body["user"].(map[string]any)["id"].(string)
	made := here.call("POST", "/admin/service-keys", token, map[string]any{"name": "gateway"})
	alice := here.register("alice").body["user"].(map[string]any)["id"].(string)
	asAdmin := func(h *host) int { return h.call("GET", "/admin/me", token, nil).status }
	asService := func(h *host) int { return h.consume(made.text("key"), "k", alice).status }
	actor := store.Actor{Kind: store.ActorAdmin, ID: id}
	ann := usermgmttest.MustAdmin(t, here.mgr, "ann", "staff")
	annToken := usermgmttest.MustAdminToken(t, here.mgr, "ann")
	sam := usermgmttest.MustStaff(t, here.mgr, "sam", store.StaffLead)
	samToken := usermgmttest.MustStaffToken(t, here.mgr, "sam")
	get := func(path, token string) func(*host) int {
		return func(h *host) int { return h.call("GET", path, token, nil).status }
	}
	suspended, noPermissions := store.Suspended, []string{}
	for _, c := range []struct {
		name   string
		ask    func(*host) int
		after  int
		revoke func(m *usermgmt.Manager) error
	}{
		{"a demoted admin", get("/admin/staff", annToken), 403, func(m *usermgmt.Manager) error {
			_, err := m.Admins().Update(t.Context(), actor, ann.ID, account.AdminUpdate{Permissions: &noPermissions})
			return err
		}},
		{"a deleted admin", get("/admin/me", annToken), 401, func(m *usermgmt.Manager) error { return m.Admins().Delete(t.Context(), actor, ann.ID) }},
		{"a suspended member of staff", get("/staff/me", samToken), 401, func(m *usermgmt.Manager) error {
			_, err := m.Staff().Update(t.Context(), actor, sam.ID, account.StaffUpdate{Status: &suspended})
			return err
		}},
		{"a service key", asService, 401, func(m *usermgmt.Manager) error { return m.ServiceKeys().Revoke(t.Context(), actor, made.text("id")) }},
		{"an admin's session", asAdmin, 401, func(m *usermgmt.Manager) error {
			return m.Sessions().Logout(t.Context(), actor, id, admin.text("session_id"))
		}},
	} {
		for range 3 {
			if c.ask(here) != 200 || c.ask(there) != 200 {
				t.Fatalf("%s: not good before", c.name)
			}
		}
		if err := c.revoke(here.mgr); err != nil {
			t.Fatal(err)
		}
		if status := c.ask(here); status != c.after {
			t.Errorf("%s, here: %d", c.name, status)
		}
		began := time.Now()
		for c.ask(there) != c.after {
			<-time.After(5 * time.Millisecond)
			if time.Since(began) > 5*time.Second {
				t.Fatalf("%s: still good elsewhere after five seconds", c.name)
			}
		}
		t.Logf("%s: elsewhere after %v", c.name, time.Since(began).Round(time.Millisecond))
	}
}

// The document has all routers under their prefixes.
func TestTheDocumentHasEveryRouter(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	paths := h.call("GET", "/openapi.json", "", nil).body["paths"].(map[string]any)
	for _, path := range []string{"/auth/me/credits", "/admin/service-keys", "/admin/users/{id}/credits", "/service/consume", "/service/messages"} {
		if paths[path] == nil {
			t.Errorf("%s is missing", path)
		}
	}
}

func TestNew_RefusesAWeakFirstAdmin(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]usermgmt.Config{
		"AdminPassword": {AdminPassword: "fourteen chars"},
		"AdminUsername": {AdminUsername: "no name"},
	} {
		cfg.DatabaseURL = "sqlite:" + databasePath(t)
		_, err := usermgmt.New(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), field) || strings.Contains(err.Error(), "fourteen") {
			t.Errorf("%s: %v", field, err)
		}
	}
	mgr := open(t, databasePath(t))
	first, err := mgr.EnsureFirstAdmin(t.Context())
	if err != nil || !first.Made || len(first.Password.Reveal()) < 20 {
		t.Errorf("%v, %v", first, err)
	}
	for _, printed := range []string{fmt.Sprint(first), fmt.Sprintf("%+v", first), must(json.Marshal(first))} {
		if strings.Contains(printed, first.Password.Reveal()) {
			t.Errorf("printed: %s", printed)
		}
	}
	if _, _, err := mgr.Admins().SignIn(t.Context(), "admin", first.Password.Reveal(), authn.Origin{}); err != nil {
		t.Error(err)
	}
}

func must(b []byte, _ error) string { return string(b) }
