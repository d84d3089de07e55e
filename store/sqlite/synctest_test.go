package sqlite_test

import (
	"context"
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
				time.Sleep(time.Minute) // simulated
				return q.UserInsert(ctx, store.User{ID: "usr_1", CreatedAt: time.Now()})
			})
		}()
		<-started
		before := time.Now()
		if err := s.UserInsert(ctx, store.User{ID: "usr_2"}); err != nil {
			t.Error(err)
		}
		if waited := time.Since(before); waited != time.Minute {
			t.Errorf("waited %v for the other transaction, want a minute", waited)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if u, err := s.UserGet(ctx, "usr_1"); err != nil || !u.CreatedAt.Equal(before.Add(time.Minute)) {
			t.Errorf("user is %v: %v", u, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
