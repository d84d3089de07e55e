// Package usermgmttest is for the tests of hosts: a real Manager on a temporary
// SQLite file, users, staff and admins in one line, and a stand-in for Protect.
package usermgmttest

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Password is that of every user, member of staff and admin made here.
const Password = "a quiet test phrase"

// New returns a Manager that keeps its data in a folder of the test and is
// closed when the test ends; an error of either fails the test. Passwords are
// hashed at the lowest cost, and the rates are lifted. Each option may change
// the Config first, whose DatabaseURL names the file already.
func New(t testing.TB, options ...func(*usermgmt.Config)) *usermgmt.Manager {
	t.Helper()
	unhurried := usermgmt.Rate{PerSecond: 1e6, Burst: 1e6}
	cfg := usermgmt.Config{
		DatabaseURL:    "sqlite:" + filepath.Join(t.TempDir(), "usermgmt.db"),
		BcryptCost:     4,
		RateLimit:      unhurried,
		IPRateLimit:    unhurried,
		LoginRateLimit: unhurried,
	}
	for _, option := range options {
		option(&cfg)
	}
	mgr, err := usermgmt.New(context.Background(), cfg)
	if err != nil {
		t.Fatalf("usermgmttest.New: %v", err)
	}
	t.Cleanup(func() {
		if err := mgr.Close(); err != nil {
			t.Errorf("usermgmttest: Close: %v", err)
		}
	})
	return mgr
}

// MustUser registers a user with the password Password, or fails the test.
func MustUser(t testing.TB, mgr *usermgmt.Manager, username string) usermgmt.User {
	t.Helper()
	user, _, err := mgr.Users().Register(t.Context(), usermgmt.Registration{
		Username: username,
		Email:    username + "@example.com",
		Password: Password,
	}, authn.Origin{})
	if err != nil {
		t.Fatalf("usermgmttest.MustUser: %v", err)
	}
	return user
}

// MustToken signs a user of MustUser in and returns an access token, or fails
// the test. Send it as Authorization: Bearer.
func MustToken(t testing.TB, mgr *usermgmt.Manager, username string) string {
	t.Helper()
	_, grant, err := mgr.Users().SignIn(t.Context(), username, Password, authn.Origin{})
	if err != nil {
		t.Fatalf("usermgmttest.MustToken: %v", err)
	}
	return grant.AccessToken.Reveal()
}

// MustKey makes an API key of a user's, with these scopes or else the default
// ones, and returns its secret, or fails the test. Send it as X-API-Key.
func MustKey(t testing.TB, mgr *usermgmt.Manager, user usermgmt.User, scopes ...string) string {
	t.Helper()
	_, secret, err := mgr.Keys().Create(t.Context(), usermgmt.System(), usermgmt.PrincipalOf(user),
		usermgmt.NewKey{Name: "test", Scopes: scopes})
	if err != nil {
		t.Fatalf("usermgmttest.MustKey: %v", err)
	}
	return secret.Reveal()
}

// MustStaff makes a member of the support staff with the password Password, or
// fails the test.
func MustStaff(t testing.TB, mgr *usermgmt.Manager, username string, level store.StaffLevel) store.Staff {
	t.Helper()
	member, err := mgr.Staff().Create(t.Context(), usermgmt.System(), account.NewStaffMember{
		Name: username, Username: username, Level: level, Password: Password,
	})
	if err != nil {
		t.Fatalf("usermgmttest.MustStaff: %v", err)
	}
	return member
}

// MustStaffToken signs a member of MustStaff in and returns an access token for
// StaffRouter, or fails the test.
func MustStaffToken(t testing.TB, mgr *usermgmt.Manager, username string) string {
	t.Helper()
	_, grant, err := mgr.Staff().SignIn(t.Context(), username, Password, authn.Origin{})
	if err != nil {
		t.Fatalf("usermgmttest.MustStaffToken: %v", err)
	}
	return grant.AccessToken.Reveal()
}

// MustAdmin makes an admin with the password Password and some permissions, such
// as "owner", or fails the test.
func MustAdmin(t testing.TB, mgr *usermgmt.Manager, username string, permissions ...string) store.Admin {
	t.Helper()
	admin, err := mgr.Admins().Create(t.Context(), usermgmt.System(), account.NewAdmin{
		Username: username, Permissions: permissions, Password: Password,
	})
	if err != nil {
		t.Fatalf("usermgmttest.MustAdmin: %v", err)
	}
	return admin
}

// MustAdminToken signs an admin of MustAdmin in and returns an access token for
// AdminRouter, or fails the test.
func MustAdminToken(t testing.TB, mgr *usermgmt.Manager, username string) string {
	t.Helper()
	_, grant, err := mgr.Admins().SignIn(t.Context(), username, Password, authn.Origin{})
	if err != nil {
		t.Fatalf("usermgmttest.MustAdminToken: %v", err)
	}
	return grant.AccessToken.Reveal()
}

// As stands in for Protect: it lets every request through to the handler as if
// p had sent it, without a credential, a limit or a count.
func As(p usermgmt.Principal) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(authn.NewContext(r.Context(), &p)))
		})
	}
}
