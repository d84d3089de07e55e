package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// brokenStore answers some reads with what a database says when it is ill.
type brokenStore struct{ store.Store }

var errInternals = errors.New(`SQL logic error: no such column "password_hash" in /var/lib/CANARY.db (goroutine 7)`)

func (brokenStore) APIKeyList(context.Context, string, store.Page) (store.List[store.APIKey], error) {
	return store.List[store.APIKey]{}, errInternals
}

func (brokenStore) APIKeyGet(context.Context, string, string) (store.APIKey, error) {
	return store.APIKey{}, store.Unavailable(errInternals)
}

// TestCase_HT_11_FaultsShowNoInternals forces a fault: the answer is a problem
// with the request's id, and the cause stands in the log under that id.
func TestCase_HT_11_FaultsShowNoInternals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{store: func(s store.Store) store.Store { return brokenStore{s} }})
	alice := w.register("alice").access
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/auth/me/keys":   {http.StatusInternalServerError, "internal"},
		"/auth/me/keys/x": {http.StatusServiceUnavailable, "unavailable"},
	} {
		a := w.call("GET", path, alice, "").want(want.status, want.code)
		if a.text("request_id") != "request-1" || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v %s", path, a.header, a.body)
		}
		if want.status == 503 && a.header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
		for _, internal := range []string{"CANARY", "SQL", "column", "goroutine", ".go", "/var"} {
			if strings.Contains(a.body, internal) {
				t.Errorf("%s: the answer says %q: %s", path, internal, a.body)
			}
		}
	}
	if logs := w.logs.String(); strings.Count(logs, "CANARY") != 2 || !strings.Contains(logs, "request_id=request-1") || !strings.Contains(logs, "operation=list-keys") {
		t.Errorf("the log is %s", logs)
	}
}

// TestCase_HT_11_DatabaseDown closes the database under the service.
func TestCase_HT_11_DatabaseDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	must(t, w.store.Close())
	for _, a := range []answer{
		w.call("GET", "/auth/me/sessions", alice.access, ""),
		w.call("POST", "/auth/login", "", `{"username":"alice","password":"`+password+`"}`),
		w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+alice.refresh+`"}`),
		w.call("POST", "/auth/me/keys", alice.access, `{"name":"k"}`),
	} {
		a.want(http.StatusServiceUnavailable, "unavailable")
		if a.header.Get("Retry-After") == "" || strings.Contains(strings.ToLower(a.body), "sql") {
			t.Errorf("%v %s", a.header, a.body)
		}
	}
}
