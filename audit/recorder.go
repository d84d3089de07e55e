package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	queueSize    = 1024
	batchSize    = 256
	writeTimeout = 5 * time.Second
	retryAfter   = time.Second
)

// recorder stores events that have no transaction of their own, from a bounded
// queue and by a goroutine of its own.
type recorder struct {
	trail   *Trail
	logger  *slog.Logger
	queue   chan store.Change
	flushes chan chan error
	dropped atomic.Int64

	closing   chan struct{} // closed when close begins
	closeOnce sync.Once
	done      chan struct{} // closed when the goroutine has ended
	err       error         // what close answers; written before done is closed

	// The goroutine's own.
	crowd   crowd
	pending []store.AuditEvent // made but not stored yet
	failing bool               // one log line an outage
}

func newRecorder(t *Trail, logger *slog.Logger) *recorder {
	r := &recorder{
		trail:   t,
		logger:  logger,
		queue:   make(chan store.Change, queueSize),
		flushes: make(chan chan error),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go r.run()
	return r
}

// put queues a change, or counts it as dropped.
func (r *recorder) put(c store.Change) {
	select {
	case <-r.closing:
		r.dropped.Add(1)
		return
	default:
	}
	select {
	case r.queue <- c:
	default:
		r.dropped.Add(1)
	}
}

// sync waits until what was put before is stored.
func (r *recorder) sync(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case r.flushes <- answer:
	case <-r.done:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *recorder) close() error {
	r.closeOnce.Do(func() { close(r.closing) })
	<-r.done
	return r.err
}

func (r *recorder) run() {
	defer close(r.done)
	var retry, turn <-chan time.Time // nil while there is nothing to wait for
	for {
		queue := r.queue
		if len(r.pending) > 0 {
			queue = nil // what is made goes first; the queue bounds what waits
		}
		select {
		case c := <-queue:
			r.take(c)
			r.drain()
		case <-retry:
			retry = nil
		case <-turn:
			turn = nil
			r.settle()
		case answer := <-r.flushes:
			answer <- r.flush()
		case <-r.closing:
			r.finish()
			return
		}
		if r.write() != nil && retry == nil {
			retry = time.After(retryAfter)
		}
		if r.crowd.waiting() && turn == nil {
			turn = time.After(crowdWindow)
		}
	}
}

// take turns a change into an event, or into one more of a crowd.
func (r *recorder) take(c store.Change) {
	passed, ended := r.crowd.admit(c)
	for _, group := range ended {
		r.make(group.last, group.count)
	}
	if passed {
		r.make(c, 1)
	}
}

func (r *recorder) make(c store.Change, count int64) {
	event, err := r.trail.event(c, count)
	if err != nil {
		r.logger.Error("an audit event cannot be made", "action", c.Action, "error", err)
		return
	}
	r.pending = append(r.pending, event)
}

// drain takes what is queued now.
func (r *recorder) drain() {
	for range len(r.queue) {
		r.take(<-r.queue)
	}
}

// settle turns every crowd into its event.
func (r *recorder) settle() {
	for _, group := range r.crowd.end() {
		r.make(group.last, group.count)
	}
}

// flush stores everything that was put before it. While the database cannot be
// written it takes nothing from the queue, which stays the bound.
func (r *recorder) flush() error {
	if err := r.write(); err != nil {
		return err
	}
	r.drain()
	r.settle()
	return r.write()
}

// finish makes the last try before the end.
func (r *recorder) finish() {
	cause := r.flush()
	if lost := len(r.pending) + len(r.queue); lost > 0 {
		r.err = fmt.Errorf("audit: %d events of failed sign-ins and denials could not be stored: %w", lost, cause)
	}
}

// write stores the pending events. Those that it cannot store stay pending.
func (r *recorder) write() error {
	if n := r.dropped.Swap(0); n > 0 {
		r.logger.Error("audit events were dropped: they came faster than the database took them", "count", n)
	}
	for len(r.pending) > 0 {
		batch := r.pending[:min(batchSize, len(r.pending))]
		if err := r.insert(batch); err != nil {
			if !r.failing {
				r.failing = true
				r.logger.Error("audit events of failed sign-ins and denials cannot be stored; they wait", "error", err)
			}
			return err
		}
		r.pending = r.pending[len(batch):]
	}
	r.failing, r.pending = false, nil
	return nil
}

func (r *recorder) insert(batch []store.AuditEvent) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	err := r.trail.store.AuditInsert(ctx, batch, r.trail.keys.link)
	if errors.Is(err, store.ErrConflict) {
		return nil // ids are never made twice: a commit of ours lost its answer
	}
	return err
}
