package usermgmt_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// asKey sends one request with an API key.
func asKey(h http.Handler, secret string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-API-Key", secret)
	w := httptest.NewRecorder()
	defer func() { _ = recover() }() // the handlers of these tests break off
	h.ServeHTTP(w, r)
	return w
}

// keyOf makes a key of a user.
func keyOf(t *testing.T, mgr *usermgmt.Manager, user usermgmt.User) string {
	t.Helper()
	_, secret, err := mgr.Keys().Create(t.Context(), usermgmt.System(), usermgmt.PrincipalOf(user), usermgmt.NewKey{Name: "k"})
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal()
}

func TestCase_Q14_WhatIsUsedUpIs429AndWhatIsNotCoveredIs402(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t)
	user := usermgmttest.MustUser(t, mgr, "alice")
	secret := keyOf(t, mgr, user)
	handler := mgr.Wrap(mgr.Protect(usermgmt.Charge(metering.Credits, 40))(http.HandlerFunc(ok)))
	want := func(status int, code string) http.Header {
		t.Helper()
		w := asKey(handler, secret)
		var problem struct {
			Code string `json:"code"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &problem); w.Code != status || err != nil || problem.Code != code {
			t.Errorf("%d %s, want %d %s", w.Code, w.Body, status, code)
		}
		return w.Header()
	}
	want(402, "insufficient_credits")
	_, _, err := mgr.Metering().GrantCredits(t.Context(), usermgmt.System(), user.ID, metering.NewGrant{Amount: 100, Reason: "gift"})
	if err != nil {
		t.Fatal(err)
	}
	h := want(200, "")
	if got := h.Get("RateLimit"); !strings.Contains(got, `"credits";r=60`) || !strings.Contains(h.Get("RateLimit-Policy"), `"credits";q=100`) {
		t.Errorf("RateLimit: %s, RateLimit-Policy: %s", got, h.Get("RateLimit-Policy"))
	}
	limits := []authn.LimitChange{{Limit: store.Limit{Meter: metering.Credits, Window: store.Day, Limit: 50}}}
	if _, err := mgr.Metering().SetLimits(t.Context(), usermgmt.System(), user.ID, limits, "careful"); err != nil {
		t.Fatal(err)
	}
	h = want(429, "quota_exceeded") // a day is always counted
	if h.Get("Retry-After") == "" || !strings.Contains(h.Get("RateLimit"), `"credits-day";r=10`) {
		t.Errorf("Retry-After: %s, RateLimit: %s", h.Get("Retry-After"), h.Get("RateLimit"))
	}
}

// The ledger says how what was paid for ended, and the plan what a stream that
// broke off is charged.
func TestTheLedgerSaysHowAStreamEnded(t *testing.T) {
	t.Parallel()
	mgr := usermgmttest.New(t)
	user := usermgmttest.MustUser(t, mgr, "alice")
	secret := keyOf(t, mgr, user)
	_, _, err := mgr.Metering().GrantCredits(t.Context(), usermgmt.System(), user.ID, metering.NewGrant{Amount: 1000, Reason: "gift"})
	if err != nil {
		t.Fatal(err)
	}
	breaks := true
	handler := mgr.Wrap(mgr.Protect(usermgmt.Charge(metering.Credits, 100))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ok(w, r)
		usermgmt.ReportUsage(r.Context(), metering.Credits, 30)
		if breaks {
			panic(http.ErrAbortHandler)
		}
	})))
	asKey(handler, secret)
	breaks = false
	asKey(handler, secret)
	list, err := mgr.Metering().Ledger(t.Context(), user.ID, usermgmt.Page{})
	if err != nil || len(list.Items) != 3 {
		t.Fatalf("the ledger is %+v, %v", list.Items, err)
	}
	for i, want := range []string{store.OutcomeComplete, store.OutcomeInterrupted} {
		if e := list.Items[i]; e.Outcome != want || e.Amount != -30 {
			t.Errorf("entry %d is %+v, want -30 and %s", i, e, want)
		}
	}
}
