package tasks_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRunner makes a runner of tasks.
func newRunner(t *testing.T, cfg tasks.Config) *tasks.Runner {
	t.Helper()
	r, err := tasks.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runFor runs a new runner for so long.
func runFor(t *testing.T, d time.Duration, cfg tasks.Config) *tasks.Runner {
	t.Helper()
	r := newRunner(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Errorf("Run after the context ended: %v; want nil", err)
	}
	return r
}

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
	once := func(context.Context, store.Queries) error { return nil }
	_, err := tasks.New(tasks.Config{Tasks: []tasks.Task{
		{Name: "twice", Every: time.Minute, Run: run},
		{Name: "twice", Every: time.Minute, Run: run},
		{Name: "too often", Every: time.Millisecond, Run: run},
		{Name: "too seldom", Every: 31 * 24 * time.Hour, Run: run},
		{Name: "no work", Every: time.Minute},
		{Name: "never", Run: run},
		{Name: "both", Every: time.Minute, DailyAt: &tasks.TimeOfDay{}, Run: run},
		{Name: "no hour", DailyAt: &tasks.TimeOfDay{Hour: 24}, Run: run},
		{Name: "no limit", Every: time.Minute, Timeout: -1, Run: run},
		{Name: "no store", Every: time.Minute, Shared: true, Run: run},
		{Name: "no store either", Every: time.Minute, Once: once},
		{Name: "fine", DailyAt: &tasks.TimeOfDay{Hour: 23, Minute: 59}, Run: run},
	}})
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 10 {
		t.Errorf("New: %v; want ten errors", err)
	}
}

func TestRunOnceNamesAnUnknownTask(t *testing.T) {
	t.Parallel()
	r, err := tasks.New(tasks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.RunOnce(t.Context(), "nothing"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RunOnce of an unknown task: %v", err)
	}
}

func TestATaskThatTakesTooLongIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runFor(t, 15*time.Minute, tasks.Config{Tasks: []tasks.Task{{
			Name: "hangs", Every: 10 * time.Minute, Timeout: time.Minute, Jitter: -1,
			Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}}})
		s := r.Stats()[0]
		if s.Runs != 2 || s.Failures != 2 || s.LastDuration != time.Minute || !errors.Is(s.LastError, context.DeadlineExceeded) {
			t.Errorf("stats are %+v; want two failures after a minute each", s)
		}
		if err := r.Check(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Check: %v", err)
		}
	})
}

func TestStatsSayWhatHappenedAndWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := errors.New("no")
		var mended atomic.Bool
		r := newRunner(t, tasks.Config{Tasks: []tasks.Task{{
			Name: "work", Every: 10 * time.Minute, Jitter: -1,
			Run: func(context.Context) error {
				<-time.After(2 * time.Minute) // simulated
				if mended.Load() {
					return nil
				}
				return fault
			},
		}}})
		began := time.Now()
		ran := make(chan error)
		go func() { ran <- r.Run(t.Context()) }()

		<-time.After(time.Minute)
		if s := r.Stats()[0]; !s.Running || !s.LastStart.Equal(began) || s.Runs != 0 {
			t.Errorf("in the first run the stats are %+v", s)
		}
		<-time.After(2 * time.Minute)
		if s := r.Stats()[0]; s.Running || s.Runs != 1 || s.Failures != 1 || s.LastError != fault || !s.Next.Equal(began.Add(10*time.Minute)) {
			t.Errorf("after the first run the stats are %+v", s)
		}
		mended.Store(true)
		<-time.After(10 * time.Minute)
		if s := r.Stats()[0]; s.Runs != 2 || s.Failures != 1 || s.LastError != nil || s.LastDuration != 2*time.Minute {
			t.Errorf("after the second run the stats are %+v", s)
		}
		if err := r.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
		r.Close()
		if err := <-ran; err != nil {
			t.Errorf("Run after Close: %v", err)
		}
		if err := r.Run(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Run of a closed runner: %v", err)
		}
		if err := r.RunOnce(t.Context(), "work"); !errors.Is(err, store.ErrClosed) {
			t.Errorf("RunOnce of a closed runner: %v", err)
		}
	})
}

func TestCloseEndsWhatIsUnderWayAndWaits(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	ended := false
	r := newRunner(t, tasks.Config{Tasks: []tasks.Task{{Name: "work", Every: time.Hour, Run: func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		ended = true
		return ctx.Err()
	}}}})
	ran := make(chan error, 1)
	go func() { ran <- r.RunOnce(t.Context(), "work") }()
	<-started
	r.Close()
	if !ended {
		t.Error("Close returned while a run was under way")
	}
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("RunOnce: %v", err)
	}
	if s := r.Stats()[0]; s.Failures != 0 || s.Running {
		t.Errorf("stats are %+v; a run that was broken off has not failed", s)
	}
}

// A clock that is set forward or back is noticed within a minute, and no task
// waits for the time that it showed before.
func TestClocksAreSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Int64
		runs := 0
		go func() {
			<-time.After(2 * time.Hour)
			off.Store(int64(365 * 24 * time.Hour))
			<-time.After(2 * time.Hour)
			off.Store(-int64(365 * 24 * time.Hour))
		}()
		runFor(t, 6*time.Hour+30*time.Minute, tasks.Config{
			Clock: func() time.Time { return time.Now().Add(time.Duration(off.Load())) },
			Tasks: []tasks.Task{{Name: "hourly", Every: time.Hour, Jitter: -1,
				Run: func(context.Context) error { runs++; return nil }}},
		})
		if runs < 7 || runs > 9 {
			t.Errorf("%d runs in six hours and a half; want one an hour, and one more each time that the clock was set", runs)
		}
	})
}

func TestASecondRunIsRefused(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	r := newRunner(t, tasks.Config{Tasks: []tasks.Task{{Name: "work", Every: time.Hour, Jitter: -1,
		Run: func(context.Context) error { close(started); return nil }}}})
	ran := make(chan error, 1)
	go func() { ran <- r.Run(t.Context()) }()
	<-started
	if err := r.Run(t.Context()); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the second Run: %v", err)
	}
	r.Close()
	if err := <-ran; err != nil {
		t.Errorf("the first Run: %v", err)
	}
}
