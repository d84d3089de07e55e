package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
)

type principalKey struct{}

// ctxOnly is the least that hands a principal to a handler.
func ctxOnly(next http.Handler) http.Handler {
	principal := new(authn.Principal)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, principal)))
	})
}

// Cached are the cases of one remembered credential of each kind, with the peer
// and with what else a request passes.
func (h *House) Cached(ctx context.Context, p *People) ([]Case, error) {
	cases, err := h.Authenticate(ctx, p)
	if err != nil {
		return nil, err
	}
	byEdDSA, err := guardian(p.EdDSA, new(blank))
	if err != nil {
		return nil, err
	}
	limits := middleware.RateLimitConfig{Limiter: ratelimit.NewMemory(0), Rate: unhurried}
	limited := middleware.RateLimitByIP(limits)(
		authenticate(h.verifier(h.store, h.eddsa, rememberUpTo))(
			middleware.RateLimitByPrincipal(limits)(new(blank))))
	return append(cases,
		Case{Name: Bare, Worker: requests(new(blank), apiKeyHeader, p.Keys)},
		Case{Name: GuardianJWT, Worker: requests(byEdDSA, bearerHeader, p.EdDSA)},
		Case{Name: LimitedKey, Worker: requests(limited, apiKeyHeader, p.Keys)},
		Case{Name: Protected, Worker: requests(h.protected(new(blank)), apiKeyHeader, p.Keys)},
		Case{Name: XTimeRate, Worker: xTimeRate},
		Case{Name: RateCheck, Worker: rateCheck(ratelimit.NewMemory(0))},
	), nil
}

// Authenticate are the cases of authentication alone, of people who all are
// remembered.
func (h *House) Authenticate(ctx context.Context, p *People) ([]Case, error) {
	byEdDSA, byHS256 := h.verifier(h.store, h.eddsa, rememberUpTo), h.verifier(h.store, h.hs256, rememberUpTo)
	byKey := h.verifier(h.store, h.eddsa, rememberUpTo)
	if err := remember(ctx, byKey, p.Keys, ""); err != nil {
		return nil, err
	}
	if err := remember(ctx, byEdDSA, p.EdDSA, bearer); err != nil {
		return nil, err
	}
	if err := remember(ctx, byHS256, p.HS256, bearer); err != nil {
		return nil, err
	}
	keys := bearing(p.Keys)
	peer, err := guardian(keys, new(blank))
	if err != nil {
		return nil, err
	}
	return []Case{
		{Name: Floor, Worker: requests(ctxOnly(new(blank)), apiKeyHeader, p.Keys)},
		{Name: Key, Worker: requests(authenticate(byKey)(new(blank)), apiKeyHeader, p.Keys)},
		{Name: EdDSA, Worker: requests(authenticate(byEdDSA)(new(blank)), bearerHeader, p.EdDSA)},
		{Name: HS256, Worker: requests(authenticate(byHS256)(new(blank)), bearerHeader, p.HS256)},
		{Name: GuardianKey, Worker: requests(peer, bearerHeader, keys)},
		{Name: ReadOnlyMap, Worker: readOnlyMap(p.Keys)},
		{Name: Verify, Worker: verify(byKey, p.Keys)},
	}, nil
}

// Durable is the whole path with a conversation that is on disk before the
// handler runs, for callers of as many users.
func (h *House) Durable(p *People) []Case {
	return []Case{{
		Name:    Conversation,
		Worker:  requests(h.protected(new(blank), usermgmt.Conversation()), apiKeyHeader, p.Keys),
		Callers: 64,
	}}
}

// protected is the whole path as a host sets it up.
func (h *House) protected(next http.Handler, options ...usermgmt.Option) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/chat", h.Manager.Protect(options...)(next))
	return h.Manager.Wrap(mux)
}

func authenticate(v *authn.Verifier) func(http.Handler) http.Handler {
	return middleware.Authenticate(middleware.AuthenticateConfig{Verifier: v})
}

// bearing returns the credentials as they stand in the Authorization header.
func bearing(credentials []string) []string {
	values := make([]string, len(credentials))
	for i, c := range credentials {
		values[i] = bearer + c
	}
	return values
}

// xTimeRate is a bare limiter, in hand: nothing is looked up.
func xTimeRate() func() {
	l := rate.NewLimiter(rate.Limit(unhurried.PerSecond), unhurried.Burst)
	return func() {
		if !l.AllowN(time.Now(), 1) {
			panic("bench: a limit was reached")
		}
	}
}

// rateCheck looks the bucket of a caller up and spends from it.
func rateCheck(m *ratelimit.Memory) func() func() {
	var workers atomic.Int64
	return func() func() {
		key := ratelimit.NameKey("principal", fmt.Sprintf("usr_%032x", workers.Add(1)))
		return func() {
			d, err := m.Allow(context.Background(), key, unhurried, 1, time.Now())
			if err != nil || !d.Allowed {
				panic("bench: a limit was reached")
			}
		}
	}
}

// readOnlyMap is the least that finds a principal by a credential.
func readOnlyMap(credentials []string) func() func() {
	principals := make(map[string]*authn.Principal, len(credentials))
	for _, c := range credentials {
		principals[c] = new(authn.Principal)
	}
	next := walks(len(credentials))
	return func() func() {
		next := next()
		return func() {
			if principals[warm(credentials[next()])] == nil {
				panic("bench: a credential is unknown")
			}
		}
	}
}

// verify looks remembered credentials up, at one instant.
func verify(v *authn.Verifier, credentials []string) func() func() {
	next := walks(len(credentials))
	return func() func() {
		next, now := next(), time.Now()
		return func() {
			if _, err := v.Verify(context.Background(), warm(credentials[next()]), at, now); err != nil {
				panic(err)
			}
		}
	}
}
