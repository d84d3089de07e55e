package metering_test

import (
	"cmp"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// tap is a store that counts what a test asks about, and can be made to fail
// or to wait.
type tap struct {
	store.Store
	gate chan struct{} // when set, a batch of reserves waits for a token

	beforeExtend func() // when set, what happens while an extension waits

	mu      sync.Mutex
	fail    error
	failEnd error // of settles alone
	reads   int   // of plans
	batches int   // of reserves
}

// openStore opens the database of a folder.
func openStore(t testing.TB, folder string) *tap {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(folder, "usermgmt.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &tap{Store: db}
}

func (s *tap) failWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *tap) failEndsWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failEnd = err
}

func (s *tap) PlanGet(ctx context.Context, id string) (store.Plan, error) {
	s.mu.Lock()
	s.reads++
	err := s.fail
	s.mu.Unlock()
	if err != nil {
		return store.Plan{}, err
	}
	return s.Store.PlanGet(ctx, id)
}

func (s *tap) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	s.batches++
	err := s.fail
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Store.MeterReserve(ctx, batch)
}

func (s *tap) MeterSettle(ctx context.Context, batch []store.Settle) ([]store.Reservation, error) {
	s.mu.Lock()
	err := cmp.Or(s.fail, s.failEnd)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Store.MeterSettle(ctx, batch)
}

func (s *tap) MeterExtend(ctx context.Context, id string, now, expiresAt time.Time) (store.Reservation, error) {
	if s.beforeExtend != nil {
		s.beforeExtend()
	}
	return s.Store.MeterExtend(ctx, id, now, expiresAt)
}

// trail keeps the changes that were recorded.
type trail struct{ changes []store.Change }

func (tr *trail) Append(_ context.Context, _ store.Queries, c store.Change) error {
	tr.changes = append(tr.changes, c)
	return nil
}

// count returns how many changes had an action.
func (tr *trail) count(action string) (n int) {
	for _, c := range tr.changes {
		if c.Action == action {
			n++
		}
	}
	return n
}
