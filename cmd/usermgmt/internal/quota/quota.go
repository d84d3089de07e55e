// Package quota proves, or refutes, that metering on a store is exact. Processes
// race each other for one limit and one balance, some of them are killed, and
// then the books are checked: nothing was given out twice, and all that there was
// could be given out.
//
// The account that they race for is nobody's: it is made for the race and erased
// after it. Its plan is in no store.
package quota

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// Settings say what is raced for, and by whom.
type Settings struct {
	Processes int           // that race each other
	Callers   int           // in each process, at once
	Requests  int           // of all processes, for the limit and for the balance each
	Limit     int64         // conversations a day
	Credits   int64         // on the balance, in micro-units
	Lease     time.Duration // how long what is reserved stays held
	Kill      bool          // kill half of the processes on their way
	Within    time.Duration // after which the race is over, finished or not
}

// minLease leaves time to see a lease before it is over.
const minLease = 2 * time.Second

// Check reports every setting that is out of range.
func (s Settings) Check() error {
	var faults []error
	within := func(name string, n, least, most int64) {
		if n < least || n > most {
			faults = append(faults, fmt.Errorf("-%s must be from %d to %d", name, least, most))
		}
	}
	within("processes", int64(s.Processes), 1, 64)
	within("callers", int64(s.Callers), 1, 1024)
	within("requests", int64(s.Requests), 1, 10_000_000)
	within("limit", s.Limit, 1, store.MaxAmount)
	within("credits", s.Credits, 1, store.MaxAmount)
	if s.Lease < minLease || s.Lease > time.Hour {
		faults = append(faults, fmt.Errorf("-lease must be from %v to 1h", minLease))
	}
	if s.Within < time.Second {
		faults = append(faults, errors.New("-seconds must be 1 or more"))
	}
	return errors.Join(faults...)
}

// Opener opens the store that a URL names.
type Opener func(ctx context.Context, url string) (store.Store, error)

// Command makes the command of a process that calls Run.
type Command func(ctx context.Context) *exec.Cmd

// eraseTimeout bounds the clearing away after a race.
const eraseTimeout = time.Minute

// Race holds the race on the store that a URL names and reports what came of it.
// Whatever happens, the end of ctx included, nothing of the race is left in the
// store; only where the caller itself is killed is something left, under an id
// that begins with "doctor_".
func Race(ctx context.Context, s Settings, url string, open Opener, command Command) (_ Report, err error) {
	if err := s.Check(); err != nil {
		return Report{}, err
	}
	db, err := open(ctx, url)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	began := time.Now()
	account := Account{Subject: ids.New("doctor_"), Zone: zoneFarFromMidnight(began), Limit: s.Limit}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eraseTimeout)
		defer cancel()
		err = errors.Join(err, erase(ctx, db, account.Subject, began))
	}()
	j, err := newJudge(ctx, db, account, s)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	if err := j.watchTheRace(ctx, url, command); err != nil {
		return Report{}, err
	}
	err = j.closeTheBooks(ctx) // before the return, whose operands have no fixed order
	return j.report, err
}

// erase removes all that a race left.
func erase(ctx context.Context, db store.Store, subject string, since time.Time) error {
	const chunk = 1000
	for {
		n, err := db.MeterErase(ctx, subject, since.Add(-time.Minute), chunk)
		if err != nil {
			return fmt.Errorf("what %s left in the store could not be removed: %w", subject, err)
		}
		if n < chunk {
			return nil
		}
	}
}
