package authz

import (
	"slices"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Decide returns nil when the caller may do the action. An anonymous caller of
// something that needs a credential is ErrUnauthenticated, a caller of a kind
// that the action is not for ErrInvalidToken, and one who lacks the right, or
// an action that is not in the table, ErrForbidden.
func Decide(p authn.Principal, a Action) error {
	r, ok := ruleOf(a)
	switch {
	case !ok:
		return store.Errorf(store.ErrForbidden, "Nobody may do this.")
	case r.anyone:
		return nil
	case !p.Authenticated():
		return store.Errorf(store.ErrUnauthenticated, "This needs a credential, and the request carries none.")
	case p.Kind == authn.KindUser:
		return r.user.decide(p)
	}
	return store.Errorf(store.ErrInvalidToken, "The credential is not one for this route.")
}

func (u userRule) decide(p authn.Principal) error {
	if p.Method() == authn.MethodToken {
		if u.token {
			return nil
		}
		return store.Errorf(store.ErrForbidden, "This account may not do this.")
	}
	switch {
	case len(u.key) == 0:
		return store.Errorf(store.ErrForbidden, "An API key may not do this. Sign in.")
	case !slices.ContainsFunc(u.key, p.HasScope):
		return &store.Error{Code: store.ErrForbidden, Detail: "The API key lacks the scope " + u.key[0] + ".", Scope: u.key[0]}
	}
	return nil
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

// KeyScopes returns the scopes of which an API key needs one for the action;
// none means that keys never may.
func KeyScopes(a Action) []string {
	r, _ := ruleOf(a)
	return slices.Clone(r.user.key)
}
