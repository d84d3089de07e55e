package middleware

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// ReportUsage says that the request used n units of a meter. Reports of one
// meter add up. The amount is charged when the handler is done: for a meter
// that Meter holds units of, it is what the hold is settled with in place of
// the estimate, also when it is 0; any other declared meter is counted after
// the fact, whatever its limit; a meter that is not declared is logged.
//
// An n below 0 counts as 0. Without Meter or CountUsage around the handler it
// does nothing, and once the request has ended it is logged and not counted.
// It may be called from any goroutine of the handler.
func ReportUsage(ctx context.Context, meter string, n int64) {
	if rep := reportOf(ctx); rep != nil {
		rep.add(meter, n)
	}
}

// report gathers what one request used. It is its own context, made by the
// outermost Meter or CountUsage of the request and shared by those inside.
type report struct {
	context.Context
	logger *slog.Logger

	mu      sync.Mutex
	used    map[string]int64 // by meter; made when something is reported
	held    []string         // meters with a hold, now or before
	refused bool             // a Meter further in refused the request
	closed  bool
}

type reportKey struct{}

// Value returns the report itself for its key and asks the parent for any
// other.
func (rep *report) Value(key any) any {
	if key == (reportKey{}) {
		return rep
	}
	return rep.Context.Value(key)
}

func reportOf(ctx context.Context) *report {
	rep, _ := ctx.Value(reportKey{}).(*report)
	return rep
}

func (rep *report) add(meter string, n int64) {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	if rep.closed {
		rep.logger.WarnContext(rep, "usage was reported after the request had ended and is not counted",
			slog.String("meter", meter), slog.Int64("amount", n))
		return
	}
	if rep.used == nil {
		rep.used = make(map[string]int64, 1)
	}
	n = min(max(n, 0), store.MaxAmount)
	rep.used[meter] = min(rep.used[meter]+n, store.MaxAmount)
}

// hold notes that units of the meter are to be held. It is false when they are
// held already: then the request is being charged further out.
func (rep *report) hold(meter string) bool {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	if slices.Contains(rep.held, meter) {
		return false
	}
	rep.held = append(rep.held, meter)
	return true
}

// refuse notes that a Meter refused the request: those further out then charge
// nothing for it.
func (rep *report) refuse() {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	rep.refused = true
}

func (rep *report) wasRefused() bool {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	return rep.refused
}

// take returns what was reported of a meter, and whether anything was, and
// forgets it.
func (rep *report) take(meter string) (int64, bool) {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	n, reported := rep.used[meter]
	delete(rep.used, meter)
	return n, reported
}

// close ends the report and returns what is left of it.
func (rep *report) close() map[string]int64 {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	rep.closed = true
	return rep.used
}

// count charges what is left of the report after the fact. The client may be
// gone by now, which changes nothing of what it used.
func (rep *report) count(meterer Meterer, p authn.Principal) {
	for meter, n := range rep.close() {
		if n == 0 {
			continue
		}
		ctx, cancel := detached(rep)
		if err := meterer.Count(ctx, p, meter, n); err != nil {
			rep.logger.LogAttrs(ctx, slog.LevelError, "reported usage was not counted",
				slog.String("meter", meter), slog.Int64("amount", n),
				slog.String("subject", p.Subject), slog.Any("error", err))
		}
		cancel()
	}
}
