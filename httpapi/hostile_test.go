package httpapi_test

import (
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// A body of a mebibyte holds a quarter of a million members, and each costs a
// hundred times its bytes to be checked: that many are refused before. The test
// is not parallel, so that what it counts is its own.
func TestStrictJSON_ManyShortValuesAreCheap(t *testing.T) {
	api := bare(t)
	router := api.UserRouter("/auth")
	members := func(open, end string) string {
		var b strings.Builder
		b.WriteString(open + `"a":0`)
		for i := 0; b.Len() < 1<<20-20; i++ {
			b.WriteString(`,"` + strconv.FormatInt(int64(i), 36) + `":1`)
		}
		return b.String() + end
	}
	for name, body := range map[string]string{
		"unknown members":     members(`{`, `}`),
		"members of a string": members(`{"username":{`, `}}`),
		"items":               `{"username":[1` + strings.Repeat(",1", 1<<19-20) + `]}`,
		"empty arrays":        `{"username":[[]` + strings.Repeat(",[]", 1<<18) + `]}`,
		"repeated members":    `{"":1` + strings.Repeat(`,"":1`, 1<<17) + `}`,
	} {
		r, w := jsonRequest("POST", "/auth/login", body), httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		router.ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; w.Code != 422 || allocated > 8 {
			t.Errorf("%s: status %d, %d MiB", name, w.Code, allocated)
		}
	}
}

func TestStrictJSON_ManyValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice").access
	object := func(members int) string {
		return `{"metadata":{"a":[` + strings.TrimSuffix(strings.Repeat("1,", members), ",") + `]}}`
	}
	w.call("PATCH", "/auth/me", alice, object(8000)).want(200, "")
	w.call("PATCH", "/auth/me", alice, object(10_000)).want(422, "validation_failed")
}

// What a refused caller wrote in place of an id is kept only where it could be
// one: the trail is no place to fill.
func TestDenials_KeepIDsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, reader := w.key(alice.access, `{"name":"r","scopes":["account:read"]}`)
	for _, id := range []string{strings.Repeat("x", 100_000), "key_%00", "%ff%fe", "%0a", "key_1"} {
		w.call("DELETE", "/auth/me/keys/"+id, reader, "").want(403, "forbidden")
	}
	must(t, w.trail.Flush(t.Context()))
	list, err := w.trail.List(t.Context(), store.AuditFilter{Action: "key.revoke"}, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
	must(t, err)
	var targets []string
	for _, e := range list.Items {
		targets = append(targets, e.Target.Kind+" "+e.Target.ID)
	}
	caller := "user " + alice.id
	want := []string{caller, caller, caller, caller, "key key_1"}
	if strings.Join(targets, ",") != strings.Join(want, ",") {
		t.Errorf("targets %.300q", targets)
	}
}
