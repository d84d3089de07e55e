package store_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

func TestCursorGoesBackToItsPosition(t *testing.T) {
	t.Parallel()
	key := []byte("key")
	for _, p := range []store.Position{
		{},
		{At: time.UnixMicro(1773500966535897).UTC(), ID: "usr_1"},
		{At: time.UnixMicro(-1).UTC(), ID: "usr_1"},
		{At: time.UnixMicro(1).UTC(), ID: "ünï\x00\xff"},
		{Key: "anna", ID: "usr_1"},
		{Key: "annausr_", ID: "1"}, // the same bytes, cut elsewhere
		{Key: "ünï\x00\xff"},
		{ID: "usr_1"}, // of somebody who never signed in
	} {
		s := store.EncodeCursor(key, "users", p)
		if got, err := store.DecodeCursor(key, "users", s); err != nil || got != p {
			t.Errorf("%+v came back as %+v: %v", p, got, err)
		}
	}
}

func TestCursorIsRefusedElsewhere(t *testing.T) {
	t.Parallel()
	p := store.Position{At: time.UnixMicro(1).UTC(), ID: "usr_1"}
	s := store.EncodeCursor([]byte("key"), "users", p)
	for name, decode := range map[string]func() (store.Position, error){
		"OtherKey":    func() (store.Position, error) { return store.DecodeCursor([]byte("other"), "users", s) },
		"OtherScope":  func() (store.Position, error) { return store.DecodeCursor([]byte("key"), "keys", s) },
		"ScopePrefix": func() (store.Position, error) { return store.DecodeCursor([]byte("key"), "user", s) },
		"Truncated":   func() (store.Position, error) { return store.DecodeCursor([]byte("key"), "users", s[:len(s)-1]) },
		"Longer":      func() (store.Position, error) { return store.DecodeCursor([]byte("key"), "users", s+"AAAA") },
		"Padded":      func() (store.Position, error) { return store.DecodeCursor([]byte("key"), "users", s+"=") },
		"NewLine":     func() (store.Position, error) { return store.DecodeCursor([]byte("key"), "users", s+"\n") },
		"NotBase64":   func() (store.Position, error) { return store.DecodeCursor([]byte("key"), "users", "!") },
		"OnlyATag": func() (store.Position, error) {
			return store.DecodeCursor([]byte("key"), "users", strings.Repeat("A", 32))
		},
	} {
		if got, err := decode(); !errors.Is(err, store.ErrInvalidRequest) || got != (store.Position{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// FuzzDecodeCursor wants that what is not refused is exactly what EncodeCursor
// writes.
func FuzzDecodeCursor(f *testing.F) {
	key := []byte("key")
	f.Add("")
	f.Add("AAAA")
	f.Add(store.EncodeCursor(key, "users", store.Position{At: time.UnixMicro(1), ID: "usr_1"}))
	f.Add(store.EncodeCursor(key, "users", store.Position{At: time.UnixMicro(math.MaxInt64), ID: "\x00"}))
	f.Add(store.EncodeCursor(key, "users", store.Position{Key: "anna", ID: "usr_1"}))
	f.Fuzz(func(t *testing.T, s string) {
		p, err := store.DecodeCursor(key, "users", s)
		if err != nil {
			if !errors.Is(err, store.ErrInvalidRequest) || p != (store.Position{}) {
				t.Errorf("refused with %+v, %v", p, err)
			}
			return
		}
		if again := store.EncodeCursor(key, "users", p); again != s {
			t.Errorf("accepted %q, which EncodeCursor writes as %q", s, again)
		}
	})
}

func TestPageSize(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{
		-1: store.DefaultLimit, 0: store.DefaultLimit, 1: 1, 200: 200, 201: store.MaxLimit, math.MaxInt: store.MaxLimit,
	} {
		if got := (store.Page{Limit: limit}).Size(); got != want {
			t.Errorf("Limit %d: %d items, want %d", limit, got, want)
		}
	}
}
