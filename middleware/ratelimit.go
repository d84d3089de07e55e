package middleware

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// requestsPolicy is how the limit on requests is called on answers.
const requestsPolicy = "requests"

// RateLimitConfig says how fast requests are taken.
type RateLimitConfig struct {
	// Limiter keeps the buckets; required.
	Limiter ratelimit.Limiter

	// Rate is required. RateLimitByPrincipal uses it for principals that have
	// no rate of their own.
	Rate ratelimit.Rate

	// Space keeps the buckets of different limits apart; empty means "ip" and
	// "principal". Limits in one space share buckets, and count a request once
	// however many of them wrap it.
	Space string

	// Logger is told when the limiter fails; nil discards.
	Logger *slog.Logger

	// Clock is what buckets fill by; nil means time.Now. It is read once for
	// all limits of a request.
	Clock func() time.Time

	policy string // RateLimit-Policy of Rate, made once
}

// RateLimitByIP limits how fast requests come from one address: IPv4 as it is,
// IPv6 by its /64, which one customer has all of. The address is that of
// ResolveClientIP or, without one before it, the peer's. It belongs before
// Authenticate, where it bounds the guessing of credentials.
//
// A request too many is answered 429 rate_limited with Retry-After. Every
// answer carries RateLimit and RateLimit-Policy with the policy "requests"; a
// limit further in replaces it. A limiter that cannot answer is 503: those that
// depend on a server fall back by themselves before they give up.
//
// It panics without a Limiter or a valid Rate.
func RateLimitByIP(cfg RateLimitConfig) func(http.Handler) http.Handler {
	return cfg.limit("RateLimitByIP", "ip", func(cfg *RateLimitConfig, r *http.Request) (ratelimit.Key, ratelimit.Rate, bool) {
		return ratelimit.AddrKey(cfg.Space, ClientAddr(r)), cfg.Rate, true
	})
}

// RateLimitByPrincipal limits how fast one caller's requests come, as
// RateLimitByIP does for an address. A caller is an account or, for API keys,
// a key and those it was rotated from and into. A caller's own rate goes before
// that of the configuration. Anonymous requests pass. It stands after
// Authenticate.
func RateLimitByPrincipal(cfg RateLimitConfig) func(http.Handler) http.Handler {
	return cfg.limit("RateLimitByPrincipal", "principal", func(cfg *RateLimitConfig, r *http.Request) (ratelimit.Key, ratelimit.Rate, bool) {
		p, ok := authn.FromContext(r.Context())
		if !ok {
			return ratelimit.Key{}, ratelimit.Rate{}, false
		}
		name, rate := p.Subject, cfg.Rate
		if p.KeyFamily != "" {
			name = p.KeyFamily
		}
		if p.Rate != (ratelimit.Rate{}) {
			rate = p.Rate
		}
		return ratelimit.NameKey(cfg.Space, name), rate, true
	})
}

// limit makes the middleware; bucket says which bucket a request is of, and how
// it fills, or false for none.
func (cfg RateLimitConfig) limit(constructor, space string, bucket func(*RateLimitConfig, *http.Request) (ratelimit.Key, ratelimit.Rate, bool)) func(http.Handler) http.Handler {
	if cfg.Limiter == nil || !cfg.Rate.Valid() {
		panic(fmt.Sprintf("middleware.%s: no Limiter, or a rate of %v", constructor, cfg.Rate))
	}
	cfg.Space = cmp.Or(cfg.Space, space)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	cfg.policy = policyOf(cfg.Rate)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key, rate, ok := bucket(&cfg, r)
			if !ok {
				next.ServeHTTP(w, r)
				return
			}
			r, x := withExchange(r)
			if x.spend(cfg.Space) {
				if err := cfg.spend(w, r, key, rate, x.at(cfg.Clock)); err != nil {
					refuse(w, r, cfg.Logger, err)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// spend takes one request from the bucket and says on the answer what is left.
func (cfg *RateLimitConfig) spend(w http.ResponseWriter, r *http.Request, key ratelimit.Key, rate ratelimit.Rate, now time.Time) error {
	d, err := cfg.Limiter.Allow(r.Context(), key, rate, 1, now)
	if err != nil {
		return store.Unavailable(fmt.Errorf("the rate limiter does not answer: %w", err))
	}
	policy := cfg.policy
	if rate != cfg.Rate {
		policy = policyOf(rate)
	}
	setMembers(w.Header(), policy, ratelimit.LimitField(d.Item(requestsPolicy)))
	if d.Allowed {
		return nil
	}
	return &store.Error{
		Code:       store.ErrRateLimited,
		Detail:     "Requests come too fast. Wait as long as Retry-After says.",
		RetryAfter: d.RetryAfter,
	}
}

func policyOf(rate ratelimit.Rate) string {
	return ratelimit.PolicyField(ratelimit.Item{Policy: requestsPolicy, Quota: int64(rate.Burst), Window: rate.Window()})
}
