package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// longestNap is how long the runner sleeps at most, so that it notices when the
// clock was set or the machine slept.
const longestNap = time.Minute

// Config is what a Runner needs.
type Config struct {
	Tasks  []Task
	Store  store.Store      // where shared tasks are claimed; nil when there are none
	Owner  string           // names this instance in the store; empty means a random name
	Lease  time.Duration    // how long after an instance died another takes over; 0 means a minute
	Door   *change.Door     // records who runs a task by hand; required by RunAs alone
	Clock  func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
}

// Runner runs tasks, each on its own schedule and never twice at once. A task
// that fails or panics is logged and runs again at its next time; the others go
// on. Its methods may be called by any number of goroutines.
type Runner struct {
	cfg  Config
	jobs []*job // in the order of Config.Tasks

	life    context.Context // ends when Close begins
	end     context.CancelFunc
	mu      sync.Mutex     // orders calls and Close
	running sync.WaitGroup // calls of Run and RunOnce
	follows sync.Mutex     // held by Run
}

// New makes a runner. It reports every wrong task at once.
func New(cfg Config) (*Runner, error) {
	cfg.Owner = cmp.Or(cfg.Owner, ids.New("ins_"))
	cfg.Lease = cmp.Or(cfg.Lease, time.Minute)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Runner{cfg: cfg}
	r.life, r.end = context.WithCancel(context.Background())
	var errs []error
	for _, t := range cfg.Tasks {
		t = t.withDefaults()
		errs = append(errs, t.validate())
		if r.find(t.Name) != nil {
			errs = append(errs, fmt.Errorf("tasks: two tasks are named %q", t.Name))
		}
		if t.Shared && cfg.Store == nil {
			errs = append(errs, fmt.Errorf("tasks: task %q is shared, which needs a store", t.Name))
		}
		r.jobs = append(r.jobs, newJob(t))
	}
	return r, errors.Join(errs...)
}

func (r *Runner) find(name string) *job {
	for _, j := range r.jobs {
		if j.Name == name {
			return j
		}
	}
	return nil
}

// Run runs every task at its times until ctx ends or Close is called, waits for
// those under way, whose contexts end then, and returns nil. After Close it is
// ErrClosed, and beside another call ErrConflict. A task that was due while
// nobody ran it runs at once.
func (r *Runner) Run(ctx context.Context) error {
	ctx, leave, err := r.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if !r.follows.TryLock() {
		return store.Errorf(store.ErrConflict, "The tasks are run already.")
	}
	defer r.follows.Unlock()
	var group sync.WaitGroup
	for _, j := range r.jobs {
		group.Go(func() { r.follow(ctx, j) })
	}
	group.Wait()
	return nil
}

// RunOnce runs one task now, beside its times, and returns its error. It waits
// for a run that is under way here. One that is under way on another instance is
// ErrConflict, an unknown name is ErrNotFound, and after Close it is ErrClosed.
func (r *Runner) RunOnce(ctx context.Context, name string) error {
	if err := change.OutsideHook(ctx); err != nil {
		return err
	}
	j := r.find(name)
	if j == nil {
		return store.Errorf(store.ErrNotFound, "There is no such task.")
	}
	return r.runNow(ctx, j, order{waits: true})
}

// runNow runs a task beside its times.
func (r *Runner) runNow(ctx context.Context, j *job, o order) error {
	ctx, leave, err := r.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	due := r.cfg.Clock().UTC().Truncate(time.Microsecond)
	for {
		if _, err = r.run(ctx, j, due, o); !errors.Is(err, errDone) {
			return err
		}
		due = due.Add(time.Microsecond) // that moment has its run
	}
}

// Close ends the contexts of all runs and waits for them. Twice is once.
func (r *Runner) Close() {
	r.mu.Lock()
	r.end()
	r.mu.Unlock()
	r.running.Wait()
}

// enter lets a call in, whose context ends with Close.
func (r *Runner) enter(ctx context.Context) (context.Context, func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		return nil, nil, store.ErrClosed
	}
	r.running.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(r.life, cancel)
	return ctx, func() {
		stop()
		cancel()
		r.running.Done()
	}, nil
}

// follow runs one task at its times.
func (r *Runner) follow(ctx context.Context, j *job) {
	var due, seen time.Time // the latest time, and the latest that was seen to
	var at time.Time        // when this instance turns to due
	tried := false          // it has
	for ctx.Err() == nil {
		now := r.cfg.Clock()
		if latest := j.due(now); !latest.Equal(due) {
			due, at, tried = latest, now.Add(j.delay()), false
		}
		wake := at
		if due.Equal(seen) {
			wake = j.next(now)
		} else if !now.Before(at) {
			if at = r.attempt(ctx, j, due, tried); at.IsZero() {
				seen = due
			}
			tried = true
			continue
		}
		j.planned(wake)
		sleep(ctx, min(wake.Sub(now), longestNap))
	}
	j.planned(time.Time{})
}

// attempt sees to one time of a task, and returns when to try again: zero when
// there is no need. What fails again and again for one time is logged once.
func (r *Runner) attempt(ctx context.Context, j *job, due time.Time, again bool) time.Time {
	wait, err := r.run(ctx, j, due, order{waits: true})
	failed := err != nil && !errors.Is(err, errUnderWay) && !errors.Is(err, errDone)
	if failed && ctx.Err() == nil && (wait == 0 || !again) {
		r.cfg.Logger.Error("a task failed", "task", j.Name, "due", due, "error", err)
	}
	if wait == 0 {
		return time.Time{}
	}
	return r.cfg.Clock().Add(wait + rand.N(wait/10+1)) // not all instances at once
}

func sleep(ctx context.Context, d time.Duration) {
	nap := time.NewTimer(d)
	defer nap.Stop()
	select {
	case <-nap.C:
	case <-ctx.Done():
	}
}
