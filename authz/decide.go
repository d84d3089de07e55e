package authz

import (
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Decide returns nil when the caller may do the action on the routes of a kind of
// account, which are for no other kind. An anonymous caller of something that
// needs a credential is ErrUnauthenticated, a caller of another kind
// ErrInvalidToken, and one who lacks the right, or an action that is not in the
// table, ErrForbidden.
func (c Ceilings) Decide(p authn.Principal, routes authn.Kind, a Action) error {
	r, ok := ruleOf(a)
	switch {
	case !ok:
		return store.Errorf(store.ErrForbidden, "Nobody may do this.")
	case r.anyone:
		return nil
	case !p.Authenticated():
		return store.Errorf(store.ErrUnauthenticated, "This needs a credential, and the request carries none.")
	case p.Kind != routes:
		return store.Errorf(store.ErrInvalidToken, "The credential is not one for this route.")
	}
	if err := r.decide(p); err != nil {
		return err
	}
	return c.check(p, a)
}

// decide asks the column of the caller's kind.
func (r rule) decide(p authn.Principal) error {
	switch p.Kind {
	case authn.KindUser:
		return r.user.decide(p)
	case authn.KindStaff:
		return decideStaff(r.staff, p)
	case authn.KindAdmin:
		return r.admin.decide(p)
	case authn.KindService:
		if r.service != "" {
			return needScope(p, r.service)
		}
	}
	return notThisAccount()
}

func (u userRule) decide(p authn.Principal) error {
	if p.Method() == authn.MethodToken {
		if u.token {
			return nil
		}
		return notThisAccount()
	}
	switch {
	case len(u.key) == 0:
		return store.Errorf(store.ErrForbidden, "An API key may not do this. Sign in.")
	case slices.ContainsFunc(u.key, p.HasScope):
		return nil
	}
	return needScope(p, u.key[0])
}

func decideStaff(least store.StaffLevel, p authn.Principal) error {
	switch {
	case !least.Valid():
		return notThisAccount()
	case p.Level < least || !p.Level.Valid():
		return store.Errorf(store.ErrForbidden, "This needs level %d of the support staff.", least)
	}
	return nil
}

func (r adminRule) decide(p authn.Principal) error {
	switch {
	case r.any || slices.ContainsFunc(r.permissions, p.HasPermission):
		return nil
	case len(r.permissions) == 0:
		return notThisAccount()
	}
	return store.Errorf(store.ErrForbidden, "This needs the permission %s.", strings.Join(r.permissions, " or "))
}

func needScope(p authn.Principal, scope string) error {
	if p.HasScope(scope) {
		return nil
	}
	return &store.Error{Code: store.ErrForbidden, Detail: "The key lacks the scope " + scope + ".", Scope: scope}
}

func notThisAccount() error {
	return store.Errorf(store.ErrForbidden, "This account may not do this.")
}

// Known reports whether the action has a row in the table.
func Known(a Action) bool {
	_, ok := ruleOf(a)
	return ok
}

// Public reports whether the action needs no credential.
func Public(a Action) bool {
	r, _ := ruleOf(a)
	return r.anyone
}

// NeedsReason reports whether the action, on the routes of a kind, needs a
// reason: what users do to what is theirs needs none.
func NeedsReason(routes authn.Kind, a Action) bool {
	r, _ := ruleOf(a)
	return r.reason && (routes == authn.KindStaff || routes == authn.KindAdmin)
}

// KeyScopes returns the scopes of which a key, a user's or a service's, needs one
// for the action on the routes of its kind; none means that such keys never may.
func KeyScopes(routes authn.Kind, a Action) []string {
	r, _ := ruleOf(a)
	switch {
	case routes == authn.KindUser:
		return slices.Clone(r.user.key)
	case routes == authn.KindService && r.service != "":
		return []string{r.service}
	}
	return nil
}

// Permissions returns those of which an admin needs one for the action; none
// means that any admin may, or no admin.
func Permissions(a Action) []string {
	r, _ := ruleOf(a)
	return slices.Clone(r.admin.permissions)
}

// Level returns which level of the support staff the action needs; zero means
// that no member of it may.
func Level(a Action) store.StaffLevel {
	r, _ := ruleOf(a)
	return r.staff
}
