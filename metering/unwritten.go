package metering

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	maxUnwritten  = 10_000
	unwrittenStep = 256
	unwrittenWait = time.Second
	endTimeout    = 5 * time.Second
)

// unwritten are endings of leases that the database did not take. They are
// tried again until it does: a lease that ran out instead would give its places
// to others although they were used. Trying twice is harmless, for the first
// ending of a lease stands.
type unwritten struct {
	write  func(context.Context, store.Settle) error // ErrUnavailable: try again
	logger *slog.Logger

	mu     sync.Mutex
	queue  []store.Settle
	closed bool

	more     chan struct{} // holds one token while there may be work
	cancel   context.CancelFunc
	finished sync.WaitGroup
}

// newUnwritten starts the goroutine that tries again; close ends it.
func newUnwritten(write func(context.Context, store.Settle) error, logger *slog.Logger) *unwritten {
	ctx, cancel := context.WithCancel(context.Background())
	u := &unwritten{write: write, logger: logger, more: make(chan struct{}, 1), cancel: cancel}
	u.finished.Go(func() { u.run(ctx) })
	return u
}

// add keeps an ending to be written later.
func (u *unwritten) add(ending store.Settle) {
	u.mu.Lock()
	room := !u.closed && len(u.queue) < maxUnwritten
	if room {
		u.queue = append(u.queue, ending)
	}
	u.mu.Unlock()
	if !room {
		u.logger.Error("a lease runs out unended: too many endings wait for the database, or it is closed", "reservation", ending.ID)
		return
	}
	select {
	case u.more <- struct{}{}:
	default: // a token is there already
	}
}

func (u *unwritten) run(ctx context.Context) {
	for {
		select {
		case <-u.more:
		case <-ctx.Done():
			return
		}
		for !u.drain(ctx) {
			select {
			case <-time.After(unwrittenWait):
			case <-ctx.Done():
				return
			}
		}
	}
}

// drain writes what waits and reports whether all of it is written.
func (u *unwritten) drain(ctx context.Context) bool {
	for {
		u.mu.Lock()
		step := u.queue[:min(len(u.queue), unwrittenStep)]
		u.queue = u.queue[len(step):]
		u.mu.Unlock()
		if len(step) == 0 {
			return true
		}
		failed := u.attempt(ctx, step)
		if len(failed) > 0 {
			u.mu.Lock()
			u.queue = append(u.queue, failed...)
			u.mu.Unlock()
			return false
		}
	}
}

// attempt writes endings together and returns those to try again.
func (u *unwritten) attempt(ctx context.Context, step []store.Settle) (failed []store.Settle) {
	errs := make([]error, len(step))
	var group sync.WaitGroup
	for i, ending := range step {
		group.Go(func() { errs[i] = u.write(ctx, ending) })
	}
	group.Wait()
	for i, err := range errs {
		switch {
		case errors.Is(err, store.ErrUnavailable):
			failed = append(failed, step[i])
		case err != nil:
			u.logger.Error("a lease was not ended", "reservation", step[i].ID, "error", err)
		}
	}
	return failed
}

// close makes the last try. Its error says how many endings are lost.
func (u *unwritten) close() error {
	u.cancel()
	u.finished.Wait()
	u.drain(context.Background())
	u.mu.Lock()
	defer u.mu.Unlock()
	lost := len(u.queue)
	u.queue, u.closed = nil, true
	if lost > 0 {
		return fmt.Errorf("metering: the endings of %d leases could not be stored", lost)
	}
	return nil
}
