package usermgmttest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestARealManagerInThreeLines(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t)
	user := usermgmttest.MustUser(t, mgr, "alice")
	handler := mgr.Wrap(mgr.Protect(usermgmt.Conversation())(http.HandlerFunc(greet)))

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+usermgmttest.MustToken(t, mgr, "alice"))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK || answer.Body.String() != "hello, alice" {
		t.Errorf("a user's request: %d %s", answer.Code, answer.Body)
	}

	r = httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-API-Key", usermgmttest.MustKey(t, mgr, user))
	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		t.Errorf("by key: %d %s", answer.Code, answer.Body)
	}

	as := httptest.NewRecorder()
	usermgmttest.As(usermgmt.PrincipalOf(user))(http.HandlerFunc(greet)).ServeHTTP(as, httptest.NewRequest("GET", "/", nil))
	if as.Body.String() != "hello, alice" {
		t.Errorf("As the same user: %s", as.Body)
	}

	nobody := httptest.NewRecorder()
	handler.ServeHTTP(nobody, httptest.NewRequest("GET", "/", nil))
	if nobody.Code != http.StatusUnauthorized {
		t.Errorf("a request without a credential: %d; want 401", nobody.Code)
	}
}

func TestStaffAndAdminsInOneLine(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t)
	member := usermgmttest.MustStaff(t, mgr, "sam", store.StaffAgent)
	admin := usermgmttest.MustAdmin(t, mgr, "ann", "staff")
	if member.Level != store.StaffAgent || len(admin.Permissions) != 1 {
		t.Errorf("%+v, %+v", member, admin)
	}
	ask := func(h http.Handler, path, token string) int {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		mgr.Wrap(h).ServeHTTP(answer, r)
		return answer.Code
	}
	if status := ask(mgr.StaffRouter("/staff"), "/staff/me", usermgmttest.MustStaffToken(t, mgr, "sam")); status != http.StatusOK {
		t.Errorf("a member of staff: %d", status)
	}
	for path, want := range map[string]int{"/admin/staff": http.StatusOK, "/admin/admins": http.StatusForbidden} {
		if status := ask(mgr.AdminRouter("/admin"), path, usermgmttest.MustAdminToken(t, mgr, "ann")); status != want {
			t.Errorf("an admin at %s: %d, want %d", path, status, want)
		}
	}
}

func TestOptionsChangeTheConfig(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t, func(cfg *usermgmt.Config) { cfg.CloseRegistration = true })
	_, _, err := mgr.Users().Register(t.Context(), usermgmt.Registration{Username: "bob", Password: usermgmttest.Password}, authn.Origin{})
	if err == nil {
		t.Error("registration is closed, and bob could register")
	}
}
