package authn

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// gate bounds how much password hashing runs at once, and how much waits for
// its turn: a flood of sign-ins costs a bounded amount of memory and leaves
// the processors to others.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
}

func newGate(slots, queue int) *gate {
	return &gate{slots: make(chan struct{}, slots), queue: int64(queue)}
}

// enter takes a slot, waiting for one if the queue has room. It fails with
// store.ErrUnavailable when the queue is full or ctx ends; else leave must
// follow.
func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return store.Unavailable(err)
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return &store.Error{
			Code:       store.ErrUnavailable,
			Detail:     "Too many sign-ins are being checked. Try again shortly.",
			RetryAfter: time.Second,
		}
	}
	defer g.waiting.Add(-1)
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return store.Unavailable(ctx.Err())
	}
}

func (g *gate) leave() { <-g.slots }
