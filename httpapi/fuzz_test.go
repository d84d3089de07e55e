package httpapi_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
)

// FuzzListQuery reads any query: what it takes is within bounds, and its cursor
// is one that we wrote for this list, order and filter.
func FuzzListQuery(f *testing.F) {
	key := make([]byte, 32)
	_, scope, err := httpapi.ReadPage(url.Values{}, key)
	if err != nil {
		f.Fatal(err)
	}
	cursor := store.EncodeCursor(key, scope, store.Position{At: noon, ID: "key_1"})
	for _, s := range []string{
		"", "limit=1&sort=created_at&total=true", "limit=0", "limit=201", "limit=+5", "limit=1e1", "limit=1&limit=2", "sort=-username", "total=1",
		"cursor=" + cursor, "cursor=" + cursor + "&sort=created_at", "cursor=" + cursor + "&conversation_id=c", "cursor=%00", "a;b=c", "limit=%zz",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, _ := url.ParseQuery(raw)
		page, scope, err := httpapi.ReadPage(query, key)
		if err != nil {
			if !errors.Is(err, store.ErrValidation) && !errors.Is(err, store.ErrInvalidRequest) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		if page.Limit < 1 || page.Limit > store.MaxLimit || page.Sort != store.NewestFirst && page.Sort != store.OldestFirst {
			t.Errorf("%q: %+v", raw, page)
		}
		if again := store.EncodeCursor(key, scope, page.After); again != query.Get("cursor") {
			t.Errorf("%q: the cursor is written %q", raw, again)
		}
	})
}

// FuzzSaysJSON takes no media type but JSON, as the browsers' own list of types
// that need no preflight must never be: application/json, in any case, before
// any parameters.
func FuzzSaysJSON(f *testing.F) {
	for _, s := range []string{
		"application/json", "Application/JSON; charset=UTF-8", "application/json;charset=latin1", "text/plain", "text/plain; application/json",
		"application/json, text/plain", "application/jsonp", "multipart/form-data; boundary=application/json", "application/json; charset=utf-8; charset=x", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, contentType string) {
		media, _, _ := strings.Cut(contentType, ";")
		if httpapi.SaysJSON(contentType) && !strings.EqualFold(strings.TrimSpace(media), "application/json") {
			t.Errorf("%q is taken for JSON", contentType)
		}
	})
}
