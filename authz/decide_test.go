package authz_test

import (
	"fmt"
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

func member(level store.StaffLevel) authn.Principal {
	return authn.Principal{Subject: "stf_1", Kind: authn.KindStaff, SessionID: "ses_1", AllScopes: true, Level: level}
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
	actions     []authz.Action
	anyone      bool
	user        bool             // a user's token may
	keys        []string         // the scopes of which any one admits a user's key
	level       store.StaffLevel // of staff, the least that may
	anyAdmin    bool
	permissions []string // of which an admin needs one
	scope       string   // that a service key needs
	reason      bool     // staff and admins say why
}

// rows hold the whole policy. A row that is not here does not exist.
func rows() []row {
	users := []string{"users"}
	return []row{
		{actions: []authz.Action{authz.Register, authz.SignIn, authz.SignInStaff, authz.SignInAdmin, authz.Refresh}, anyone: true},
		{actions: []authz.Action{authz.SignOut, authz.ChangePassword}, user: true, level: 1, anyAdmin: true},
		{actions: []authz.Action{authz.ReadSelf}, level: 1, anyAdmin: true},

		{actions: []authz.Action{authz.ReadProfile}, user: true, keys: []string{"account:read"}, level: 1, permissions: users},
		{actions: []authz.Action{authz.UpdateProfile}, user: true, keys: []string{"account:write"}, permissions: users},
		{actions: []authz.Action{authz.DeleteAccount}, user: true, permissions: users, reason: true},
		{actions: []authz.Action{authz.Reauth}, user: true},
		{actions: []authz.Action{authz.ExportUsers}, user: true, permissions: users},
		{actions: []authz.Action{authz.ReadUsage, authz.ReadCredits}, user: true, keys: []string{"usage:read"}, level: 1, permissions: users},
		{actions: []authz.Action{authz.ReadMessages}, user: true, keys: []string{"messages:read"}, level: 2, permissions: []string{"users", "messages"}},
		{actions: []authz.Action{authz.ReadSessions}, user: true, level: 1, permissions: users},
		{actions: []authz.Action{authz.RevokeSessions}, user: true, level: 2, permissions: users, reason: true},
		{actions: []authz.Action{authz.ReadKeys}, user: true, keys: []string{"account:read", "keys:manage"}, level: 1, permissions: users},
		{actions: []authz.Action{authz.RevokeKey}, user: true, keys: []string{"keys:manage"}, level: 2, permissions: users, reason: true},
		{actions: []authz.Action{authz.CreateKey, authz.UpdateKey, authz.RotateKey, authz.EnableKey}, user: true, keys: []string{"keys:manage"}},

		{actions: []authz.Action{authz.ListUsers, authz.ReadUserAudit}, level: 1, permissions: users},
		{actions: []authz.Action{authz.SuspendUser, authz.ReactivateUser, authz.UnlockUser, authz.ResetPassword}, level: 2, permissions: users, reason: true},
		{actions: []authz.Action{authz.SetLimits, authz.ResetUsage, authz.GrantCredits}, level: 3, permissions: users, reason: true},
		{actions: []authz.Action{authz.ChangeUsers, authz.RestoreUser, authz.PurgeUser}, permissions: users, reason: true},
		{actions: []authz.Action{authz.CreateUser, authz.ImportUsers, authz.ReadDeleted, authz.ReadStats}, permissions: users},

		{actions: []authz.Action{authz.ReadStaff, authz.CreateStaff, authz.UpdateStaff, authz.DeleteStaff}, permissions: []string{"staff"}},
		{actions: []authz.Action{authz.ReadAdmins, authz.CreateAdmin, authz.UpdateAdmin, authz.DeleteAdmin}, permissions: []string{"admins"}},
		{actions: []authz.Action{authz.ReadPlans, authz.CreatePlan, authz.UpdatePlan, authz.DeletePlan}, permissions: []string{"plans"}},
		{
			actions:     []authz.Action{authz.ReadServiceKeys, authz.CreateServiceKey, authz.RevokeServiceKey, authz.ReadAllowlist, authz.SetAllowlist},
			permissions: []string{"settings"},
		},
		{actions: []authz.Action{authz.ListMessages, authz.ExportMessages, authz.DeleteMessages}, permissions: []string{"messages"}},
		{actions: []authz.Action{authz.ReadAudit, authz.VerifyAudit, authz.AnchorAudit, authz.ExportAudit}, permissions: []string{"audit"}},
		{actions: []authz.Action{authz.ReadTasks, authz.RunTask, authz.CreateBackup}, permissions: []string{"tasks"}},

		{actions: []authz.Action{authz.Consume, authz.Reserve}, scope: "meter"},
		{actions: []authz.Action{authz.AppendMessages}, scope: "messages"},
	}
}

// open are ceilings that bound nothing of the table.
var open = authz.Ceilings{ReadMessages: true}

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
					if got := store.CodeOf(open.Decide(p, routes, action)); got != want {
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
	ask("a key without scopes", key(), false)
	ask("a key with a host's scope", key("chat:write"), false)
	for _, scope := range scopes {
		ask("a key with "+scope, key(scope), slices.Contains(r.keys, scope))
	}
	ask("a key with all scopes", key(scopes...), len(r.keys) > 0)

	for level := range store.StaffLevel(6) {
		real := level >= 1 && level <= 3
		ask(fmt.Sprint("staff of level ", level), member(level), real && r.level > 0 && level >= r.level)
	}

	ask("an admin without permissions", admin(), r.anyAdmin)
	for _, permission := range permissions {
		ask("an admin with "+permission, admin(permission), r.anyAdmin || slices.Contains(r.permissions, permission))
	}
	ask("an owner", admin("owner"), r.anyAdmin || len(r.permissions) > 0)

	ask("a service key without scopes", service(), false)
	for _, scope := range ofServices {
		ask("a service key with "+scope, service(scope), r.scope == scope)
	}
	ask("a service key with all scopes", service(ofServices...), r.scope != "")
}

func TestDecide_UnknownActionIsAllowedToNobody(t *testing.T) {
	t.Parallel()
	for _, p := range []authn.Principal{{}, token(authn.KindUser), key("keys:manage"), member(3), admin("owner"), service(ofServices...)} {
		for _, routes := range kinds {
			if got := store.CodeOf(open.Decide(p, routes, "user.fly")); got != store.ErrForbidden {
				t.Errorf("got %q, want forbidden", got)
			}
		}
	}
	if authz.Known("user.fly") || authz.Public("user.fly") || authz.KeyScopes(authn.KindUser, "user.fly") != nil || authz.Level("user.fly") != 0 {
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
				authz.KeyScopes(authn.KindAdmin, action) != nil || !slices.Equal(authz.Permissions(action), row.permissions) ||
				authz.Level(action) != row.level || authz.Public(action) != row.anyone || !authz.Known(action) {
				t.Errorf("what %s needs is told wrongly", action)
			}
			for _, kind := range kinds {
				if want := row.reason && (kind == authn.KindStaff || kind == authn.KindAdmin); authz.NeedsReason(kind, action) != want {
					t.Errorf("%s on the routes of a %s: needs a reason is %v", action, kind, !want)
				}
			}
		}
	}
}
