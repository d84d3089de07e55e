package tasks_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/tasks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunnerRunsEachTaskOnItsScheduleUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		r, err := tasks.New(tasks.Config{Tasks: []tasks.Task{{
			Name: "count", Every: time.Minute,
			Run: func(context.Context) error { runs.Add(1); return nil },
		}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+30*time.Second)
		defer cancel()
		if err := r.Run(ctx); err != nil {
			t.Errorf("Run after the context ended: %v; want nil", err)
		}
		if n := runs.Load(); n != 11 {
			t.Errorf("%d runs in 10.5 minutes; want 11", n)
		}
	})
}

func TestCase_L3_RunnerGoesOnAfterAFailureAndAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed, panicked, fine atomic.Int64
		r, err := tasks.New(tasks.Config{Tasks: []tasks.Task{
			{Name: "fails", Every: time.Minute, Run: func(context.Context) error { failed.Add(1); return errors.New("no") }},
			{Name: "panics", Every: time.Minute, Run: func(context.Context) error { panicked.Add(1); panic("no") }},
			{Name: "works", Every: time.Minute, Run: func(context.Context) error { fine.Add(1); return nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute+30*time.Second)
		defer cancel()
		_ = r.Run(ctx)
		if failed.Load() != 6 || panicked.Load() != 6 || fine.Load() != 6 {
			t.Errorf("runs: %d failing, %d panicking, %d fine; want 6 of each", failed.Load(), panicked.Load(), fine.Load())
		}
	})
}

func TestRunnerNeverRunsATaskTwiceAtOnce(t *testing.T) {
	t.Parallel()
	var running, most atomic.Int64
	r, err := tasks.New(tasks.Config{Tasks: []tasks.Task{{
		Name: "slow", Every: time.Hour,
		Run: func(context.Context) error {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			running.Add(-1)
			return nil
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for range 50 {
		go func() { done <- r.RunOnce(t.Context(), "slow") }()
	}
	for range 50 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d runs at once; want 1", most.Load())
	}
}

func TestNewReportsEveryWrongTask(t *testing.T) {
	t.Parallel()
	run := func(context.Context) error { return nil }
	_, err := tasks.New(tasks.Config{Tasks: []tasks.Task{
		{Name: "twice", Every: time.Minute, Run: run},
		{Name: "twice", Every: time.Minute, Run: run},
		{Name: "too often", Every: time.Millisecond, Run: run},
	}})
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 {
		t.Errorf("New: %v; want two errors", err)
	}
}

func TestRunOnceNamesAnUnknownTask(t *testing.T) {
	t.Parallel()
	r, err := tasks.New(tasks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.RunOnce(t.Context(), "nothing"); err == nil {
		t.Error("RunOnce of an unknown task: no error")
	}
}
