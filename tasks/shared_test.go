package tasks_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

func TestASharedTaskRunsOnOneInstanceEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := openTwo(t)
		var runs atomic.Int64
		shared := tasks.Task{Name: "shared", Every: time.Hour, Shared: true,
			Run: func(context.Context) error { runs.Add(1); return nil }}
		first, stopFirst := start(t, tasks.Config{Store: a, Tasks: []tasks.Task{shared}})
		second, stopSecond := start(t, tasks.Config{Store: b, Tasks: []tasks.Task{shared}})
		<-time.After(24*time.Hour - time.Second)
		stopFirst()
		stopSecond()
		if n := runs.Load(); n != 24 {
			t.Errorf("%d runs in 24 hours; want 24", n)
		}
		if n := first.Stats()[0].Runs + second.Stats()[0].Runs; n != 24 {
			t.Errorf("the stats count %d runs; want 24", n)
		}
		for _, run := range taskRuns(t, a, "shared") {
			if run.Status != store.TaskDone || run.FinishedAt.IsZero() || run.Fence != 1 {
				t.Errorf("run is %+v", run)
			}
		}
	})
}

func TestTimesThatNobodyWasThereForAreMadeUpForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := openTwo(t)
		var runs atomic.Int64
		cfg := tasks.Config{Store: s, Tasks: []tasks.Task{{Name: "daily", DailyAt: &tasks.TimeOfDay{Hour: 3}, Shared: true,
			Run: func(context.Context) error { runs.Add(1); return nil }}}}
		runFor(t, 30*time.Hour, cfg)
		runFor(t, time.Hour, cfg) // after a restart there is nothing to do
		if n := runs.Load(); n != 3 {
			t.Errorf("%d runs; want one at once and two at their times", n)
		}
		<-time.After(5 * 24 * time.Hour)
		runFor(t, time.Hour, cfg)
		if n := runs.Load(); n != 4 {
			t.Errorf("%d runs after five days of absence; want one more", n)
		}
	})
}

// A run that outlives its lease keeps it, and nobody else begins.
func TestALongRunKeepsItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := openTwo(t)
		var running, most, runs atomic.Int64
		long := tasks.Task{Name: "long", Every: 30 * time.Minute, Shared: true, Run: func(context.Context) error {
			most.Store(max(most.Load(), running.Add(1)))
			<-time.After(45 * time.Minute) // simulated
			running.Add(-1)
			runs.Add(1)
			return nil
		}}
		_, stopFirst := start(t, tasks.Config{Store: a, Tasks: []tasks.Task{long}})
		_, stopSecond := start(t, tasks.Config{Store: b, Tasks: []tasks.Task{long}})
		<-time.After(24 * time.Hour)
		stopFirst()
		stopSecond()
		if most.Load() != 1 {
			t.Errorf("%d runs at once", most.Load())
		}
		if n := runs.Load(); n < 28 || n > 32 {
			t.Errorf("%d runs of 45 minutes in a day", n)
		}
	})
}

func TestARunThatLostItsLeaseIsCancelledAndCannotBeFinished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := openTwo(t)
		cut := &instance{Store: a}
		ended := make(chan error, 1)
		hung := tasks.Task{Name: "work", Every: time.Hour, Shared: true, Jitter: -1, Run: func(ctx context.Context) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil // as if all were well
		}}
		first := newRunner(t, tasks.Config{Store: cut, Owner: "ins_a", Tasks: []tasks.Task{hung}})
		ran := make(chan error, 1)
		go func() { ran <- first.Run(t.Context()) }()
		<-time.After(10 * time.Second)
		cut.dead.Store(true) // the database cannot be reached any more

		works := hung
		works.Run = func(context.Context) error { return nil }
		_, stop := start(t, tasks.Config{Store: b, Owner: "ins_b", Tasks: []tasks.Task{works}})
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(err.Error(), "lease") {
				t.Errorf("the run ended with %v", err)
			}
		case <-time.After(2 * time.Minute):
			t.Fatal("a run that lost its lease went on")
		}
		cut.dead.Store(false)
		<-time.After(10 * time.Minute)
		first.Close()
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		runs := taskRuns(t, a, "work")
		if len(runs) != 1 || runs[0].Owner != "ins_b" || runs[0].Fence != 2 || runs[0].Status != store.TaskDone {
			t.Errorf("runs are %+v; want that of the second instance", runs)
		}
		if s := first.Stats()[0]; s.LastError != nil {
			t.Errorf("the first instance says %v; the other one did the work", s.LastError)
		}
	})
}

// A run that hangs beyond its time limit is left to others; its own end counts
// no more.
func TestARunThatHangsDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := openTwo(t)
		let := make(chan struct{})
		hangs := tasks.Task{Name: "work", Every: 24 * time.Hour, Shared: true, Jitter: -1, Timeout: 10 * time.Minute,
			Run: func(context.Context) error { <-let; return nil }}
		works := hangs
		var at time.Time
		works.Run = func(context.Context) error { at = time.Now(); return nil }
		began := time.Now()
		_, stopFirst := start(t, tasks.Config{Store: a, Owner: "ins_a", Tasks: []tasks.Task{hangs}})
		<-time.After(time.Second)
		_, stopSecond := start(t, tasks.Config{Store: b, Owner: "ins_b", Tasks: []tasks.Task{works}})
		<-time.After(time.Hour)
		close(let)
		stopFirst()
		stopSecond()
		if after := at.Sub(began); after < 10*time.Minute || after > 12*time.Minute+time.Second {
			t.Errorf("another instance took over after %v", after)
		}
		if runs := taskRuns(t, a, "work"); len(runs) != 1 || runs[0].Owner != "ins_b" {
			t.Errorf("runs are %+v", runs)
		}
	})
}

func TestACleanStopGivesTheRunToAnotherAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := openTwo(t)
		var begun []time.Time
		task := tasks.Task{Name: "work", Every: time.Hour, Shared: true, Jitter: -1, Run: func(ctx context.Context) error {
			begun = append(begun, time.Now())
			if len(begun) > 1 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		_, stopFirst := start(t, tasks.Config{Store: a, Tasks: []tasks.Task{task}})
		<-time.After(time.Second)
		stopFirst()
		stopped := time.Now()
		_, stopSecond := start(t, tasks.Config{Store: b, Tasks: []tasks.Task{task}})
		<-time.After(10 * time.Second)
		stopSecond()
		if len(begun) != 2 || begun[1].Sub(stopped) > time.Second {
			t.Errorf("runs began %v, the first one was stopped %v", begun, stopped)
		}
	})
}

func TestAFailureIsKnownToAllAndEndsWithTheNextRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := openTwo(t)
		var runs atomic.Int64
		task := tasks.Task{Name: "work", Every: time.Hour, Shared: true, Run: func(context.Context) error {
			if runs.Add(1) == 1 {
				panic("no")
			}
			return nil
		}}
		first, stopFirst := start(t, tasks.Config{Store: a, Tasks: []tasks.Task{task}})
		second, stopSecond := start(t, tasks.Config{Store: b, Tasks: []tasks.Task{task}})
		<-time.After(30 * time.Minute)
		for _, r := range []*tasks.Runner{first, second} {
			if err := r.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "work panicked: no") {
				t.Errorf("Check: %v; want the panic", err)
			}
		}
		if run := taskRuns(t, a, "work")[0]; run.Status != store.TaskFailed || strings.Contains(run.Detail, "goroutine") {
			t.Errorf("run is %+v", run)
		}
		<-time.After(time.Hour)
		for _, r := range []*tasks.Runner{first, second} {
			if err := r.Check(t.Context()); err != nil {
				t.Errorf("Check: %v", err)
			}
		}
		stopFirst()
		stopSecond()
		if runs.Load() != 2 {
			t.Errorf("%d runs; want 2: what failed runs again at its next time", runs.Load())
		}
	})
}

func TestAnOutageOfTheStoreDelaysARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := openTwo(t)
		cut := &instance{Store: a}
		cut.dead.Store(true)
		r, stop := start(t, tasks.Config{Store: cut, Tasks: []tasks.Task{{Name: "work", Every: 24 * time.Hour, Shared: true,
			Run: func(context.Context) error { return nil }}}})
		<-time.After(10 * time.Minute)
		if err := r.Check(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Check in the outage: %v", err)
		}
		cut.dead.Store(false)
		<-time.After(2 * time.Minute)
		if s := r.Stats()[0]; s.Runs != 1 || s.LastError != nil {
			t.Errorf("after the outage the stats are %+v", s)
		}
		stop()
	})
}

func TestRunOnceClaimsToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := openTwo(t)
		started, finish := make(chan struct{}), make(chan struct{})
		task := tasks.Task{Name: "work", Every: time.Hour, Shared: true, Run: func(context.Context) error {
			started <- struct{}{}
			<-finish
			return nil
		}}
		first := newRunner(t, tasks.Config{Store: a, Tasks: []tasks.Task{task}})
		second := newRunner(t, tasks.Config{Store: b, Tasks: []tasks.Task{task}})
		ran := make(chan error, 1)
		go func() { ran <- first.RunOnce(t.Context(), "work") }()
		<-started
		if err := second.RunOnce(t.Context(), "work"); !errors.Is(err, store.ErrConflict) {
			t.Errorf("RunOnce while it is under way elsewhere: %v", err)
		}
		close(finish)
		if err := <-ran; err != nil {
			t.Error(err)
		}
		go func() { ran <- second.RunOnce(t.Context(), "work") }()
		<-started
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if n := len(taskRuns(t, a, "work")); n != 2 {
			t.Errorf("%d runs are written down, want 2", n)
		}
	})
}

// A store of a third party need not keep runs: then one instance uses it.
func TestASharedTaskRunsOnAStoreThatKeepsNoRuns(t *testing.T) {
	t.Parallel()
	runs := 0
	r := newRunner(t, tasks.Config{Store: keepsNoRuns{}, Tasks: []tasks.Task{
		{Name: "work", Every: time.Hour, Shared: true, Run: func(context.Context) error { runs++; return nil }},
		{Name: "once", Every: time.Hour, Once: func(context.Context, store.Queries) error { runs++; return nil }},
	}})
	for _, name := range []string{"work", "once"} {
		if err := r.RunOnce(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if runs != 2 {
		t.Errorf("%d runs, want 2", runs)
	}
}

type keepsNoRuns struct {
	store.Store // nil: nothing else is asked for
}

func (keepsNoRuns) TaskClaim(context.Context, store.TaskClaim) (store.TaskRun, bool, error) {
	return store.TaskRun{}, false, store.ErrUnsupported
}

func (keepsNoRuns) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	return fn(ctx, nil)
}
