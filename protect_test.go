package usermgmt_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// A limit of a meter of the host's own refuses as exactly as that of
// conversations, once Protect charges the meter.
func TestChargeHoldsAKeyToItsLimit(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t, func(cfg *usermgmt.Config) { cfg.Meters = []usermgmt.Meter{{Name: "tokens"}} })
	user := usermgmttest.MustUser(t, mgr, "alice")
	_, secret, err := mgr.Keys().Create(t.Context(), usermgmt.System(), usermgmt.PrincipalOf(user), usermgmt.NewKey{
		Name: "bounded", Limits: []usermgmt.Limit{{Meter: "tokens", Window: store.Day, Limit: 25}},
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := mgr.Wrap(mgr.Protect(usermgmt.Charge("tokens", 10))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		usermgmt.ReportUsage(r.Context(), "tokens", 8)
	})))
	for i, want := range []int{200, 200, 429} { // 8 + 8 + an estimate of 10 is more than 25
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-API-Key", secret.Reveal())
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("request %d: %d; want %d: %s", i+1, w.Code, want, w.Body)
		}
	}
}

func TestProtectRefusesDemandsNobodyCanMeet(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t)
	for name, option := range map[string]usermgmt.Option{
		"a scope that is not configured": usermgmt.Scope("chta"),
		"a meter that is not declared":   usermgmt.Charge("tokens", 1),
		"an estimate of nothing":         usermgmt.Charge("conversations", 0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("Protect took it")
				}
			}()
			mgr.Protect(option)
		})
	}
}

// Protect alone, without Wrap, still knows the client's address and gives the
// request an id.
func TestProtectWithoutWrap(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t)
	handler := mgr.Protect()(http.HandlerFunc(ok))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer nonsense")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || w.Header().Get("X-Request-ID") == "" {
		t.Errorf("%d, request id %q", w.Code, w.Header().Get("X-Request-ID"))
	}
	if err := mgr.Audit().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	events, err := mgr.Audit().List(t.Context(), store.AuditFilter{Action: "request.denied"}, usermgmt.Page{})
	if err != nil || len(events.Items) != 1 {
		t.Fatalf("denials in the trail: %v, %v", events.Items, err)
	}
	if got := events.Items[0].Detail; got.IP != "192.0.2.1" || got.Reason != "invalid_token" {
		t.Errorf("the denial says %+v", got)
	}
}
