package tasks_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
	"github.com/usermgmt/usermgmt/tasks"
)

// openStore opens the store at a path, for the time of the test.
func openStore(t *testing.T, path string) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openTwo opens one file twice, as two processes do.
func openTwo(t *testing.T) (a, b store.Store) {
	t.Helper()
	path := databasePath(t)
	return openStore(t, path), openStore(t, path)
}

// instance is the store of a process that can die or be paused. What it does
// afterwards reaches the store no more, or late.
type instance struct {
	store.Store
	die  func() // ends the process; may be nil
	dead atomic.Bool

	// Faults of the next transaction, at its worst moments.
	pause         atomic.Int64 // how long the process pauses before it begins
	dieBefore     atomic.Bool  // the commit
	dieAfterwards atomic.Bool  // so that nobody hears of the commit

	paused atomic.Pointer[time.Time] // until when
}

func (i *instance) alive() error {
	if i.dead.Load() {
		return store.Unavailable(nil)
	}
	return nil
}

func (i *instance) kill() {
	i.dead.Store(true)
	if i.die != nil {
		i.die()
	}
}

func (i *instance) TaskClaim(ctx context.Context, c store.TaskClaim) (store.TaskRun, bool, error) {
	if err := i.alive(); err != nil {
		return store.TaskRun{}, false, err
	}
	return i.Store.TaskClaim(ctx, c)
}

func (i *instance) TaskRenew(ctx context.Context, task string, at time.Time, fence int64, later time.Time) (bool, error) {
	if until := i.paused.Load(); until != nil {
		<-time.After(time.Until(*until) + time.Millisecond) // the last to wake
	}
	if err := i.alive(); err != nil {
		return false, err
	}
	return i.Store.TaskRenew(ctx, task, at, fence, later)
}

func (i *instance) TaskFinish(ctx context.Context, r store.TaskRun) (bool, error) {
	if err := i.alive(); err != nil {
		return false, err
	}
	return i.Store.TaskFinish(ctx, r)
}

func (i *instance) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	if d := time.Duration(i.pause.Swap(0)); d > 0 {
		until := time.Now().Add(d)
		i.paused.Store(&until)
		<-time.After(d) // simulated
	}
	err := i.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		if err := fn(ctx, q); err != nil {
			return err
		}
		if i.dieBefore.Swap(false) {
			i.kill()
		}
		return i.alive()
	})
	if i.dieAfterwards.Swap(false) {
		i.kill()
		return store.Unavailable(err)
	}
	return err
}

// effect is work of a task that shows in the feed: one row for each time.
func effect(name string) func(context.Context, store.Queries) error {
	return func(ctx context.Context, q store.Queries) error {
		return q.FeedAppend(ctx, "effect", time.Now(), []string{keyOf(name, tasks.Due(ctx))})
	}
}

func keyOf(name string, due time.Time) string { return name + " " + due.UTC().Format(time.RFC3339) }

// effects counts what took effect, by its key.
func effects(t *testing.T, s store.Store) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for last := int64(0); ; {
		rows, err := s.FeedAfter(t.Context(), last, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			return counts
		}
		for _, row := range rows {
			counts[row.Key]++
			last = row.ID
		}
	}
}

// taskRuns are the latest runs of a task, newest first.
func taskRuns(t *testing.T, s store.Store, task string) []store.TaskRun {
	t.Helper()
	runs, err := s.TaskRuns(t.Context(), task, 100)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// start runs a runner until stop is called, which waits.
func start(t *testing.T, cfg tasks.Config) (r *tasks.Runner, stop func()) {
	t.Helper()
	r = newRunner(t, cfg)
	ran := make(chan error, 1)
	go func() { ran <- r.Run(t.Context()) }()
	return r, func() {
		r.Close()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}
