package store

import (
	"context"
	"time"
)

// TaskStore keeps the runs of tasks that several instances share.
type TaskStore interface {
	// TaskClaim takes a run that nobody has and no other run of the task is in
	// the way of: one that has not finished and whose lease is not over at
	// c.Now. It reports whether it did, with the run taken, or with that which
	// is in the way or has finished. Of any number of claims at once one
	// succeeds. A lease that lasts longer than twice what c asks for was written
	// by a clock that was wrong, and counts as over.
	TaskClaim(ctx context.Context, c TaskClaim) (TaskRun, bool, error)
	// TaskRenew moves the lease of a run that has not finished and still has the
	// fence, and reports whether it did.
	TaskRenew(ctx context.Context, task string, scheduledAt time.Time, fence int64, leaseUntil time.Time) (bool, error)
	// TaskFinish ends a run that has not finished and still has r.Fence, with
	// r.Status, r.Detail and r.FinishedAt, and reports whether it did.
	TaskFinish(ctx context.Context, r TaskRun) (bool, error)
	// TaskRuns returns the latest runs of a task, newest first.
	TaskRuns(ctx context.Context, task string, limit int) ([]TaskRun, error)
	// TaskPurge deletes at most limit runs that were due before a time.
	TaskPurge(ctx context.Context, before time.Time, limit int) (int, error)
}

// TaskRun is one run of a task that several instances share: it happens once for
// each time that the task is due.
type TaskRun struct {
	Task        string
	ScheduledAt time.Time // names the run, together with Task
	Status      TaskStatus
	Owner       string // the instance that has it
	Fence       int64  // grows each time that an instance takes the run
	LeaseUntil  time.Time
	StartedAt   time.Time
	FinishedAt  time.Time // zero while it runs
	Detail      string    // what it did, or why it failed
}

// TaskStatus is the state of a run.
type TaskStatus string

// The states of a run.
const (
	TaskRunning TaskStatus = "running"
	TaskDone    TaskStatus = "done"
	TaskFailed  TaskStatus = "failed"
)

// TaskClaim asks for a run.
type TaskClaim struct {
	Task        string
	ScheduledAt time.Time
	Owner       string
	Now         time.Time
	LeaseUntil  time.Time
}
