package tasks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	// finishTimeout bounds what is written after a run, whose own context may
	// have ended.
	finishTimeout = 5 * time.Second

	maxDetail = 500 // bytes of an error that are kept
)

var (
	errUnderWay = store.Errorf(store.ErrConflict, "The task is under way on another instance.")
	errDone     = errors.New("tasks: the run has ended already")
	errLost     = errors.New("tasks: the lease was lost, so another instance may run the task")
)

// order is how a run is asked for.
type order struct {
	waits  bool                            // for a run that is under way here
	before func(ctx context.Context) error // asked when the run is ours; an error gives it up, and is no failure of the task
}

type dueKey struct{}

// Due returns the time for which a task runs, which is earlier than now when it
// is late. The context is the one that Run or Once was given; any other gives
// the zero time.
func Due(ctx context.Context) time.Time {
	due, _ := ctx.Value(dueKey{}).(time.Time)
	return due
}

// run runs a task for one of its times, when its turn has come. The wait is 0
// when that time is seen to, here or elsewhere; else it is how long to wait
// before it is tried again. Of a time that was seen to before it is errDone.
func (r *Runner) run(ctx context.Context, j *job, due time.Time, o order) (wait time.Duration, err error) {
	if err := j.enter(ctx, o.waits); err != nil {
		return 0, err
	}
	defer j.leave()
	ctx = context.WithValue(ctx, dueKey{}, due)
	if !j.Shared {
		return 0, r.execute(ctx, j, nil, o)
	}
	now := r.cfg.Clock()
	run, taken, err := r.cfg.Store.TaskClaim(ctx, store.TaskClaim{
		Task: j.Name, ScheduledAt: due, Owner: r.cfg.Owner, Now: now, LeaseUntil: now.Add(r.cfg.Lease)})
	switch {
	case errors.Is(err, store.ErrUnsupported):
		return 0, r.execute(ctx, j, nil, o) // a store without runs serves one instance
	case err != nil:
		j.failed(err)
		return r.cfg.Lease, fmt.Errorf("tasks: %s cannot be claimed: %w", j.Name, err)
	case taken:
		return r.runClaimed(ctx, j, run, o)
	case run.FinishedAt.IsZero():
		return max(min(run.LeaseUntil.Sub(now), r.cfg.Lease), leastPause), errUnderWay
	}
	j.seen(run)
	return 0, errDone
}

// runClaimed runs a task under its lease and writes down how it ended.
func (r *Runner) runClaimed(ctx context.Context, j *job, run store.TaskRun, o order) (wait time.Duration, err error) {
	held, letGo := r.keep(ctx, run, j.Timeout)
	err = r.execute(held, j, &run, o)
	if errors.Is(context.Cause(held), errLost) && !errors.Is(err, errLost) {
		err = errors.Join(errLost, err)
	}
	letGo()

	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	switch {
	case errors.Is(err, errLost):
		return r.cfg.Lease, err
	case err != nil && ctx.Err() != nil:
		// Broken off by a clean stop: another instance need not wait.
		_, giveErr := r.cfg.Store.TaskRenew(last, run.Task, run.ScheduledAt, run.Fence, r.cfg.Clock())
		return r.cfg.Lease, errors.Join(err, giveErr)
	case err == nil && j.Once != nil:
		return 0, nil // it was finished with what it wrote
	}
	finished, finishErr := r.cfg.Store.TaskFinish(last, r.ended(run, err))
	switch {
	case finishErr != nil:
		j.failed(finishErr)
		return r.cfg.Lease, errors.Join(err, finishErr)
	case !finished:
		return r.cfg.Lease, errors.Join(errLost, err)
	}
	return 0, err
}

// keep renews the lease of a run until letGo is called, also while a run that
// was told to stop has not done so, but not beyond its time limit: one that hangs
// is left to others. The context that it returns ends with ctx, and when the
// lease is lost: when another instance has taken the run over, or when the store
// cannot be asked until it may have.
func (r *Runner) keep(ctx context.Context, run store.TaskRun, limit time.Duration) (held context.Context, letGo func()) {
	held, lose := context.WithCancelCause(ctx)
	renewing, stop := context.WithTimeout(context.WithoutCancel(ctx), limit)
	done := make(chan struct{})
	go func() {
		defer close(done)
		renewal := time.NewTicker(r.cfg.Lease / 3)
		defer renewal.Stop()
		for until := run.LeaseUntil; ; {
			select {
			case <-renewing.Done():
				return
			case <-renewal.C:
			}
			later := r.cfg.Clock().Add(r.cfg.Lease)
			ok, err := r.cfg.Store.TaskRenew(renewing, run.Task, run.ScheduledAt, run.Fence, later)
			switch {
			case ok:
				until = later
			case renewing.Err() != nil:
				return
			case err == nil || !r.cfg.Clock().Before(until):
				lose(errLost)
				return
			}
		}
	}()
	return held, func() {
		stop()
		<-done
		lose(nil)
	}
}

// execute does the work of a task within its time, and notes how it ended. The
// run is nil for what is not claimed.
func (r *Runner) execute(ctx context.Context, j *job, run *store.TaskRun, o order) error {
	if o.before != nil {
		if err := o.before(ctx); err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	began := r.cfg.Clock()
	j.began(began)
	err := contained(j.Name, func() error {
		if j.Once == nil {
			return j.Run(limited)
		}
		return r.once(limited, j.Once, run)
	})
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = fmt.Errorf("tasks: %s took longer than its limit of %v: %w", j.Name, j.Timeout, err)
	}
	if err != nil && ctx.Err() != nil {
		j.brokenOff() // by a stop or a lost lease, which is no fault of the task
	} else {
		j.ended(r.cfg.Clock().Sub(began), err)
	}
	return err
}

// once does work in the transaction that marks its run as done.
func (r *Runner) once(ctx context.Context, work func(context.Context, store.Queries) error, run *store.TaskRun) error {
	return r.cfg.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		if err := work(ctx, q); err != nil || run == nil {
			return err
		}
		finished, err := q.TaskFinish(ctx, r.ended(*run, nil))
		if err == nil && !finished {
			err = errLost
		}
		return err
	})
}

// ended is a run as it is written down after it ended.
func (r *Runner) ended(run store.TaskRun, err error) store.TaskRun {
	run.FinishedAt, run.Status = r.cfg.Clock(), store.TaskDone
	if err != nil {
		run.Status = store.TaskFailed
		line, _, _ := strings.Cut(err.Error(), "\n") // without the stack of a panic
		run.Detail = strings.ToValidUTF8(line[:min(len(line), maxDetail)], "")
	}
	return run
}

// contained turns a panic into an error.
func contained(name string, work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("tasks: %s panicked: %v\n%s", name, p, debug.Stack())
		}
	}()
	return work()
}
