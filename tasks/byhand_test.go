package tasks_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

var somebody = store.Actor{Kind: store.ActorAdmin, ID: "adm_1"}

// byHand is a runner of one shared task, on a store that others may have too.
func byHand(t *testing.T, s store.Store, log *trail, hook change.Hook, work func(context.Context) error) *tasks.Runner {
	t.Helper()
	door := change.NewDoor(change.Config{Store: s, Trail: log, Versions: version.New(), Origin: "ins_1", Hook: hook, Clock: time.Now})
	return newRunner(t, tasks.Config{Store: s, Door: door, Tasks: []tasks.Task{{Name: "work", Every: time.Hour, Shared: true, Run: work}}})
}

func TestATaskThatIsUnderWayAnywhereIsNotRunByHand(t *testing.T) {
	t.Parallel()
	a, b := openTwo(t)
	var log trail
	began, goOn := make(chan struct{}), make(chan struct{})
	here := byHand(t, a, &log, nil, func(context.Context) error {
		close(began)
		<-goOn
		return nil
	})
	there := byHand(t, b, &log, nil, func(context.Context) error { return errors.New("it ran twice") })
	ctx, hangUp := context.WithCancel(t.Context())
	type result struct {
		tasks.Outcome
		error
	}
	done := make(chan result)
	go func() {
		out, err := here.RunAs(ctx, somebody, "work")
		done <- result{out, err}
	}()
	<-began
	for name, r := range map[string]*tasks.Runner{"here": here, "elsewhere": there} {
		if _, err := r.RunAs(t.Context(), somebody, "work"); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s, while it is under way: %v", name, err)
		}
	}
	hangUp() // which breaks nothing off
	close(goOn)
	if r := <-done; r.error != nil || r.Err != nil {
		t.Errorf("the run ended with %v, %v", r.error, r.Err)
	}
	if out, err := there.RunAs(t.Context(), somebody, "work"); err != nil || out.Err == nil {
		t.Errorf("a run that fails is %+v, %v", out, err)
	}
	if len(log.changes) != 2 || log.changes[0].Action != "task.run" || log.changes[0].Actor.ID != "adm_1" || log.changes[0].Target.ID != "work" {
		t.Errorf("recorded is %+v", log.changes)
	}
	if _, err := here.RunAs(t.Context(), somebody, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a task that there is not: %v", err)
	}
	here.Close()
	if _, err := here.RunAs(t.Context(), somebody, "work"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// What is refused before the work begins is no failure of the task.
func TestARunThatIsRefusedDoesNotBegin(t *testing.T) {
	t.Parallel()
	a, _ := openTwo(t)
	refusal := store.Errorf(store.ErrConflict, "Not now.")
	var log trail
	ran := false
	r := byHand(t, a, &log, func(context.Context, store.Queries, store.Change) error { return refusal }, func(context.Context) error {
		ran = true
		return nil
	})
	if _, err := r.RunAs(t.Context(), somebody, "work"); !errors.Is(err, refusal) {
		t.Errorf("RunAs: %v", err)
	}
	if err := r.Check(t.Context()); err != nil || ran || len(log.changes) > 0 || r.Stats()[0].Running {
		t.Errorf("check %v, ran %v, %d changes, %+v", err, ran, len(log.changes), r.Stats()[0])
	}
	if runs, err := r.LatestRuns(t.Context(), "work", 5); err != nil || len(runs) != 1 || runs[0].FinishedAt.IsZero() {
		t.Errorf("the runs are %+v, %v", runs, err)
	}
}
