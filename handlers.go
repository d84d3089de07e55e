package usermgmt

import (
	"net/http"
	"net/netip"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/internal/network"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

func (m *Manager) buildAPI() {
	m.api = httpapi.New(httpapi.Config{
		Users:            m.users,
		Sessions:         m.sessions,
		Keys:             m.keys,
		Staff:            m.staff,
		Admins:           m.admins,
		Ceilings:         m.cfg.ceilings(),
		Services:         m.serviceKeys,
		Metering:         m.metering,
		Messages:         m.messages,
		Tokens:           m.tokens,
		Trail:            m.trail,
		Allowlist:        m.allowlist,
		Tasks:            m.runner,
		Door:             m.door,
		Authenticate:     m.authenticate(),
		LimitByIP:        m.limitByIP(),
		LimitLogin:       m.limitLogin(),
		LimitByPrincipal: m.limitByPrincipal(),
		CursorKeys:       m.keyring.Secrets(authn.PurposeCursor),
		BaseURL:          m.cfg.BaseURL,
		Version:          Version,
		Logger:           m.logger,
		Clock:            m.cfg.Clock,
		Health: []httpapi.HealthCheck{
			{Name: "database", Run: m.store.Ping},
			{Name: "messages", Run: m.messages.Check, Optional: true},
			{Name: "tasks", Run: m.runner.Check, Optional: true},
		},
		OpsAllowed: m.opsAllowed,
	})
}

// UserRouter serves the routes of users (register, login, me ...) under a
// prefix such as "/auth". The request keeps its full path: no StripPrefix.
func (m *Manager) UserRouter(prefix string) http.Handler { return m.api.UserRouter(prefix) }

// StaffRouter serves the routes of support staff, which signs in and helps users,
// under a prefix such as "/staff".
func (m *Manager) StaffRouter(prefix string) http.Handler { return m.api.StaffRouter(prefix) }

// AdminRouter serves the routes of admins under a prefix such as "/admin".
// Only Config.AdminIPAllowlist may use it, where there is one.
func (m *Manager) AdminRouter(prefix string) http.Handler {
	admins := middleware.Allowlist(middleware.AllowlistConfig{Prefixes: m.cfg.AdminIPAllowlist, Denied: m.denied})
	return m.unlessWrapped(admins)(m.api.AdminRouter(prefix))
}

// ServiceRouter serves the routes of services, which meter and log for users with
// a key of their own, under a prefix such as "/service".
func (m *Manager) ServiceRouter(prefix string) http.Handler { return m.api.ServiceRouter(prefix) }

// OpenAPIHandler serves the OpenAPI 3.1 document of the routers made so far,
// with their prefixes.
func (m *Manager) OpenAPIHandler() http.Handler { return m.api.OpenAPI() }

// JWKSHandler serves the public keys of access tokens (RFC 7517), for services
// that verify them without asking. It is empty under HS256.
func (m *Manager) JWKSHandler() http.Handler { return m.api.JWKS() }

// HealthHandler serves /health, /health/live and /health/ready. Only loopback
// and Config.OpsAllowlist see more than the status.
func (m *Manager) HealthHandler() http.Handler { return m.api.Health() }

// WriteError answers r with the problem document (RFC 9457) of err: an *Error
// with its code and status, anything else as an internal error whose text stays
// inside. Nothing may have been written before.
func WriteError(w http.ResponseWriter, r *http.Request, err error) { problem.Write(w, r, err) }

// JSONBody returns a function that reads a request's body into a T, a struct, as
// strictly as the API does: unknown, repeated or differently cased members, null
// where a value is needed, trailing data and bodies over 1 MiB are refused. A
// member is optional when its json tag says omitempty; the tags minLength,
// maxLength, minimum, maximum, minItems, maxItems and enum are enforced. The
// error is for WriteError. JSONBody panics when T has what cannot be enforced;
// call it once, not per request.
func JSONBody[T any]() func(w http.ResponseWriter, r *http.Request) (T, error) {
	return httpapi.BodyReader[T]()
}

// Invalid makes an ErrValidation for one member of a request. Neither the rule
// nor the message may hold the rejected value.
func Invalid(field, rule, message string) *Error { return store.Invalid(field, rule, message) }

// ProblemOf is the problem document of err, to be sent where an answer has
// begun, as in an event stream.
func ProblemOf(err error, requestID string) any { return problem.From(err, requestID) }

func (m *Manager) opsAllowed(addr netip.Addr) bool {
	return addr.IsLoopback() || network.Contains(m.cfg.OpsAllowlist, addr)
}
