package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// Stats is how a task has fared on this instance since it started. Of a shared
// task that other instances ran LastError is what they say of its latest time.
type Stats struct {
	Name         string
	Schedule     string // such as "every 10m" or "daily at 08:00 Europe/Berlin"
	Shared       bool
	Running      bool
	Runs         int64 // that ended, Failures among them
	Failures     int64 // also of attempts to claim it
	LastStart    time.Time
	LastDuration time.Duration
	LastError    error     // nil when all is well
	Next         time.Time // zero while it runs, and outside of Run
	Due          time.Time // the next time of its schedule
}

// Stats returns how each task has fared, in their order.
func (r *Runner) Stats() []Stats {
	all := make([]Stats, len(r.jobs))
	for i, j := range r.jobs {
		j.mu.Lock()
		all[i] = j.stats
		j.mu.Unlock()
		all[i].Due = j.next(r.cfg.Clock())
	}
	return all
}

// Check returns nil when the last run of every task was well, and else what was
// wrong with those that were not.
func (r *Runner) Check(context.Context) error {
	var errs []error
	for _, s := range r.Stats() {
		if s.LastError != nil {
			errs = append(errs, fmt.Errorf("tasks: %s: %w", s.Name, s.LastError))
		}
	}
	return errors.Join(errs...)
}

// job is a task with what happens to it.
type job struct {
	Task
	turn chan struct{} // filled while a run is under way

	mu    sync.Mutex
	stats Stats
}

func newJob(t Task) *job {
	return &job{Task: t, turn: make(chan struct{}, 1), stats: Stats{Name: t.Name, Schedule: t.schedule(), Shared: t.Shared}}
}

// enter begins a run. It waits for one that is under way, or answers ErrConflict.
func (j *job) enter(ctx context.Context, waits bool) error {
	if !waits {
		select {
		case j.turn <- struct{}{}:
			return nil
		default:
			return store.Errorf(store.ErrConflict, "The task is under way.")
		}
	}
	select {
	case j.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *job) leave() { <-j.turn }

func (j *job) note(change func(s *Stats)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.stats)
}

func (j *job) planned(next time.Time) { j.note(func(s *Stats) { s.Next = next }) }

func (j *job) began(at time.Time) {
	j.note(func(s *Stats) { s.Running, s.LastStart, s.Next = true, at, time.Time{} })
}

func (j *job) brokenOff() { j.note(func(s *Stats) { s.Running = false }) }

func (j *job) ended(took time.Duration, err error) {
	j.note(func(s *Stats) {
		s.Running, s.LastDuration, s.LastError = false, took, err
		s.Runs++
		if err != nil {
			s.Failures++
		}
	})
}

// failed notes that a run could not begin, or that its end could not be written
// down.
func (j *job) failed(err error) {
	j.note(func(s *Stats) {
		s.LastError = err
		s.Failures++
	})
}

// seen notes what another instance says of a run.
func (j *job) seen(run store.TaskRun) {
	var err error
	if run.Status == store.TaskFailed {
		err = fmt.Errorf("failed on instance %s: %s", run.Owner, run.Detail)
	}
	j.note(func(s *Stats) { s.LastError = err })
}
