// Package tasks is the upkeep that a host starts: a runner and the tasks that
// come built in. Nothing that answers depend on is done here: without a runner
// nothing is lost and no limit is wrong, old rows just stay longer.
package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"
)

// Task is one piece of upkeep. Run must be safe to repeat and to break off: it
// works in small steps and returns when its context ends.
type Task struct {
	Name  string        // such as "sessions.purge"; unique within a runner
	Every time.Duration // the pause between two runs; at least a second
	Run   func(ctx context.Context) error
}

// Config is what a Runner needs.
type Config struct {
	Tasks  []Task
	Logger *slog.Logger // nil discards
}

// Runner runs tasks, each on its own schedule and never twice at once. A task
// that fails or panics is logged and runs again at its next time; the others go
// on.
type Runner struct {
	tasks  []Task
	busy   map[string]*sync.Mutex
	logger *slog.Logger
}

// New makes a runner. It reports every wrong task at once.
func New(cfg Config) (*Runner, error) {
	r := &Runner{tasks: cfg.Tasks, busy: make(map[string]*sync.Mutex), logger: cfg.Logger}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	for _, t := range cfg.Tasks {
		if t.Name == "" || t.Run == nil || t.Every < time.Second {
			errs = append(errs, fmt.Errorf("tasks: task %q needs a name, a function and a pause of at least 1 s", t.Name))
		}
		if r.busy[t.Name] != nil {
			errs = append(errs, fmt.Errorf("tasks: two tasks are named %q", t.Name))
		}
		r.busy[t.Name] = new(sync.Mutex)
	}
	return r, errors.Join(errs...)
}

// Run runs every task until ctx ends, waits for those under way and returns
// nil. The first runs are spread over the first pause, at most ten seconds, so
// that instances started together do not work together.
func (r *Runner) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, t := range r.tasks {
		group.Go(func() { r.loop(ctx, t) })
	}
	group.Wait()
	return nil
}

func (r *Runner) loop(ctx context.Context, t Task) {
	pause := time.NewTimer(rand.N(min(t.Every, 10*time.Second)))
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		if err := r.runOnce(ctx, t); err != nil && ctx.Err() == nil {
			r.logger.Error("a task failed; it runs again at its next time", "task", t.Name, "error", err)
		}
		pause.Reset(t.Every)
	}
}

// RunOnce runs one task now and returns its error. It waits for a run that is
// under way.
func (r *Runner) RunOnce(ctx context.Context, name string) error {
	for _, t := range r.tasks {
		if t.Name == name {
			return r.runOnce(ctx, t)
		}
	}
	return fmt.Errorf("tasks: there is no task %q", name)
}

func (r *Runner) runOnce(ctx context.Context, t Task) (err error) {
	busy := r.busy[t.Name]
	busy.Lock()
	defer busy.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("tasks: %s panicked: %v\n%s", t.Name, p, debug.Stack())
		}
	}()
	return t.Run(ctx)
}
