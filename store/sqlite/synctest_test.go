package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// TestWorksInABubble opens and uses a store where time is simulated, and where
// every goroutine must have ended.
func TestWorksInABubble(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		started, ended := make(chan struct{}), make(chan error)
		go func() {
			ended <- s.InTx(ctx, func(ctx context.Context, q store.Queries) error {
				close(started)
				<-time.After(3 * time.Second) // simulated
				return q.UserInsert(ctx, store.User{ID: "usr_1", CreatedAt: time.Now()})
			})
		}()
		<-started
		before := time.Now()
		if err := s.UserInsert(ctx, store.User{ID: "usr_2"}); err != nil {
			t.Error(err)
		}
		if waited := time.Since(before); waited != 3*time.Second {
			t.Errorf("waited %v for the other transaction, want 3 s", waited)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if u, err := s.UserGet(ctx, "usr_1"); err != nil || !u.CreatedAt.Equal(before.Add(3*time.Second)) {
			t.Errorf("user is %v: %v", u, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// While another process holds the file, everybody who wants to write gives up
// after the same time, also those who queue behind one another.
func TestThoseWhoQueueGiveUpTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	synctest.Test(t, func(t *testing.T) {
		holder, err := sqlite.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sqlite.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = holder.InTx(t.Context(), func(ctx context.Context, _ store.Queries) error {
			began := time.Now()
			refused := make(chan error)
			for range 5 {
				go func() { refused <- s.UserInsert(ctx, store.User{ID: "usr_1"}) }()
			}
			for range 5 {
				if err := <-refused; !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("writing: %v, want %v", err, store.ErrUnavailable)
				}
			}
			if waited := time.Since(began); waited > 6*time.Second {
				t.Errorf("the last gave up after %v, want 5 s", waited)
			}
			return nil
		})
		if err := errors.Join(err, s.Close(), holder.Close()); err != nil {
			t.Error(err)
		}
	})
}
