package middleware

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Authenticator tells who stands behind a credential. *authn.Verifier is one.
// The principal it returns is shared and must not be changed. An error is an
// *store.Error: ErrInvalidToken for a credential that is not good,
// ErrIPNotAllowed for a key used from elsewhere, ErrUnavailable when nobody can
// tell.
type Authenticator interface {
	Verify(ctx context.Context, credential string, from authn.Caller, now time.Time) (*authn.Principal, error)
}

// AuthenticateConfig says how callers are authenticated.
type AuthenticateConfig struct {
	// Verifier is required.
	Verifier Authenticator

	// Clock is what credentials expire by; nil means time.Now. A rate limit
	// that stands before has read its own for the whole request.
	Clock func() time.Time

	// Logger is told why nobody could tell who calls; nil discards.
	Logger *slog.Logger

	// Denied is told of each refused credential, for the audit trail, but not
	// of faults. It must not block. May be nil.
	Denied func(*http.Request, error)
}

// Authenticate finds out who calls and puts the principal into the request's
// context, where authn.FromContext finds it. It reads Authorization: Bearer and
// X-API-Key, never the query (RFC 6750 section 2 leaves that to be refused).
//
// A request without a credential goes on as anonymous, for RequireUser and its
// like to decide. A bad credential is answered 401 invalid_token at once and is
// never anonymous; two credentials, or one in the query, are 400
// invalid_request; when nobody can tell, the answer is 503.
//
// It panics without a Verifier.
func Authenticate(cfg AuthenticateConfig) func(http.Handler) http.Handler {
	if cfg.Verifier == nil {
		panic("middleware.Authenticate: no Verifier")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := exchangeOf(r.Context())
			p, err := cfg.principal(r, x)
			if err != nil {
				if cfg.Denied != nil && isDenial(err) {
					cfg.Denied(r, err)
				}
				refuse(w, r, cfg.Logger, err)
				return
			}
			if p != nil {
				if x != nil {
					x.setSubject(p.Subject)
				}
				r = r.WithContext(authn.NewContext(r.Context(), p))
			}
			next.ServeHTTP(w, r)
		})
	}
}

// principal returns who sent r, or nil for nobody.
func (cfg *AuthenticateConfig) principal(r *http.Request, x *exchange) (*authn.Principal, error) {
	credential, err := credentialOf(r)
	if err != nil || credential == "" {
		return nil, err
	}
	return cfg.Verifier.Verify(r.Context(), credential, (*caller)(r), x.at(cfg.Clock))
}

// caller is a request as the verifier sees it.
type caller http.Request

// ClientAddr finds the address when it is asked for it.
func (c *caller) ClientAddr() netip.Addr { return ClientAddr((*http.Request)(c)) }

// isDenial reports whether err says no, as opposed to "cannot tell".
func isDenial(err error) bool {
	switch store.CodeOf(err) {
	case store.ErrInvalidRequest, store.ErrUnauthenticated, store.ErrInvalidToken,
		store.ErrForbidden, store.ErrIPNotAllowed:
		return true
	}
	return false
}
