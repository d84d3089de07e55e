package usermgmt

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// leaseFor is how long a reservation holds without a renewal. Protect renews it
// while the handler runs, so it bounds only what a killed process keeps.
const leaseFor = time.Minute

// contentSecurityPolicy lets a host's pages load what is their own. A handler
// that needs more sets its own.
const contentSecurityPolicy = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// Option adds a demand to Protect.
type Option func(*demands)

type demands struct {
	scopes  []string
	charges []charge
}

// charge is what a request holds of a meter before its handler runs.
type charge struct {
	meter    string
	estimate int64
}

// Scope demands that an API key has every one of the scopes, which are among
// Config.Scopes or built in; access tokens have all. Without it 403 forbidden is
// answered.
func Scope(scopes ...string) Option {
	return func(d *demands) { d.scopes = append(d.scopes, scopes...) }
}

// Conversation counts each request as one conversation against the user's plan,
// exactly: it is reserved before the handler runs and settled after. A handler
// that answers 5xx or panics before its first byte is not charged.
func Conversation() Option { return Charge(metering.Conversations, 1) }

// Charge counts each request against the user's and the key's limits of a meter,
// one of Config.Meters or a built-in one: the estimate, at least 1, is reserved
// before the handler runs, and a limit that does not admit it is 429
// quota_exceeded. Of metering.Credits it is micro-units, and a balance that does
// not cover it is 402 insufficient_credits. After the handler it is settled with
// what ReportUsage said, or else with the estimate.
func Charge(meter string, estimate int64) Option {
	return func(d *demands) { d.charges = append(d.charges, charge{meter, estimate}) }
}

// Protect returns middleware that lets a user's requests through to the handler
// and nobody else's: it limits by address, authenticates, limits by principal,
// and then asks what the options demand. FromContext gives the handler its
// caller. A request is charged once for a meter, however many Protect are around
// it. Protect panics when an option names a scope or a meter that the Config does
// not have.
func (m *Manager) Protect(options ...Option) func(http.Handler) http.Handler {
	var d demands
	for _, option := range options {
		option(&d)
	}
	m.mustHave(d)
	guard := middleware.Guard{Denied: m.denied}
	chain := []func(http.Handler) http.Handler{
		m.limitByIP(),
		m.authenticate(),
		guard.Kind(authn.KindUser),
		m.limitByPrincipal(),
	}
	if len(d.scopes) > 0 {
		chain = append(chain, guard.Scope(d.scopes...))
	}
	for _, c := range d.charges {
		chain = append(chain, middleware.Meter(m.meter(c)))
	}
	chain = append(chain, middleware.CountUsage(m.meter(charge{})))
	return m.unlessWrapped(compose(chain...))
}

// mustHave panics for demands that no request could meet as they were meant.
func (m *Manager) mustHave(d demands) {
	for _, scope := range d.scopes {
		if !slices.Contains(m.cfg.Scopes, scope) && !slices.Contains(authn.BuiltinScopes(), scope) {
			panic(fmt.Sprintf("usermgmt: Protect demands the scope %q, which is not in Config.Scopes", scope))
		}
	}
	for _, c := range d.charges {
		declared := slices.Contains(m.cfg.Meters, Meter{Name: c.meter}) || slices.Contains([]string{metering.Conversations, metering.Credits}, c.meter)
		if !declared || c.estimate < 1 {
			panic(fmt.Sprintf("usermgmt: Protect charges %d of the meter %q; it must be at least 1 of one in Config.Meters or built in", c.estimate, c.meter))
		}
	}
}

// unlessWrapped gives a request that did not pass Wrap what the rest relies on:
// an id and the client's address.
func (m *Manager) unlessWrapped(protect func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	prepare := compose(middleware.AssignRequestID(), middleware.ResolveClientIP(m.cfg.TrustedProxies))
	return func(next http.Handler) http.Handler {
		wrapped := protect(next)
		bare := prepare(wrapped)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if ctx := r.Context(); middleware.RequestID(ctx) != "" && middleware.ClientIP(ctx).IsValid() {
				wrapped.ServeHTTP(w, r)
				return
			}
			bare.ServeHTTP(w, r)
		})
	}
}

// Wrap puts around the host's whole mux what every request passes: request id,
// access log, recovery from panics, client address, security headers, IP
// allowlist, CORS, and problem documents in place of the mux's own 404 and 405.
// A credential in the query (access_token, api_key) is refused on every route.
func (m *Manager) Wrap(next http.Handler) http.Handler {
	return compose(
		middleware.AssignRequestID(),
		middleware.AccessLog(middleware.AccessLogConfig{Logger: m.logger, Clock: m.cfg.Clock, Skip: isProbe}),
		middleware.Recover(m.logger),
		middleware.ResolveClientIP(m.cfg.TrustedProxies),
		middleware.SecurityHeaders(middleware.HeadersConfig{
			ContentSecurityPolicy: contentSecurityPolicy,
			HTTPS:                 strings.HasPrefix(m.cfg.BaseURL, "https:"),
		}),
		middleware.Allowlist(middleware.AllowlistConfig{
			Prefixes: m.cfg.IPAllowlist, Current: m.allowlist.Current, Clock: m.cfg.Clock, Exempt: isProbe, Denied: m.denied,
		}),
		middleware.CORS(middleware.CORSConfig{Origins: m.cfg.CORSOrigins}),
		middleware.NoQueryCredentials(),
		m.refuseWhenClosed,
		middleware.NotFound(),
	)(next)
}

// compose applies middleware so that the first is the outermost.
func compose(chain ...func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		for i := len(chain) - 1; i >= 0; i-- {
			next = chain[i](next)
		}
		return next
	}
}

// refuseWhenClosed answers 503 once Close has begun.
func (m *Manager) refuseWhenClosed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.life.Err() != nil {
			problem.Write(w, r, store.Unavailable(ErrClosed))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (m *Manager) authenticate() func(http.Handler) http.Handler {
	return middleware.Authenticate(middleware.AuthenticateConfig{Verifier: m.verifier, Logger: m.logger, Clock: m.cfg.Clock, Denied: m.denied})
}

func (m *Manager) limitByIP() func(http.Handler) http.Handler {
	return middleware.RateLimitByIP(middleware.RateLimitConfig{
		Limiter: m.limiter, Rate: m.cfg.IPRateLimit, Space: "ip", Logger: m.logger, Clock: m.cfg.Clock,
	})
}

func (m *Manager) limitLogin() func(http.Handler) http.Handler {
	return middleware.RateLimitByIP(middleware.RateLimitConfig{
		Limiter: m.limiter, Rate: m.cfg.LoginRateLimit, Space: "login", Logger: m.logger, Clock: m.cfg.Clock,
	})
}

// limitByPrincipal goes by the rate of the key, else of the plan, else by the
// configured one.
func (m *Manager) limitByPrincipal() func(http.Handler) http.Handler {
	return middleware.RateLimitByPrincipal(middleware.RateLimitConfig{
		Limiter: m.limiter, Rate: m.cfg.RateLimit, Space: "principal", Logger: m.logger, Clock: m.cfg.Clock,
	})
}

func (m *Manager) meter(c charge) middleware.MeterConfig {
	return middleware.MeterConfig{
		Meterer:     m.metering,
		Meter:       c.meter,
		Amount:      c.estimate,
		TTL:         leaseFor,
		OnInterrupt: m.metering.OnInterrupt,
		Logger:      m.logger,
		Clock:       m.cfg.Clock,
	}
}

// denied records a refusal of the middleware in the audit trail. Whoever sends
// no credential at all is asked for one and not recorded.
func (m *Manager) denied(r *http.Request, err error) {
	code := store.CodeOf(err)
	if code == store.ErrUnauthenticated {
		return
	}
	p, _ := authn.FromContext(r.Context())
	ip := ""
	if addr := middleware.ClientAddr(r); addr.IsValid() {
		ip = addr.String()
	}
	m.trail.Record(store.Change{
		Action: "request.denied",
		Actor:  p.Actor(ip, middleware.RequestID(r.Context())),
		Target: store.Target{Kind: "route", ID: r.Pattern},
		Result: store.Denied,
		Reason: string(code),
	})
}

// isProbe tells the health probes, which an orchestrator makes from addresses
// of its own.
func isProbe(r *http.Request) bool {
	return r.URL.Path == "/health/live" || r.URL.Path == "/health/ready"
}

var (
	_ middleware.Authenticator = (*authn.Verifier)(nil)
	_ middleware.Meterer       = (*metering.Service)(nil)
	_ ratelimit.Limiter        = (*ratelimit.Memory)(nil)
)
