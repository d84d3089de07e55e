package store

import "time"

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
