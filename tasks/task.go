package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	leastPause = time.Second
	// mostPause is less than the runs of shared tasks are remembered for, so
	// that none is forgotten while it is the latest.
	mostPause = 30 * 24 * time.Hour

	defaultTimeout = time.Hour
	mostJitter     = 30 * time.Second // where a task names none
)

// Task is one piece of upkeep. It has a name, either Every or DailyAt, and
// either Run or Once.
type Task struct {
	// Name is such as "sessions.purge", and unique within a runner.
	Name string

	// Every is the pause between two times: from 1 s to 30 days. The times are
	// multiples of it since the beginning of the year 1 in UTC, so that all
	// instances agree on them: 24 h means midnight UTC.
	Every time.Duration

	// DailyAt is a time of day.
	DailyAt *TimeOfDay

	// Timeout is how long a run may take before its context ends. 0 means an
	// hour.
	Timeout time.Duration

	// Jitter is the most by which a run begins later than it is due, so that
	// tasks and instances do not all work at once. 0 means a tenth of Every, at
	// most 30 s, and for DailyAt 30 s; below 0 means none.
	Jitter time.Duration

	// Shared says that of several instances with one store one runs the task
	// each time that it is due. It may run more than once all the same: when an
	// instance dies in a run, another one begins it anew.
	Shared bool

	// Run does the work. It must be safe to repeat and to break off: it works in
	// small steps and returns when its context ends.
	Run func(ctx context.Context) error

	// Once does work that must take effect exactly once each time that the task
	// is due, whoever dies meanwhile. What it writes with q commits together
	// with the mark that the run is done. It has no other effect, because it may
	// run again, and it is short: on SQLite everybody else who writes waits for
	// it. Such a task is shared.
	Once func(ctx context.Context, q store.Queries) error
}

// withDefaults returns a copy in which every field has its value.
func (t Task) withDefaults() Task {
	t.Timeout = cmp.Or(t.Timeout, defaultTimeout)
	if t.Jitter == 0 {
		t.Jitter = mostJitter
		if t.DailyAt == nil {
			t.Jitter = min(t.Jitter, t.Every/10)
		}
	}
	t.Shared = t.Shared || t.Once != nil
	return t
}

// validate reports every rule that t breaks.
func (t Task) validate() error {
	var errs []error
	check := func(ok bool, rule string) {
		if !ok {
			errs = append(errs, fmt.Errorf("tasks: task %q %s", t.Name, rule))
		}
	}
	check(t.Name != "" && len(t.Name) <= 64, "needs a name of 1 to 64 bytes")
	check((t.Run == nil) != (t.Once == nil), "needs one of Run and Once")
	check((t.Every == 0) != (t.DailyAt == nil), "needs one of Every and DailyAt")
	check(t.Every == 0 || t.Every >= leastPause && t.Every <= mostPause, "must have a pause from 1 s to 30 days")
	check(t.DailyAt == nil || t.DailyAt.valid(), "must have a time of day from 00:00 to 23:59")
	check(t.Timeout >= 0, "must have a time limit that is not negative")
	return errors.Join(errs...)
}

// schedule says when the task is due.
func (t Task) schedule() string {
	if t.DailyAt != nil {
		return fmt.Sprintf("daily at %02d:%02d %s", t.DailyAt.Hour, t.DailyAt.Minute, t.DailyAt.zone())
	}
	every := t.Every.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(every, nothing) {
			every = every[:len(every)-2]
		}
	}
	return "every " + every
}

// due returns the latest time at which the task is due, at now or before.
func (t Task) due(now time.Time) time.Time {
	if t.DailyAt != nil {
		return t.DailyAt.last(now)
	}
	return now.UTC().Truncate(t.Every)
}

// next returns the first time after now at which the task is due.
func (t Task) next(now time.Time) time.Time {
	if t.DailyAt != nil {
		return t.DailyAt.next(now)
	}
	return now.UTC().Truncate(t.Every).Add(t.Every)
}

// delay is how much later than it is due this run begins.
func (t Task) delay() time.Duration {
	if t.Jitter <= 0 {
		return 0
	}
	return rand.N(t.Jitter)
}
