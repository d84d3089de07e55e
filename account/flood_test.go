package account_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
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

// An attempt with the right password of which nothing came is no failure: whoever
// tries again is not locked out by that. Here the client goes while it is looked
// at.
func TestCase_PW_12_WhatWasCutShortIsNotCounted(t *testing.T) {
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
		if _, _, err := h.SignIn(ctx, "alice", goodPassword, away); !errors.Is(err, context.Canceled) {
			t.Fatalf("cut short: %v", err)
		}
	}
	db.leave = nil
	h.wantTenTries(t)
}

// wantTenTries fails the test unless alice has all her tries.
func (h *house) wantTenTries(t *testing.T) {
	t.Helper()
	for range 10 {
		if code := h.code("alice", "wrong", away); code != store.ErrInvalidCredentials {
			t.Fatalf("after the flood: %q", code)
		}
	}
	if code := h.code("alice", goodPassword, away); code != store.ErrLocked {
		t.Errorf("after ten failures: %q", code)
	}
}

// slowCount is a database in which attempts of one key wait to be counted, and
// that counts what is asked of it.
type slowCount struct {
	store.Store
	slow    atomic.Bool
	there   chan struct{} // a token when one waits
	goOn    chan struct{}
	lookups atomic.Int64
}

func (s *slowCount) SignInAttempt(ctx context.Context, key string, rule store.SignInRule, now time.Time) (store.SignInFailures, error) {
	if s.slow.Load() {
		s.there <- struct{}{}
		<-s.goOn
	}
	return s.Store.SignInAttempt(ctx, key, rule, now)
}

func (s *slowCount) IdentifierGet(ctx context.Context, kind store.IdentifierKind, value string) (store.Identifier, error) {
	s.lookups.Add(1)
	return s.Store.IdentifierGet(ctx, kind, value)
}

func (s *slowCount) PasswordSchemes(ctx context.Context) ([]string, error) {
	s.lookups.Add(1)
	return s.Store.PasswordSchemes(ctx)
}

// Where there is no room to compare, an attempt is refused before anything is
// looked up or counted, for any name; so is one whose client does not wait for
// its turn. However many there are, they lock nobody out.
func TestCase_EN_02_LK_02_PW_12_AFullQueueIsRefusedBeforeAnythingIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &slowCount{there: make(chan struct{}), goOn: make(chan struct{})}
		h := newHouse(t, func(c *account.Config) {
			db.Store = c.Store
			c.Store = db
			hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 4, Concurrency: 1, Queue: 1, Floor: time.Millisecond})
			must(t, err)
			c.Hasher = hasher
		})
		h.register("alice")
		db.slow.Store(true)
		var flood sync.WaitGroup
		flood.Go(func() { h.code("nobody", "wrong", away) }) // has its turn
		<-db.there
		db.slow.Store(false)
		before := db.lookups.Load()
		for range 25 {
			ctx, leave := context.WithCancel(t.Context())
			flood.Go(func() {
				if _, _, err := h.SignIn(ctx, "alice", "wrong", away); store.CodeOf(err) != store.ErrUnavailable {
					t.Errorf("without a turn: %v", err)
				}
			})
			synctest.Wait() // it is in the queue, which is full
			began := time.Now()
			for _, name := range []string{"alice", "nobody"} {
				if code := h.code(name, "wrong", away); code != store.ErrUnavailable || !time.Now().Equal(began) {
					t.Errorf("%s, with a full queue: %q after %v", name, code, time.Since(began))
				}
			}
			leave()
			synctest.Wait()
		}
		if n := db.lookups.Load(); n != before {
			t.Errorf("%d look-ups were made for attempts without a turn", n-before)
		}
		close(db.goOn)
		flood.Wait()
		h.wantTenTries(t)
	})
}
