package middleware

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// RequireUser lets through users only; it is RequireKind(authn.KindUser).
func RequireUser() func(http.Handler) http.Handler { return Guard{}.Kind(authn.KindUser) }

// RequireKind lets through callers of these kinds. Nobody is 401
// unauthenticated; a caller of another kind is 401 invalid_token, since a
// credential of one kind is worthless where another is asked for. It panics
// without a kind.
func RequireKind(kinds ...authn.Kind) func(http.Handler) http.Handler {
	return Guard{}.Kind(kinds...)
}

// RequireScope lets through callers whose credential carries every one of
// these scopes: access tokens carry all, API keys those they were given. Nobody
// is 401 unauthenticated; a missing scope is 403 forbidden, and named in
// WWW-Authenticate. It panics without a scope.
func RequireScope(scopes ...string) func(http.Handler) http.Handler {
	return Guard{}.Scope(scopes...)
}

// Guard makes the same middleware as RequireKind and RequireScope, and reports
// what it refuses. It stands after Authenticate.
type Guard struct {
	// Denied is told of each refusal, for the audit trail. It must not block.
	// May be nil.
	Denied func(*http.Request, error)
}

// Kind is RequireKind with a report of refusals.
func (g Guard) Kind(kinds ...authn.Kind) func(http.Handler) http.Handler {
	if len(kinds) == 0 {
		panic("middleware.RequireKind: no kind")
	}
	kinds = slices.Clone(kinds)
	return g.require(func(p authn.Principal) error {
		if !slices.Contains(kinds, p.Kind) {
			return errOtherKind()
		}
		return nil
	})
}

// Scope is RequireScope with a report of refusals.
func (g Guard) Scope(scopes ...string) func(http.Handler) http.Handler {
	if len(scopes) == 0 || slices.Contains(scopes, "") {
		panic(fmt.Sprintf("middleware.RequireScope: the scopes are %q", scopes))
	}
	scopes = slices.Clone(scopes)
	return g.require(func(p authn.Principal) error {
		for _, scope := range scopes {
			if !p.HasScope(scope) {
				return &store.Error{Code: store.ErrForbidden, Detail: "The credential does not carry the scope this needs.", Scope: scope}
			}
		}
		return nil
	})
}

func (g Guard) require(admit func(authn.Principal) error) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := check(r, admit); err != nil {
				if g.Denied != nil {
					g.Denied(r, err)
				}
				problem.Write(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func check(r *http.Request, admit func(authn.Principal) error) error {
	p, ok := authn.FromContext(r.Context())
	if !ok {
		return errAnonymous()
	}
	return admit(p)
}

func errAnonymous() error {
	return store.Errorf(store.ErrUnauthenticated, "This needs a credential, and the request carries none.")
}

func errOtherKind() error {
	return store.Errorf(store.ErrInvalidToken, "The credential is not one for this route.")
}
