package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// errRefused is an error of a transaction's own.
const errRefused store.Code = "refused_by_test"

func testInTx(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, u store.User)) {
		t.Run("InTx/"+name, func(t *testing.T) {
			t.Parallel()
			fn(t, newUser())
		})
	}
	exists := func(t *testing.T, u store.User) bool {
		t.Helper()
		_, err := s.UserGet(t.Context(), u.ID)
		if !errors.Is(err, store.ErrNotFound) {
			must(t, err)
		}
		return err == nil
	}

	run("CommitsWhenNil", func(t *testing.T, u store.User) {
		must(t, s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			must(t, q.UserInsert(ctx, u))
			want(t, got(q.UserGet(ctx, u.ID))(t), keptUser(u))
			want(t, exists(t, u), false)
			return nil
		}))
		want(t, exists(t, u), true)
	})
	run("ErrorRollsBackAndIsReturned", func(t *testing.T, u store.User) {
		cause := errors.New("cause")
		err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			must(t, q.UserInsert(ctx, u))
			return cause
		})
		want(t, errors.Is(err, cause), true)
		want(t, exists(t, u), false)
	})
	run("PanicRollsBackAndGoesOn", func(t *testing.T, u store.User) {
		func() {
			defer func() { want(t, recover(), any("boom")) }()
			s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
				must(t, q.UserInsert(ctx, u))
				panic("boom")
			})
			t.Error("InTx returned from a panic")
		}()
		want(t, exists(t, u), false)
		must(t, s.UserInsert(t.Context(), u))
	})
	run("ConflictLeavesItUsable", func(t *testing.T, u store.User) {
		held := newUser()
		must(t, s.UserInsert(t.Context(), held))
		must(t, s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			wantError(t, q.UserInsert(ctx, held), store.ErrConflict)
			_, err := q.UserGet(ctx, newID("usr_"))
			wantError(t, err, store.ErrNotFound)
			return q.UserInsert(ctx, u)
		}))
		want(t, exists(t, u), true)
	})
	run("HalfABatchIsNeverCommitted", func(t *testing.T, u store.User) {
		l := newCounter(9)
		r := lease(1, l)
		err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			_, err := q.MeterReserve(ctx, []store.Reserve{lease(2, l), r, r})
			wantError(t, err, store.ErrConflict)
			return nil
		})
		if err != nil {
			wantError(t, err, store.ErrConflict)
		}
		meter{s}.wantUsage(t, moment(0), l, 0, 0)
	})
	run("ReadThenWriteLosesNothing", func(t *testing.T, u store.User) {
		u.Metadata = json.RawMessage("0")
		must(t, s.UserInsert(t.Context(), u))
		together(50, func(int) {
			err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
				// Two rows are not needed: the name is the lock on databases that
				// let transactions run side by side.
				name := store.Identifier{Kind: store.IdentifierUsername, Value: u.ID, Subject: u.ID}
				if err := q.IdentifierInsert(ctx, name); err != nil {
					return err
				}
				v, err := q.UserGet(ctx, u.ID)
				if err != nil {
					return err
				}
				n, err := strconv.Atoi(string(v.Metadata))
				if err != nil {
					return err
				}
				v.Metadata = json.RawMessage(strconv.Itoa(n + 1))
				if err := q.UserUpdate(ctx, v); err != nil {
					return err
				}
				return q.IdentifierDelete(ctx, name.Kind, u.ID)
			})
			if err != nil {
				t.Error(err)
			}
		})
		want(t, string(got(s.UserGet(t.Context(), u.ID))(t).Metadata), "50")
	})
	run("ContextThatEndsInsideRollsBack", func(t *testing.T, u store.User) {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.InTx(ctx, func(ctx context.Context, q store.Queries) error {
			must(t, q.UserInsert(ctx, u))
			cancel()
			return nil
		})
		want(t, errors.Is(err, context.Canceled), true)
		want(t, exists(t, u), false)
	})
	run("WaitingEndsWithTheContext", func(t *testing.T, u store.User) {
		must(t, s.UserInsert(t.Context(), u))
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error)
		must(t, s.InTx(t.Context(), func(outer context.Context, q store.Queries) error {
			must(t, q.UserUpdate(outer, u))
			go func() {
				waiting <- s.InTx(ctx, func(ctx context.Context, q store.Queries) error { return q.UserUpdate(ctx, u) })
			}()
			cancel()
			if err := <-waiting; !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v, want %v", err, context.Canceled)
			}
			return nil
		}))
	})
	run("QueriesEndWithTheTransaction", func(t *testing.T, u store.User) {
		var leaked store.Queries
		must(t, s.InTx(t.Context(), func(_ context.Context, q store.Queries) error {
			leaked = q
			return nil
		}))
		if leaked.UserInsert(t.Context(), u) == nil {
			t.Error("a write after the end of the transaction succeeded")
		}
		want(t, exists(t, u), false)
	})
}
