package middleware

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

const (
	defaultMeter = "conversations"
	defaultTTL   = time.Minute

	// chargeTimeout bounds each step of a charge. The steps are not cancelled
	// with the request: a client that hangs up must neither dodge a charge nor
	// leave units held that nobody will return.
	chargeTimeout = 5 * time.Second
)

// Meterer charges users. *metering.Service is one. Refusals are *store.Error
// with ErrQuotaExceeded or ErrInsufficientCredits; the counters are returned
// with a refusal too.
type Meterer interface {
	// Reserve holds amount units of a meter for ttl.
	Reserve(ctx context.Context, p authn.Principal, meter string, amount int64, ttl time.Duration) (store.Reservation, []store.CounterState, error)
	// Settle ends a hold with the actual amount; outcome says how the answer
	// ended. ErrUnavailable means not yet: the Meterer tries again by itself. So
	// it does in Release.
	Settle(ctx context.Context, id string, actual int64, outcome string) (store.Reservation, error)
	// Release ends a hold and returns its units.
	Release(ctx context.Context, id string) (store.Reservation, error)
	// Extend keeps a hold for another ttl from now.
	Extend(ctx context.Context, id string, ttl time.Duration) (store.Reservation, error)
	// Count charges units after the fact; ErrValidation for a meter that is
	// not declared. What fails is not charged later.
	Count(ctx context.Context, p authn.Principal, meter string, amount int64) error
}

// MeterConfig says what a request is charged.
type MeterConfig struct {
	// Meterer is required.
	Meterer Meterer

	// Meter is the meter charged; empty means conversations.
	Meter string

	// Amount is the estimate, in the meter's units: what is held before the
	// handler runs and charged where it reports nothing. 0 means 1.
	Amount int64

	// TTL is how long units stay held after this process has died; while it
	// lives the hold is renewed every third of it. From a second to an hour;
	// 0 means a minute.
	TTL time.Duration

	// OnInterrupt is the policy for an answer that broke off. Nil, or an
	// unknown value, means store.ChargeDelivered.
	OnInterrupt func(authn.Principal) store.Interruption

	// Logger is told of charges that failed; nil discards.
	Logger *slog.Logger

	// Clock is what waiting times are told by; nil means time.Now.
	Clock func() time.Time
}

// Meter charges each request of a user to a meter. It reserves the estimate
// before the handler runs, and a refusal is answered 429 quota_exceeded or 402
// insufficient_credits without running it. The hold is renewed for as long as
// the handler runs, and settled, before Meter returns, with what the handler
// told ReportUsage, or else with the estimate.
//
// What is charged depends on how the handler ended:
//
//   - it answered 5xx, or panicked or lost its client before it answered
//     anything, or a Meter further in refused the request: nothing;
//   - it panicked (http.ErrAbortHandler, which httputil.ReverseProxy uses when
//     a side goes away, included) or lost its client after the answer had
//     begun: the policy of OnInterrupt decides; what was delivered is what was
//     reported, or else the estimate;
//   - else: what was reported, or else the estimate.
//
// Where nothing is charged, other meters' reports are not counted either.
//
// A request is charged once for each meter, however many Meters wrap it.
// Anonymous requests are 401 unauthenticated, callers other than users 401
// invalid_token. Answers and refusals carry RateLimit and RateLimit-Policy with
// a policy for each limit of the meter, such as conversations-day.
//
// It stands after Authenticate, and panics without a Meterer or with an Amount
// or TTL out of range.
func Meter(cfg MeterConfig) func(http.Handler) http.Handler {
	cfg = cfg.withDefaults("Meter")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := user(r)
			if err != nil {
				problem.Write(w, r, err)
				return
			}
			rep, outermost := reportOf(r.Context()), false
			if rep == nil {
				rep, outermost = &report{Context: r.Context(), logger: cfg.Logger}, true
			}
			if !rep.hold(cfg.Meter) {
				next.ServeHTTP(w, r)
				return
			}
			reservation, err := cfg.reserve(w, r, p)
			if err != nil {
				rep.refuse()
				refuse(w, r, cfg.Logger, err)
				return
			}
			c := &charge{cfg: &cfg, principal: p, report: rep, outermost: outermost, reservation: reservation}
			if outermost {
				r = r.WithContext(rep)
			}
			c.serve(next, record(w), r)
		})
	}
}

// CountUsage counts what handlers tell ReportUsage, for routes that hold no
// units beforehand. Only Meterer and Logger of the configuration are used. What
// was reported is counted however the handler ended. Inside a Meter it leaves
// the counting to that one, and requests of others than users are not counted.
// It panics without a Meterer.
func CountUsage(cfg MeterConfig) func(http.Handler) http.Handler {
	cfg = cfg.withDefaults("CountUsage")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := user(r)
			if err != nil || reportOf(r.Context()) != nil {
				next.ServeHTTP(w, r)
				return
			}
			rep := &report{Context: r.Context(), logger: cfg.Logger}
			defer rep.count(cfg.Meterer, p)
			next.ServeHTTP(w, r.WithContext(rep))
		})
	}
}

func (cfg MeterConfig) withDefaults(constructor string) MeterConfig {
	if cfg.Meterer == nil {
		panic(fmt.Sprintf("middleware.%s: no Meterer", constructor))
	}
	cfg.Meter = cmp.Or(cfg.Meter, defaultMeter)
	cfg.Amount = cmp.Or(cfg.Amount, 1)
	cfg.TTL = cmp.Or(cfg.TTL, defaultTTL)
	if cfg.Amount < 1 || cfg.Amount > store.MaxAmount || cfg.TTL < time.Second || cfg.TTL > time.Hour {
		panic(fmt.Sprintf("middleware.%s: the amount is %d, the TTL %v", constructor, cfg.Amount, cfg.TTL))
	}
	if cfg.OnInterrupt == nil {
		cfg.OnInterrupt = func(authn.Principal) store.Interruption { return store.ChargeDelivered }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return cfg
}

// user returns the user who sent r.
func user(r *http.Request) (authn.Principal, error) {
	p, ok := authn.FromContext(r.Context())
	switch {
	case !ok:
		return p, errAnonymous()
	case p.Kind != authn.KindUser:
		return p, errOtherKind()
	}
	return p, nil
}

// reserve holds the estimate and says on the answer what is left.
func (cfg *MeterConfig) reserve(w http.ResponseWriter, r *http.Request, p authn.Principal) (store.Reservation, error) {
	ctx, cancel := detached(r.Context())
	defer cancel()
	reservation, counters, err := cfg.Meterer.Reserve(ctx, p, cfg.Meter, cfg.Amount, cfg.TTL)
	SetQuota(w.Header(), counters, cfg.Clock())
	return reservation, err
}

// detached returns a context with the values of ctx that lives on when the
// client goes away, for one step of a charge.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), chargeTimeout)
}
