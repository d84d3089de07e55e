// Package usermgmttest is for the tests of hosts: a real Manager on a temporary
// SQLite file, users in one line, and a stand-in for Protect.
package usermgmttest

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/authn"
)

// Password is that of every user MustUser makes.
const Password = "a quiet test phrase"

// New returns a Manager that keeps its data in a folder of the test and is
// closed when the test ends; an error of either fails the test. Passwords are
// hashed at the lowest cost, and the rates are lifted. Each option may change
// the Config first.
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

// As stands in for Protect: it lets every request through to the handler as if
// p had sent it, without a credential, a limit or a count.
func As(p usermgmt.Principal) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(authn.NewContext(r.Context(), &p)))
		})
	}
}
