package usermgmt_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// streams is a host, and an upstream behind its reverse proxy, that end as the
// query says.
type streams struct {
	mgr     *usermgmt.Manager
	url     string
	arrived chan struct{} // a request that answers nothing waits for its client
	ended   chan struct{} // a request was charged
}

// What a stream says it used, and what was held for it.
const (
	delivered = 30
	estimate  = 100
)

// serveStreams starts both. Requests are charged credits.
func serveStreams(t *testing.T, policy store.Interruption) *streams {
	t.Helper()
	s := &streams{mgr: usermgmttest.New(t), arrived: make(chan struct{}, 1), ended: make(chan struct{}, 1)}
	_, err := s.mgr.Metering().CreatePlan(t.Context(), usermgmt.System(), store.Plan{ID: "streams", OnInterrupt: policy})
	if err != nil {
		t.Fatal(err)
	}
	quiet := log.New(io.Discard, "", 0)
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(s.stream))
	upstream.Config.ErrorLog = quiet
	upstream.Start()
	t.Cleanup(upstream.Close)
	to, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			if p.In.URL.Query().Get("end") == "unreachable" {
				p.Out.URL.Host = "127.0.0.1:1"
			}
		},
		ModifyResponse: func(res *http.Response) error {
			usermgmt.ReportUsage(res.Request.Context(), metering.Credits, delivered)
			return nil
		},
		ErrorLog: quiet,
	}
	mux := http.NewServeMux()
	charged := func(h http.Handler) http.Handler { // by both, once
		protect := s.mgr.Protect(usermgmt.Charge(metering.Credits, estimate))
		return s.mgr.Protect(usermgmt.Charge(metering.Credits, estimate))(protect(h))
	}
	mux.Handle("/handler", charged(http.HandlerFunc(s.stream)))
	mux.Handle("/proxy", charged(proxy))
	host := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { s.ended <- struct{}{} }()
		s.mgr.Wrap(mux).ServeHTTP(w, r)
	}))
	host.Config.ErrorLog = quiet
	host.Start()
	t.Cleanup(host.Close)
	s.url = host.URL
	return s
}

// stream answers one event and ends.
func (s *streams) stream(w http.ResponseWriter, r *http.Request) {
	end := r.URL.Query().Get("end")
	switch end {
	case "fails":
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case "panics at once":
		panic(http.ErrAbortHandler)
	case "is left at once":
		s.arrived <- struct{}{}
		<-r.Context().Done()
		return
	}
	usermgmt.ReportUsage(r.Context(), metering.Credits, delivered)
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "data: a\n\n")
	_ = http.NewResponseController(w).Flush()
	switch end {
	case "panics":
		panic("a fault of the host")
	case "aborts":
		panic(http.ErrAbortHandler)
	case "is left":
		<-r.Context().Done()
	}
}

// ask makes one request of a new user, as a client that goes away where the way
// says so, and returns what the ledger has of it.
func (s *streams) ask(t *testing.T, name, path, end string) (spends []store.LedgerEntry, balance store.Balance) {
	t.Helper()
	user := usermgmttest.MustUser(t, s.mgr, name)
	_, err := s.mgr.Metering().SetPlan(t.Context(), usermgmt.System(), user.ID, "streams", metering.KeepUsage, "a test")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.mgr.Metering().GrantCredits(t.Context(), usermgmt.System(), user.ID, metering.NewGrant{Amount: 1000, Reason: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	// A GET whose connection breaks is sent again by the client itself.
	r, err := http.NewRequestWithContext(ctx, "POST", s.url+path+"?end="+url.QueryEscape(end), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", usermgmttest.MustKey(t, s.mgr, user))
	if end == "is left at once" {
		go func() {
			<-s.arrived
			hangUp()
		}()
	}
	if res, err := http.DefaultClient.Do(r); err == nil {
		first := make([]byte, 1)
		_, _ = res.Body.Read(first)
		if end == "is left" {
			hangUp()
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	<-s.ended
	if balance, err = s.mgr.Metering().Balance(t.Context(), user.ID); err != nil {
		t.Fatal(err)
	}
	entries, err := s.mgr.Metering().Ledger(t.Context(), user.ID, usermgmt.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries.Items {
		if e.Kind == store.LedgerSpend {
			spends = append(spends, e)
		}
	}
	return spends, balance
}

// However a stream ends, it is charged once, by the plan's policy where it broke
// off; the ledger says so and nothing stays held. A reverse proxy is a handler as
// any other.
func TestStreamsAreChargedByHowTheyEnded(t *testing.T) {
	t.Parallel()
	const nothing = "nothing"
	broken := map[store.Interruption]string{
		store.ChargeDelivered: "30 interrupted", store.ChargeEstimate: "100 interrupted", store.ChargeNothing: nothing,
	}
	always := func(charge string) map[store.Interruption]string {
		return map[store.Interruption]string{store.ChargeDelivered: charge, store.ChargeEstimate: charge, store.ChargeNothing: charge}
	}
	for policy := range broken {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			s := serveStreams(t, policy)
			for i, tt := range []struct {
				path, end string
				want      map[store.Interruption]string
			}{
				{"/handler", "returns", always("30 complete")},
				{"/handler", "panics", broken},
				{"/handler", "aborts", broken},
				{"/handler", "is left", broken},
				{"/handler", "fails", always(nothing)},
				{"/handler", "panics at once", always(nothing)},
				{"/handler", "is left at once", always(nothing)},
				{"/proxy", "returns", always("30 complete")},
				{"/proxy", "panics", broken},
				{"/proxy", "is left", broken},
				{"/proxy", "fails", always(nothing)},
				{"/proxy", "panics at once", always(nothing)},
				{"/proxy", "is left at once", always(nothing)},
				{"/proxy", "unreachable", always(nothing)},
			} {
				t.Run(tt.path[1:]+" "+tt.end, func(t *testing.T) {
					spends, balance := s.ask(t, fmt.Sprint("person", i), tt.path, tt.end)
					got, left := nothing, int64(1000)
					for n, e := range spends {
						if got, left = fmt.Sprint(-e.Amount, " ", e.Outcome), left+e.Amount; n > 0 {
							t.Errorf("it was charged again: %+v", e)
						}
					}
					if got != tt.want[policy] || balance != (store.Balance{Amount: left}) {
						t.Errorf("charged %s, want %s; the balance is %+v", got, tt.want[policy], balance)
					}
				})
			}
		})
	}
}

// extensions is a Meterer that says when a hold was extended.
type extensions struct {
	middleware.Meterer
	done chan struct{}
}

func (e extensions) Extend(ctx context.Context, id string, ttl time.Duration) (store.Reservation, error) {
	r, err := e.Meterer.Extend(ctx, id, ttl)
	e.done <- struct{}{}
	return r, err
}

// A stream that outlives its hold keeps it.
func TestAStreamKeepsItsHold(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t)
	user := usermgmttest.MustUser(t, mgr, "alice")
	caller := usermgmt.PrincipalOf(user)
	standing := func(t *testing.T) store.CounterState {
		t.Helper()
		u, err := mgr.Metering().Usage(t.Context(), caller)
		if err != nil {
			t.Fatal(err)
		}
		return u.Counters[0]
	}
	meterer := extensions{mgr.Metering(), make(chan struct{}, 100)}
	meter := middleware.Meter(middleware.MeterConfig{Meterer: meterer, TTL: 3 * time.Second})
	host := httptest.NewServer(usermgmttest.As(caller)(meter(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		began := time.Now()
		for time.Since(began) <= 3*time.Second {
			select {
			case <-meterer.done:
			case <-time.After(10 * time.Second):
				t.Error("the hold is not extended")
				return
			}
		}
		if c := standing(t); c.Reserved != 1 || c.Used != 0 {
			t.Errorf("after %v the counter is %+v, want 1 held", time.Since(began), c)
		}
		_, _ = io.WriteString(w, "done")
	}))))
	defer host.Close()
	res, err := http.Get(host.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	if c := standing(t); c.Reserved != 0 || c.Used != 1 {
		t.Errorf("in the end the counter is %+v, want 1 used", c)
	}
}
