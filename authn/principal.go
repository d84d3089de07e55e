package authn

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// Kind is the kind of account that stands behind a credential. The kinds are
// kept apart everywhere: a token of one is worthless on another's routes.
type Kind string

// The kinds.
const (
	KindUser    Kind = "user"
	KindStaff   Kind = "staff"
	KindAdmin   Kind = "admin"
	KindService Kind = "service"
)

// Method says by what kind of credential a principal proved itself.
type Method string

// The permissions of admins. An owner has every one.
const (
	PermissionOwner    = "owner"
	PermissionUsers    = "users" // also deleted users and statistics
	PermissionStaff    = "staff"
	PermissionAdmins   = "admins"
	PermissionPlans    = "plans"
	PermissionMessages = "messages"
	PermissionAudit    = "audit"
	PermissionSettings = "settings" // service keys and the IP allowlist
	PermissionTasks    = "tasks"    // also backups
)

// Permissions are those that an admin may have, sorted.
func Permissions() []string {
	return []string{
		PermissionAdmins, PermissionAudit, PermissionMessages, PermissionOwner, PermissionPlans,
		PermissionSettings, PermissionStaff, PermissionTasks, PermissionUsers,
	}
}

// The methods.
const (
	MethodToken  Method = "token"   // an access token
	MethodAPIKey Method = "api_key" // an API or service key
)

// Principal is the authenticated caller of a request. The zero value is
// anonymous. Principals are shared between concurrent requests: nobody
// changes one, its slices included.
type Principal struct {
	Subject   string     // stable id of the account, such as usr_...
	Kind      Kind       // which kind of account
	Username  string     // name to show, never to decide by
	Plan      string     // id of a user's plan; empty for the other kinds
	Zone      store.Zone // what a user's windows are counted in
	SessionID string     // session of a token; empty for keys
	KeyID     string     // key that was shown; empty for tokens
	KeyFamily string     // rotation family of the key: what its limits count under
	Scopes    []string   // what a key may do; nil with AllScopes
	AllScopes bool       // whether no scope is missing: true for tokens

	Permissions []string         // of an admin: what the account may do
	Level       store.StaffLevel // of support staff: how much the account may do

	Limits    []store.Limit  // limits of the key's own
	Overrides []store.Limit  // limits of the user's own, each in place of the plan's of its meter and window
	Rate      ratelimit.Rate // the key's own rate, else the plan's; zero means the configured one
}

// Authenticated reports whether somebody stands behind the request.
func (p Principal) Authenticated() bool { return p.Subject != "" }

// HasScope reports whether the credential carries the scope.
func (p Principal) HasScope(scope string) bool {
	return p.AllScopes || slices.Contains(p.Scopes, scope)
}

// HasPermission reports whether an admin has the permission; an owner has all.
func (p Principal) HasPermission(permission string) bool {
	return p.Kind == KindAdmin && (slices.Contains(p.Permissions, PermissionOwner) || slices.Contains(p.Permissions, permission))
}

// Method returns how the principal proved itself, "" for anonymous.
func (p Principal) Method() Method {
	switch {
	case !p.Authenticated():
		return ""
	case p.KeyID != "":
		return MethodAPIKey
	default:
		return MethodToken
	}
}

// Actor returns who the principal is to the audit trail, acting from an
// address under a request id.
func (p Principal) Actor(ip, requestID string) store.Actor {
	kind := store.ActorAnonymous
	if p.Authenticated() {
		kind = store.ActorKind(p.Kind)
	}
	return store.Actor{
		Kind:      kind,
		ID:        p.Subject,
		Name:      p.Username,
		KeyID:     p.KeyID,
		SessionID: p.SessionID,
		IP:        ip,
		RequestID: requestID,
	}
}

// PrincipalOf is how a user appears to a handler after a sign-in, without a
// session: as a host names a user that it acts for.
func PrincipalOf(u store.User) Principal {
	return Principal{Subject: u.ID, Kind: KindUser, Username: u.Username, Plan: u.Plan, Zone: u.Zone, Overrides: u.Limits, AllScopes: true}
}

type contextKey struct{}

// NewContext returns a context that carries p. The principal must not change
// afterwards: the pointer is kept, so that a request costs no copy.
func NewContext(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext returns the principal of a request's context, and whether one
// was authenticated.
func FromContext(ctx context.Context) (Principal, bool) {
	if p, ok := ctx.Value(contextKey{}).(*Principal); ok && p != nil {
		return *p, p.Authenticated()
	}
	return Principal{}, false
}
