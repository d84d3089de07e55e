package account_test

import (
	"context"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

// impatient is a database whose client goes as soon as its attempt is counted.
type impatient struct {
	store.Store
	leave func() // nil for a client that stays
}

func (s *impatient) SignInAttempt(ctx context.Context, key string, rule store.SignInRule, now time.Time) (store.SignInFailures, error) {
	f, err := s.Store.SignInAttempt(ctx, key, rule, now)
	if s.leave != nil {
		s.leave()
	}
	return f, err
}

// An attempt that there was no room to look at is no failure: whoever tries again
// while others flood the sign-in is not locked out by that. Here it is the client
// that does not wait for its turn; a full queue ends an attempt the same way.
func TestCase_PW_12_WhatIsNotComparedIsNotCounted(t *testing.T) {
	t.Parallel()
	db := &impatient{}
	h := newHouse(t, func(c *account.Config) {
		db.Store = c.Store
		c.Store = db
	})
	h.register("alice")
	for range 25 { // the limit is 10
		ctx, leave := context.WithCancel(t.Context())
		db.leave = leave
		if _, _, err := h.SignIn(ctx, "alice", goodPassword, away); store.CodeOf(err) != store.ErrUnavailable {
			t.Fatalf("without a turn: %v", err)
		}
	}
	db.leave = nil
	for range 10 {
		if code := h.code("alice", "wrong", away); code != store.ErrInvalidCredentials {
			t.Fatalf("after the flood: %q", code)
		}
	}
	if code := h.code("alice", goodPassword, away); code != store.ErrLocked {
		t.Errorf("after ten failures: %q", code)
	}
}
