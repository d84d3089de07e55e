// Package groupcommit lets concurrent callers share one transaction. Each
// submits one item and waits for its own verdict; whatever queued while one
// batch was being committed, and whoever asks again at once when it is, becomes
// the next. A lone caller waits for nobody.
package groupcommit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// ErrClosed is what Do answers after Close, unless Options say otherwise.
var ErrClosed = errors.New("groupcommit: closed")

// errResults is the fault of a commit function that stored a batch and did not
// say what became of each item. Trying again could store it twice.
var errResults = errors.New("groupcommit: commit returned another number of results than of items")

// Options of a Committer. The zero value is valid.
type Options struct {
	// MaxBatch is the most items of one batch. Zero means 256.
	MaxBatch int

	// Timeout bounds one batch, however patient its members are. Zero means 5 s.
	Timeout time.Duration

	// Closed is the error of Do after Close. Nil means ErrClosed.
	Closed error

	// Shared reports whether an error of a batch concerns all its members, so
	// that committing them apart would be of no use: the database is away, for
	// instance. The end of the batch's context always does. Nil means no other
	// error does.
	Shared func(error) bool
}

// Committer gathers items into batches. Make one with New and end it with
// Close. Its methods are safe for concurrent use.
type Committer[In, Out any] struct {
	opts   Options
	commit func(context.Context, []In) ([]Out, error)
	wake   chan struct{} // holds one token while there may be work
	ended  chan struct{} // closed when the committing goroutine is gone

	mu     sync.Mutex
	queue  []*call[In, Out]
	closed bool
}

// call is one caller's item on its way. It is in the queue until it is taken
// into a batch; after that only the committing goroutine writes to it, until
// done is closed.
type call[In, Out any] struct {
	ctx  context.Context
	item In
	out  Out
	err  error
	done chan struct{}
}

// New starts a Committer. commit stores a batch, all of it or nothing, and
// returns one Out an item, in their order; it is never called twice at once. An
// error means that nothing was stored: the batch is then halved and each half
// tried again, until the members at fault are alone with their errors and the
// others are through. A panic in commit counts as an error. The context it is
// given belongs to no caller: it ends at the latest deadline among the members,
// after Options.Timeout at the latest. One in a hurry waits with the others
// rather than taking their transaction away.
func New[In, Out any](opts Options, commit func(context.Context, []In) ([]Out, error)) *Committer[In, Out] {
	opts.MaxBatch = cmp.Or(opts.MaxBatch, 256)
	opts.Timeout = cmp.Or(opts.Timeout, 5*time.Second)
	opts.Closed = cmp.Or(opts.Closed, ErrClosed)
	c := &Committer[In, Out]{
		opts:   opts,
		commit: commit,
		wake:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
	go c.run()
	return c
}

// Do submits an item and returns its verdict. When ctx ends before the item is
// taken into a batch, the item is withdrawn and Do returns ctx's error: nothing
// was stored. After that Do waits for the verdict whatever becomes of ctx, which
// Options.Timeout bounds, so that it never misstates what happened. The verdict
// may come after ctx's deadline then.
func (c *Committer[In, Out]) Do(ctx context.Context, item In) (Out, error) {
	call := &call[In, Out]{ctx: ctx, item: item, done: make(chan struct{})}
	if err := c.enqueue(call); err != nil {
		return call.out, err
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		if c.withdraw(call) {
			return call.out, ctx.Err()
		}
		<-call.done
	}
	return call.out, call.err
}

// Close refuses new items, lets those that were accepted finish and waits for
// them. Further calls wait too and do nothing else. It returns nil.
func (c *Committer[In, Out]) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	<-c.ended
	return nil
}

func (c *Committer[In, Out]) enqueue(call *call[In, Out]) error {
	if err := call.ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opts.Closed
	}
	c.queue = append(c.queue, call)
	c.signal()
	return nil
}

// withdraw takes a call out of the queue and reports whether it was still there.
func (c *Committer[In, Out]) withdraw(call *call[In, Out]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.queue, call)
	if i < 0 {
		return false
	}
	c.queue = slices.Delete(c.queue, i, i+1)
	return true
}

func (c *Committer[In, Out]) signal() {
	select {
	case c.wake <- struct{}{}:
	default: // a token is there already
	}
}

// run commits until the Committer is closed and its queue is empty.
func (c *Committer[In, Out]) run() {
	defer close(c.ended)
	for {
		batch, last := c.take()
		switch {
		case len(batch) > 0:
			c.settle(batch)
			c.gather()
		case last:
			return
		default:
			<-c.wake
		}
	}
}

// gather gives those whom a batch has answered the chance to be in the next one,
// as long as that makes it larger. It waits for nobody.
func (c *Committer[In, Out]) gather() {
	for before, now := -1, c.waiting(); before < now && now < c.opts.MaxBatch; before, now = now, c.waiting() {
		runtime.Gosched()
	}
}

func (c *Committer[In, Out]) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

// take removes the next batch from the queue. Where that is empty it reports
// whether it will stay so.
func (c *Committer[In, Out]) take() (batch []*call[In, Out], last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.queue), c.opts.MaxBatch)
	batch = slices.Clone(c.queue[:n])
	c.queue = slices.Delete(c.queue, 0, n)
	return batch, c.closed
}

// settle commits a batch and gives every member its verdict.
func (c *Committer[In, Out]) settle(batch []*call[In, Out]) {
	ctx, cancel := context.WithTimeout(context.Background(), c.opts.Timeout)
	defer cancel()
	if last, ok := latestDeadline(batch); ok {
		ctx, cancel = context.WithDeadline(ctx, last)
		defer cancel()
	}
	c.attempt(ctx, batch)
	for _, call := range batch {
		close(call.done)
	}
}

// latestDeadline returns when the most patient member gives up, if all do.
func latestDeadline[In, Out any](batch []*call[In, Out]) (last time.Time, ok bool) {
	for _, call := range batch {
		d, ok := call.ctx.Deadline()
		if !ok {
			return time.Time{}, false
		}
		if d.After(last) {
			last = d
		}
	}
	return last, true
}

// attempt writes the verdicts of a batch, halving it for as long as it fails
// for a reason that may be one member's.
func (c *Committer[In, Out]) attempt(ctx context.Context, batch []*call[In, Out]) {
	outs, err := c.once(ctx, batch)
	switch {
	case err == nil:
		for i, call := range batch {
			call.out = outs[i]
		}
	case len(batch) > 1 && ctx.Err() == nil && !c.shared(err):
		half := len(batch) / 2
		c.attempt(ctx, batch[:half])
		c.attempt(ctx, batch[half:])
	default:
		for _, call := range batch {
			call.err = err
		}
	}
}

func (c *Committer[In, Out]) shared(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, errResults) ||
		c.opts.Shared != nil && c.opts.Shared(err)
}

// once commits a batch. A panic becomes an error, so that one bad item does not
// end the service of all.
func (c *Committer[In, Out]) once(ctx context.Context, batch []*call[In, Out]) (outs []Out, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("groupcommit: commit panicked: %v", p)
		}
	}()
	items := make([]In, len(batch))
	for i, call := range batch {
		items[i] = call.item
	}
	outs, err = c.commit(ctx, items)
	if err == nil && len(outs) != len(items) {
		err = errResults
	}
	return outs, err
}
