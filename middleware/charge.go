package middleware

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// charge is one request's hold on a meter, from reservation to its end.
type charge struct {
	cfg         *MeterConfig
	principal   authn.Principal
	report      *report
	outermost   bool // the report ends with this charge
	reservation store.Reservation
}

// serve runs the handler and ends the hold, however the handler ends. It does
// not recover: a panic goes on with the stack of whoever panicked.
func (c *charge) serve(next http.Handler, rec *recorder, r *http.Request) {
	stop := c.renew(r.Context())
	returned := false
	defer func() {
		stop()
		interrupted := !returned || r.Context().Err() != nil
		c.end(r.Context(), rec, interrupted)
	}()
	next.ServeHTTP(rec, r)
	returned = true
}

// end settles or releases the hold.
func (c *charge) end(ctx context.Context, rec *recorder, interrupted bool) {
	reported, ok := c.report.take(c.cfg.Meter)
	actual := c.reservation.Amount
	if ok {
		actual = reported
	}
	charged := rec.status < http.StatusInternalServerError && !c.report.wasRefused()
	if interrupted && charged {
		actual, charged = c.interrupted(actual, rec.started())
	}
	outcome := store.OutcomeComplete
	if interrupted {
		outcome = store.OutcomeInterrupted
	}
	c.finish(ctx, actual, charged, outcome)
	if !c.outermost {
		return
	}
	if charged {
		c.report.count(c.cfg.Meterer, c.principal)
	} else {
		c.report.close()
	}
}

// interrupted says what an answer that broke off is charged, given what was
// delivered. Nothing delivered is nothing charged.
func (c *charge) interrupted(delivered int64, started bool) (actual int64, charged bool) {
	if !started {
		return 0, false
	}
	switch c.cfg.OnInterrupt(c.principal) {
	case store.ChargeNothing:
		return 0, false
	case store.ChargeEstimate:
		return c.reservation.Amount, true
	default:
		return delivered, true
	}
}

// finish ends the hold. An end that was not written is logged with what it was
// to charge; where the error is ErrUnavailable, the Meterer tries it again.
func (c *charge) finish(ctx context.Context, actual int64, charged bool, outcome string) {
	ctx, cancel := detached(ctx)
	defer cancel()
	var err error
	if charged {
		_, err = c.cfg.Meterer.Settle(ctx, c.reservation.ID, actual, outcome)
	} else {
		_, err = c.cfg.Meterer.Release(ctx, c.reservation.ID)
	}
	if err != nil {
		c.cfg.Logger.LogAttrs(ctx, slog.LevelError, "the end of a reservation was not written",
			slog.String("reservation", c.reservation.ID), slog.String("subject", c.principal.Subject),
			slog.String("meter", c.cfg.Meter), slog.Int64("actual", actual),
			slog.Bool("charged", charged), slog.Any("error", err))
	}
}

// renew extends the hold every third of its length until stop, which waits for
// an extension under way. A timer does it, not a goroutine of its own: most
// handlers are done before it first fires.
func (c *charge) renew(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var mu sync.Mutex
	var timer *time.Timer
	every := c.cfg.TTL / 3
	mu.Lock()
	timer = time.AfterFunc(every, func() {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil {
			c.extend(ctx)
			timer.Reset(every)
		}
	})
	mu.Unlock()
	return func() {
		cancel() // before the lock: an extension under way gives up
		mu.Lock()
		defer mu.Unlock()
		timer.Stop()
	}
}

// extend renews the hold once. A failure is no reason to stop the answer: the
// next third may succeed, and a late settle charges all the same.
func (c *charge) extend(ctx context.Context) {
	step, cancel := context.WithTimeout(ctx, chargeTimeout)
	defer cancel()
	_, err := c.cfg.Meterer.Extend(step, c.reservation.ID, c.cfg.TTL)
	if err != nil && ctx.Err() == nil { // not because the handler is done
		c.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "a reservation was not extended",
			slog.String("reservation", c.reservation.ID), slog.Any("error", err))
	}
}
