package account_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// slowCounts is a database that counts the first two attempts once it is let.
type slowCounts struct {
	store.Store
	counted atomic.Int64
	arrived chan struct{}
	let     chan struct{}
}

func (s *slowCounts) SignInAttempt(ctx context.Context, key string, rule store.SignInRule, now time.Time) (store.SignInFailures, error) {
	if s.counted.Add(1) <= 2 {
		s.arrived <- struct{}{}
		<-s.let
	}
	return s.Store.SignInAttempt(ctx, key, rule, now)
}

// An attempt for which there is no room is not looked at, so it is no failure:
// whoever tries again during a flood is not locked out by it, and the flood costs
// the database nothing.
func TestCase_PW_12_WhatIsNotComparedIsNotCounted(t *testing.T) {
	t.Parallel()
	slow := &slowCounts{arrived: make(chan struct{}), let: make(chan struct{})}
	h := newHouse(t, func(c *account.Config) {
		hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 4, Concurrency: 1, Queue: 1, Floor: time.Microsecond})
		must(t, err)
		slow.Store, c.Hasher = c.Store, hasher
		c.Store = slow
	})
	h.register("alice")
	var flood sync.WaitGroup
	for range 2 { // one that hashes and one that waits
		flood.Go(func() { h.code("nobody", "wrong", away) })
		<-slow.arrived
	}
	for range 20 {
		if code := h.code("alice", goodPassword, away); code != store.ErrUnavailable {
			t.Fatalf("without room: %q", code)
		}
	}
	if n := slow.counted.Load(); n != 2 {
		t.Errorf("%d attempts were counted, want 2", n)
	}
	close(slow.let)
	flood.Wait()
	if code := h.code("alice", goodPassword, away); code != "" {
		t.Errorf("after the flood: %s", code)
	}
}
