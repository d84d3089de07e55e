package tasks

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// Outcome is how a run ended that somebody asked for.
type Outcome struct {
	StartedAt time.Time
	Took      time.Duration
	Err       error // why it failed; nil when all went well
}

// RunAs runs one task now, beside its times, for somebody: that he did stands in
// the audit trail, as task.run, before the work begins. It does not wait: a task
// that is under way, here or on another instance, is ErrConflict. An unknown name
// is ErrNotFound, and after Close it is ErrClosed. The error says why the task
// was not run; how a run ended is in the Outcome. The end of ctx does not break a
// run off, but Close does.
func (r *Runner) RunAs(ctx context.Context, actor store.Actor, name string) (Outcome, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return Outcome{}, err
	}
	j := r.find(name)
	if j == nil {
		return Outcome{}, store.Errorf(store.ErrNotFound, "There is no such task.")
	}
	var out Outcome
	err := r.runNow(context.WithoutCancel(ctx), j, order{before: func(ctx context.Context) error {
		err := r.cfg.Door.Do(ctx, actor, func(_ context.Context, _ store.Queries, c *store.Change) error {
			c.Action, c.Target = "task.run", store.Target{Kind: "task", ID: name}
			return nil
		})
		if err == nil {
			out.StartedAt = r.cfg.Clock()
		}
		return err
	}})
	if out.StartedAt.IsZero() {
		return Outcome{}, err
	}
	out.Took, out.Err = r.cfg.Clock().Sub(out.StartedAt), err
	return out, nil
}

// LatestRuns returns at most limit runs of a task, the latest first: of a shared
// task those of all instances, of any other the last one of this instance. An
// unknown name is ErrNotFound.
func (r *Runner) LatestRuns(ctx context.Context, name string, limit int) ([]store.TaskRun, error) {
	j := r.find(name)
	if j == nil {
		return nil, store.Errorf(store.ErrNotFound, "There is no such task.")
	}
	if j.Shared {
		return r.cfg.Store.TaskRuns(ctx, name, limit)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	if s.LastStart.IsZero() {
		return nil, nil
	}
	run := store.TaskRun{Task: name, ScheduledAt: s.LastStart, StartedAt: s.LastStart, Owner: r.cfg.Owner, Status: store.TaskRunning}
	if !s.Running {
		run = r.ended(run, s.LastError)
		run.FinishedAt = s.LastStart.Add(s.LastDuration)
	}
	return []store.TaskRun{run}, nil
}
