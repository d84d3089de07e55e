package authz_test

import (
	"testing"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// The callers of the policy rows.
func token(kind authn.Kind) authn.Principal {
	return authn.Principal{Subject: "usr_1", Kind: kind, SessionID: "ses_1", AllScopes: true}
}

func key(scopes ...string) authn.Principal {
	return authn.Principal{Subject: "usr_1", Kind: authn.KindUser, KeyID: "key_1", Scopes: scopes}
}

// TestDecide holds the whole policy as rows: for each action, what every kind
// of caller is told. A row that is not here does not exist.
func TestDecide(t *testing.T) {
	t.Parallel()
	const (
		allow = store.Code("")
		anon  = store.ErrUnauthenticated
		other = store.ErrInvalidToken
		deny  = store.ErrForbidden
	)
	scopes := []string{"account:read", "account:write", "keys:manage", "usage:read", "messages:read"}
	rows := []struct {
		actions []authz.Action
		anyone  bool
		keys    []string // the scopes of which any one admits a key
	}{
		{actions: []authz.Action{authz.Register, authz.SignIn, authz.Refresh}, anyone: true},
		{actions: []authz.Action{authz.ReadProfile}, keys: []string{"account:read"}},
		{actions: []authz.Action{authz.UpdateProfile}, keys: []string{"account:write"}},
		{actions: []authz.Action{authz.ReadUsage}, keys: []string{"usage:read"}},
		{actions: []authz.Action{authz.ReadMessages}, keys: []string{"messages:read"}},
		{actions: []authz.Action{authz.ReadKeys}, keys: []string{"account:read", "keys:manage"}},
		{
			actions: []authz.Action{authz.CreateKey, authz.UpdateKey, authz.RotateKey, authz.EnableKey, authz.RevokeKey},
			keys:    []string{"keys:manage"},
		},
		{actions: []authz.Action{
			authz.ChangePassword, authz.DeleteAccount, authz.SignOut, authz.ReadSessions, authz.RevokeSessions,
		}},
	}
	for _, row := range rows {
		for _, action := range row.actions {
			expect := func(who string, p authn.Principal, want store.Code) {
				t.Helper()
				if row.anyone {
					want = allow
				}
				if got := store.CodeOf(authz.Decide(p, action)); got != want {
					t.Errorf("%s by %s: %q, want %q", action, who, got, want)
				}
			}
			expect("nobody", authn.Principal{}, anon)
			expect("a user's token", token(authn.KindUser), allow)
			expect("a staff token", token(authn.KindStaff), other)
			expect("an admin token", token(authn.KindAdmin), other)
			expect("a service", token(authn.KindService), other)
			expect("a key without scopes", key(), deny)
			expect("a key with a host's scope", key("chat:write"), deny)
			for _, scope := range scopes {
				want := deny
				for _, admitted := range row.keys {
					if scope == admitted {
						want = allow
					}
				}
				expect("a key with "+scope, key(scope), want)
			}
			want := deny
			if len(row.keys) > 0 {
				want = allow
			}
			expect("a key with all scopes", key(scopes...), want)
		}
	}
}

func TestDecide_UnknownActionIsAllowedToNobody(t *testing.T) {
	t.Parallel()
	for _, p := range []authn.Principal{{}, token(authn.KindUser), key("keys:manage")} {
		if got := store.CodeOf(authz.Decide(p, "user.fly")); got != store.ErrForbidden {
			t.Errorf("got %q, want forbidden", got)
		}
	}
	if authz.Known("user.fly") || authz.Public("user.fly") || authz.KeyScopes("user.fly") != nil {
		t.Error("an action without a row has properties")
	}
}

func TestKeyScopes(t *testing.T) {
	t.Parallel()
	if got := authz.KeyScopes(authz.ReadKeys); len(got) != 2 {
		t.Errorf("key.read has %v", got)
	}
	if got := authz.KeyScopes(authz.DeleteAccount); got != nil {
		t.Errorf("user.delete has %v", got)
	}
	if !authz.Public(authz.Register) || authz.Public(authz.ReadProfile) || !authz.Known(authz.ReadProfile) {
		t.Error("Public or Known is wrong")
	}
}
