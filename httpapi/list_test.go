package httpapi_test

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/httpapi"
)

// TestLists pages through the keys in both orders.
func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, bob := w.register("alice").access, w.register("bob").access
	var made []string
	for i := range 7 {
		w.advance(time.Second)
		id, _ := w.key(alice, fmt.Sprintf(`{"name":"k%d"}`, i))
		made = append(made, id)
	}
	list := func(by, query string) answer { return w.call("GET", "/auth/me/keys?"+query, by, "") }
	for _, order := range []string{"created_at", "-created_at"} {
		var got []string
		cursor := ""
		for pages := 0; pages == 0 || cursor != ""; pages++ {
			page := list(alice, "limit=3&total=true&sort="+order+"&cursor="+url.QueryEscape(cursor)).want(200, "")
			for _, item := range page.items() {
				got = append(got, item["id"].(string))
			}
			if v := page.json(); v["total"] != 7.0 || v["total_capped"] != nil {
				t.Errorf("totals %v %v", v["total"], v["total_capped"])
			}
			cursor = page.text("next_cursor")
		}
		want := slices.Clone(made)
		if order[0] == '-' {
			slices.Reverse(want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", order, got, want)
		}
	}
	if v := list(alice, "").want(200, "").json(); v["total"] != nil {
		t.Error("a total that nobody asked for")
	}

	cursor := url.QueryEscape(list(alice, "limit=2").text("next_cursor"))
	list(alice, "limit=5&cursor="+cursor).want(200, "")
	list(alice, "sort=created_at&cursor="+cursor).want(400, "invalid_request")
	list(bob, "cursor="+cursor).want(400, "invalid_request")
	list(alice, "cursor=CANARY").want(400, "invalid_request")
	w.call("GET", "/auth/me/sessions?cursor="+cursor, alice, "").want(400, "invalid_request")

	for _, query := range []string{
		"limit=0", "limit=-1", "limit=201", "limit=CANARY", "limit=1e2", "limit=99999999999999999999",
		"sort=name", "sort=-CANARY", "total=1", "total=TRUE",
	} {
		a := list(alice, query).want(422, "validation_failed")
		if errs, ok := a.json()["errors"].([]any); !ok || len(errs) != 1 {
			t.Errorf("%s: %s", query, a.body)
		}
	}
	list(alice, "limit=200&unknown=1").want(200, "")
}

// TestCursorsOutliveARotationOfKeys goes on with a page after the secrets were
// rotated, and no longer when the old one is gone.
func TestCursorsOutliveARotationOfKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice").access
	first, _ := w.key(alice, `{"name":"first"}`)
	w.advance(time.Second)
	w.key(alice, `{"name":"second"}`)
	next := "/auth/me/keys?cursor=" + url.QueryEscape(w.call("GET", "/auth/me/keys?limit=1", alice, "").text("next_cursor"))

	older, newer := w.cfg.CursorKeys[0], bytes.Repeat([]byte{4}, 32)
	w.restart(func(c *httpapi.Config) { c.CursorKeys = [][]byte{newer, older} })
	if items := w.call("GET", next, alice, "").want(200, "").items(); len(items) != 1 || items[0]["id"] != first {
		t.Errorf("the next page has %v", items)
	}
	made := "/auth/me/keys?cursor=" + url.QueryEscape(w.call("GET", "/auth/me/keys?limit=1", alice, "").text("next_cursor"))
	w.restart(func(c *httpapi.Config) { c.CursorKeys = [][]byte{newer} })
	w.call("GET", next, alice, "").want(400, "invalid_request")
	w.call("GET", made, alice, "").want(200, "")
}
