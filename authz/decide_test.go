package authz_test

import (
	"slices"
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

func admin(permissions ...string) authn.Principal {
	return authn.Principal{Subject: "adm_1", Kind: authn.KindAdmin, SessionID: "ses_1", AllScopes: true, Permissions: permissions}
}

func service(scopes ...string) authn.Principal {
	return authn.Principal{Subject: "svc_1", Kind: authn.KindService, KeyID: "svc_1", Scopes: scopes}
}

const (
	allow = store.Code("")
	anon  = store.ErrUnauthenticated
	other = store.ErrInvalidToken
	deny  = store.ErrForbidden
)

var (
	scopes      = []string{"account:read", "account:write", "keys:manage", "usage:read", "messages:read"}
	permissions = []string{"users", "staff", "admins", "plans", "messages", "audit", "settings", "tasks"}
	ofServices  = []string{"introspect", "authz", "meter", "messages"}
	kinds       = []authn.Kind{authn.KindUser, authn.KindStaff, authn.KindAdmin, authn.KindService}
)

// row is what the policy says of some actions.
type row struct {
	actions    []authz.Action
	anyone     bool
	user       bool     // a user's token may
	keys       []string // the scopes of which any one admits a user's key
	anyAdmin   bool
	permission string // that an admin needs
	scope      string // that a service key needs
}

// rows hold the whole policy. A row that is not here does not exist.
func rows() []row {
	return []row{
		{actions: []authz.Action{authz.Register, authz.SignIn, authz.SignInAdmin, authz.Refresh}, anyone: true},
		{actions: []authz.Action{authz.ReadProfile}, user: true, keys: []string{"account:read"}},
		{actions: []authz.Action{authz.UpdateProfile}, user: true, keys: []string{"account:write"}},
		{actions: []authz.Action{authz.ReadUsage}, user: true, keys: []string{"usage:read"}},
		{actions: []authz.Action{authz.ReadMessages}, user: true, keys: []string{"messages:read"}},
		{actions: []authz.Action{authz.ReadKeys}, user: true, keys: []string{"account:read", "keys:manage"}},
		{
			actions: []authz.Action{authz.CreateKey, authz.UpdateKey, authz.RotateKey, authz.EnableKey, authz.RevokeKey},
			user:    true, keys: []string{"keys:manage"},
		},
		{actions: []authz.Action{authz.ChangePassword, authz.DeleteAccount, authz.ReadSessions, authz.RevokeSessions}, user: true},
		{actions: []authz.Action{authz.SignOut}, user: true, anyAdmin: true},
		{actions: []authz.Action{authz.ReadAdmin}, anyAdmin: true},
		{actions: []authz.Action{authz.ReadServiceKeys, authz.CreateServiceKey, authz.RevokeServiceKey}, permission: "settings"},
		{actions: []authz.Action{authz.GrantCredits}, permission: "users"},
		{actions: []authz.Action{authz.Consume, authz.Reserve}, scope: "meter"},
		{actions: []authz.Action{authz.AppendMessages}, scope: "messages"},
	}
}

// TestCase_AZ_02_Decide asks for each action, by every kind of caller, on the
// routes of every kind.
func TestCase_AZ_02_Decide(t *testing.T) {
	t.Parallel()
	for _, row := range rows() {
		for _, action := range row.actions {
			for _, routes := range kinds {
				ask := func(who string, p authn.Principal, may bool) {
					t.Helper()
					want := deny
					switch {
					case row.anyone:
						want = allow
					case !p.Authenticated():
						want = anon
					case p.Kind != routes:
						want = other
					case may:
						want = allow
					}
					if got := store.CodeOf(authz.Decide(p, routes, action)); got != want {
						t.Errorf("%s by %s on the routes of a %s: %q, want %q", action, who, routes, got, want)
					}
				}
				row.askAll(ask)
			}
		}
	}
}

// askAll asks for every kind of caller whether the row admits it.
func (r row) askAll(ask func(who string, p authn.Principal, may bool)) {
	ask("nobody", authn.Principal{}, false)
	ask("a user's token", token(authn.KindUser), r.user)
	ask("a staff token", token(authn.KindStaff), false)
	ask("a key without scopes", key(), false)
	ask("a key with a host's scope", key("chat:write"), false)
	for _, scope := range scopes {
		ask("a key with "+scope, key(scope), slices.Contains(r.keys, scope))
	}
	ask("a key with all scopes", key(scopes...), len(r.keys) > 0)

	ask("an admin without permissions", admin(), r.anyAdmin)
	for _, permission := range permissions {
		ask("an admin with "+permission, admin(permission), r.anyAdmin || r.permission == permission)
	}
	ask("an owner", admin("owner"), r.anyAdmin || r.permission != "")

	ask("a service key without scopes", service(), false)
	for _, scope := range ofServices {
		ask("a service key with "+scope, service(scope), r.scope == scope)
	}
	ask("a service key with all scopes", service(ofServices...), r.scope != "")
}

func TestDecide_UnknownActionIsAllowedToNobody(t *testing.T) {
	t.Parallel()
	for _, p := range []authn.Principal{{}, token(authn.KindUser), key("keys:manage"), admin("owner"), service(ofServices...)} {
		for _, routes := range kinds {
			if got := store.CodeOf(authz.Decide(p, routes, "user.fly")); got != store.ErrForbidden {
				t.Errorf("got %q, want forbidden", got)
			}
		}
	}
	if authz.Known("user.fly") || authz.Public("user.fly") || authz.KeyScopes(authn.KindUser, "user.fly") != nil {
		t.Error("an action without a row has properties")
	}
}

func TestWhatActionsNeed(t *testing.T) {
	t.Parallel()
	for _, row := range rows() {
		for _, action := range row.actions {
			ofService := []string{row.scope}
			if row.scope == "" {
				ofService = nil
			}
			if !slices.Equal(authz.KeyScopes(authn.KindUser, action), row.keys) || !slices.Equal(authz.KeyScopes(authn.KindService, action), ofService) ||
				authz.KeyScopes(authn.KindAdmin, action) != nil || authz.Permission(action) != row.permission ||
				authz.Public(action) != row.anyone || !authz.Known(action) {
				t.Errorf("what %s needs is told wrongly", action)
			}
		}
	}
}
