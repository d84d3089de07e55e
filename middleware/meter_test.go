package middleware_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

// ledger is a Meterer that writes down what it was asked.
type ledger struct {
	mu      sync.Mutex
	entries []string
	limit   int64 // of conversations a day; 0 is 100
	used    int64
	fail    string        // the call that fails
	slow    time.Duration // how long Extend takes
}

func (l *ledger) note(ctx context.Context, call, format string, args ...any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, call+" "+fmt.Sprintf(format, args...))
	if err := ctx.Err(); err != nil {
		l.entries = append(l.entries, "with a dead context")
		return err
	}
	if l.fail == call {
		return store.Unavailable(errors.New("the database is gone"))
	}
	return nil
}

func (l *ledger) Reserve(ctx context.Context, p authn.Principal, meter string, amount int64, ttl time.Duration) (store.Reservation, []store.CounterState, error) {
	if err := l.note(ctx, "reserve", "%s %d", meter, amount); err != nil {
		return store.Reservation{}, nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := cmp.Or(l.limit, 100)
	state := store.CounterState{
		CounterLimit: store.CounterLimit{
			Counter: store.Counter{Subject: p.Subject, Meter: meter, Window: store.Day, Start: noon.Add(-12 * time.Hour)},
			Limit:   limit,
			End:     noon.Add(12 * time.Hour),
		},
		Used: l.used,
	}
	unlimited := state
	unlimited.Window, unlimited.Limit = store.Week, store.Unlimited
	if l.used+amount > limit {
		return store.Reservation{}, []store.CounterState{state, unlimited}, &store.Error{
			Code: store.ErrQuotaExceeded, Detail: "The day's conversations are used up.", RetryAfter: 12 * time.Hour,
			Quota: &store.QuotaRefusal{Meter: meter, Window: store.Day, Limit: limit, ResetsAt: state.End},
		}
	}
	l.used += amount
	state.Reserved = amount
	return store.Reservation{ID: "res_" + meter, Amount: amount}, []store.CounterState{state, unlimited}, nil
}

func (l *ledger) Settle(ctx context.Context, id string, actual int64, outcome string) (store.Reservation, error) {
	return store.Reservation{}, l.note(ctx, "settle", "%s %d %s", id, actual, outcome)
}

func (l *ledger) Release(ctx context.Context, id string) (store.Reservation, error) {
	return store.Reservation{}, l.note(ctx, "release", "%s", id)
}

func (l *ledger) Extend(ctx context.Context, id string, ttl time.Duration) (store.Reservation, error) {
	if l.slow > 0 {
		select {
		case <-time.After(l.slow):
		case <-ctx.Done():
			return store.Reservation{}, ctx.Err()
		}
	}
	return store.Reservation{}, l.note(ctx, "extend", "%s %v", id, ttl)
}

func (l *ledger) Count(ctx context.Context, _ authn.Principal, meter string, amount int64) error {
	return l.note(ctx, "count", "%s %d", meter, amount)
}

func (l *ledger) want(t *testing.T, entries ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.entries, entries) {
		t.Errorf("charged %q, want %q", l.entries, entries)
	}
}

func (l *ledger) meter(policy store.Interruption) func(http.Handler) http.Handler {
	return middleware.Meter(middleware.MeterConfig{
		Meterer: l, Amount: 3, Clock: atNoon,
		OnInterrupt: func(authn.Principal) store.Interruption { return policy },
	})
}

// run serves one request of alice and swallows http.ErrAbortHandler, as
// net/http does.
func run(h http.Handler, r *http.Request) (w *httptest.ResponseRecorder) {
	w = httptest.NewRecorder()
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			panic(v)
		}
	}()
	h.ServeHTTP(w, r)
	return w
}

func TestCase_Q6_MeterChargesByHowTheHandlerEnded(t *testing.T) {
	t.Parallel()
	begin := func(w http.ResponseWriter) { _, _ = io.WriteString(w, "data: a\n\n") }
	type ending struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request, hangUp func())
		// what the hold ends with, under each policy
		delivered, estimate, nothing string
	}
	const settled1, settled3 = "settle res_conversations 1 complete", "settle res_conversations 3 complete"
	const broken1, broken3 = "settle res_conversations 1 interrupted", "settle res_conversations 3 interrupted"
	const released = "release res_conversations"
	report := func(r *http.Request) { middleware.ReportUsage(r.Context(), "conversations", 1) }
	tests := []ending{
		{"returned, reported", func(w http.ResponseWriter, r *http.Request, _ func()) { report(r); begin(w) }, settled1, settled1, settled1},
		{"returned, unreported", func(w http.ResponseWriter, _ *http.Request, _ func()) { begin(w) }, settled3, settled3, settled3},
		{"returned, wrote nothing", func(http.ResponseWriter, *http.Request, func()) {}, settled3, settled3, settled3},
		{"returned 422", func(w http.ResponseWriter, _ *http.Request, _ func()) { w.WriteHeader(422) }, settled3, settled3, settled3},
		{"returned 422, reported none", func(w http.ResponseWriter, r *http.Request, _ func()) {
			middleware.ReportUsage(r.Context(), "conversations", 0)
			w.WriteHeader(422)
		}, "settle res_conversations 0 complete", "settle res_conversations 0 complete", "settle res_conversations 0 complete"},
		{"answered 500", func(w http.ResponseWriter, r *http.Request, _ func()) { report(r); w.WriteHeader(500); begin(w) }, released, released, released},
		{"panicked before the first byte", func(_ http.ResponseWriter, r *http.Request, _ func()) { report(r); panic(http.ErrAbortHandler) }, released, released, released},
		{"panicked after it, reported", func(w http.ResponseWriter, r *http.Request, _ func()) {
			begin(w)
			report(r)
			panic(http.ErrAbortHandler)
		}, broken1, broken3, released},
		{"panicked after it, unreported", func(w http.ResponseWriter, _ *http.Request, _ func()) { begin(w); panic(http.ErrAbortHandler) }, broken3, broken3, released},
		{"lost its client before the first byte", func(_ http.ResponseWriter, _ *http.Request, hangUp func()) { hangUp() }, released, released, released},
		{"lost its client after it, reported", func(w http.ResponseWriter, r *http.Request, hangUp func()) { begin(w); report(r); hangUp() }, broken1, broken3, released},
		{"lost its client after it, unreported", func(w http.ResponseWriter, _ *http.Request, hangUp func()) { begin(w); hangUp() }, broken3, broken3, released},
		{"flushed its header, then panicked", func(w http.ResponseWriter, _ *http.Request, _ func()) {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, broken3, broken3, released},
	}
	for _, tt := range tests {
		for policy, want := range map[store.Interruption]string{
			store.ChargeDelivered: tt.delivered, store.ChargeEstimate: tt.estimate, store.ChargeNothing: tt.nothing,
		} {
			t.Run(tt.name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				var l ledger
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tt.handler(w, r, hangUp) })
				run(chain(handler, authenticate(), l.meter(policy)), as("alice").WithContext(ctx))
				l.want(t, "reserve conversations 3", want)
			})
		}
	}
}

func TestMeterLetsAPanicThrough(t *testing.T) {
	t.Parallel()
	var l ledger
	h := chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("fault") }), authenticate(), l.meter(""))
	defer func() {
		if v := recover(); v != "fault" {
			t.Errorf("recovered %v", v)
		}
		l.want(t, "reserve conversations 3", "release res_conversations")
	}()
	h.ServeHTTP(httptest.NewRecorder(), as("alice"))
}

// A reverse proxy whose upstream goes away in the middle panics with
// http.ErrAbortHandler.
func TestMeterAroundAReverseProxy(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "data: a\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer upstream.Close()
	to, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	var l ledger
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, FlushInterval: -1, ErrorLog: nil}
	front := httptest.NewServer(chain(proxy, authenticate(), l.meter(store.ChargeEstimate)))
	r, _ := http.NewRequestWithContext(t.Context(), "GET", front.URL, nil)
	r.Header.Set("X-API-Key", "alice")
	res, err := front.Client().Do(r)
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err == nil {
		t.Error("the broken stream looked whole")
	}
	front.Close() // waits for the handler
	l.want(t, "reserve conversations 3", "settle res_conversations 3 interrupted")
}

func TestCase_Q13_OneRequestIsChargedOnce(t *testing.T) {
	t.Parallel()
	var l ledger
	protect := func(next http.Handler) http.Handler { return chain(next, authenticate(), l.meter("")) }
	var h handler
	serve(protect(protect(protect(&h))), as("alice"))
	if h.calls != 1 {
		t.Errorf("the handler ran %d times", h.calls)
	}
	l.want(t, "reserve conversations 3", "settle res_conversations 3 complete")
}

func TestMeterOfTwoMeters(t *testing.T) {
	t.Parallel()
	credits := func(l *ledger) func(http.Handler) http.Handler {
		return middleware.Meter(middleware.MeterConfig{Meterer: l, Meter: "credits", Amount: 50})
	}
	reports := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		middleware.ReportUsage(r.Context(), "credits", 20)
		middleware.ReportUsage(r.Context(), "credits", 5)
		middleware.ReportUsage(r.Context(), "tokens", 7)
	})
	t.Run("both are settled", func(t *testing.T) {
		t.Parallel()
		var l ledger
		serve(chain(reports, authenticate(), l.meter(""), credits(&l)), as("alice"))
		l.want(t, "reserve conversations 3", "reserve credits 50",
			"settle res_credits 25 complete", "settle res_conversations 3 complete", "count tokens 7")
	})
	t.Run("a refusal of one charges neither", func(t *testing.T) {
		t.Parallel()
		l := ledger{limit: 4}
		w := serve(chain(reports, authenticate(), l.meter(""), credits(&l)), as("alice"))
		wantProblem(t, w, http.StatusTooManyRequests, store.ErrQuotaExceeded)
		l.want(t, "reserve conversations 3", "reserve credits 50", "release res_conversations")
	})
}

func TestCase_Q14_MeterRefusals(t *testing.T) {
	t.Parallel()
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		var l ledger
		wantProblem(t, serve(chain(&handler{}, authenticate(), l.meter("")), as("")), 401, store.ErrUnauthenticated)
		l.want(t)
	})
	t.Run("QT-20 another kind", func(t *testing.T) {
		t.Parallel()
		var l ledger
		wantProblem(t, serve(chain(&handler{}, authenticate(), l.meter("")), as("root")), 401, store.ErrInvalidToken)
		l.want(t)
	})
	t.Run("quota", func(t *testing.T) {
		t.Parallel()
		var h handler
		l := ledger{limit: 2}
		w := serve(chain(&h, authenticate(), l.meter("")), as("alice"))
		p := wantProblem(t, w, 429, store.ErrQuotaExceeded)
		if p.Meter != "conversations" || p.Limit == nil || *p.Limit != 2 || h.calls != 0 {
			t.Errorf("problem = %+v, handler ran %d times", p, h.calls)
		}
		if got := w.Header().Get("Retry-After"); got != "43200" {
			t.Errorf("Retry-After = %s", got)
		}
		if got := w.Header().Get("RateLimit"); got != `"conversations-day";r=2;t=43200` {
			t.Errorf("RateLimit = %s", got)
		}
		l.want(t, "reserve conversations 3")
	})
	t.Run("database down", func(t *testing.T) {
		t.Parallel()
		var h handler
		l := ledger{fail: "reserve"}
		wantProblem(t, serve(chain(&h, authenticate(), l.meter("")), as("alice")), 503, store.ErrUnavailable)
		if h.calls != 0 {
			t.Error("the handler ran")
		}
	})
	mustPanic(t, func() { middleware.Meter(middleware.MeterConfig{}) })
	mustPanic(t, func() { middleware.Meter(middleware.MeterConfig{Meterer: &ledger{}, Amount: -1}) })
	mustPanic(t, func() { middleware.Meter(middleware.MeterConfig{Meterer: &ledger{}, TTL: time.Millisecond}) })
}

func TestMeterHeadersStandBesideThoseOfTheRateLimit(t *testing.T) {
	t.Parallel()
	var l ledger
	w := serve(chain(&handler{}, authenticate(), middleware.RateLimitByPrincipal(limiting(twoAMinute)), l.meter("")), as("alice"))
	if got := w.Header().Get("RateLimit-Policy"); got != `"requests";q=2;w=60, "conversations-day";q=100;w=86400` {
		t.Errorf("RateLimit-Policy = %s", got)
	}
	if got := w.Header().Get("RateLimit"); got != `"requests";r=1;t=30, "conversations-day";r=97;t=43200` {
		t.Errorf("RateLimit = %s", got)
	}
}

func TestMeterLogsWhatItCouldNotCharge(t *testing.T) {
	t.Parallel()
	for call, status := range map[string]int{"settle": 200, "release": 500} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			l := ledger{fail: call}
			answers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			w := serve(chain(answers, authenticate(),
				middleware.Meter(middleware.MeterConfig{Meterer: &l, Logger: jsonLogger(&out)})), as("alice"))
			if w.Code != status || !strings.Contains(out.String(), "res_conversations") {
				t.Errorf("status %d, log %q", w.Code, &out)
			}
		})
	}
}

// The hold is renewed while the handler runs and not afterwards.
func TestMeterRenewsTheHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		streams := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "data: a\n\n")
			<-time.After(65 * time.Second)
		})
		serve(chain(streams, byName("alice"), l.meter("")), as("alice"))
		<-time.After(time.Hour)
		l.want(t, "reserve conversations 3",
			"extend res_conversations 1m0s", "extend res_conversations 1m0s", "extend res_conversations 1m0s",
			"settle res_conversations 3 complete")
	})
}

// An extension under way when the handler ends is called off and waited for,
// so that nothing reaches the hold after its end.
func TestMeterEndsTheRenewalBeforeTheHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ledger{slow: 3 * time.Second}
		streams := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-time.After(21 * time.Second) })
		serve(chain(streams, byName("alice"), l.meter("")), as("alice"))
		<-time.After(time.Hour)
		l.want(t, "reserve conversations 3", "settle res_conversations 3 complete")
	})
}

// byName puts a known principal into the context, whatever the clock.
func byName(credential string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(authn.NewContext(r.Context(), known[credential])))
		})
	}
}
