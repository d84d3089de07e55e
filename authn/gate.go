package authn

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// gate bounds how much password hashing runs at once, and how much waits for
// its turn: a flood of sign-ins costs a bounded amount of memory and leaves
// the processors to others. Whoever hashes has a place first and then a slot.
type gate struct {
	slots  chan struct{}
	places int64 // for those who hash and those who wait
	taken  atomic.Int64
}

func newGate(slots, queue int) *gate {
	return &gate{slots: make(chan struct{}, slots), places: int64(slots) + int64(queue)}
}

// take takes a place. It fails with store.ErrUnavailable when there is none;
// else giveBack must follow.
func (g *gate) take() error {
	if g.taken.Add(1) <= g.places {
		return nil
	}
	g.giveBack()
	return &store.Error{
		Code:       store.ErrUnavailable,
		Detail:     "Too many sign-ins are being checked. Try again shortly.",
		RetryAfter: time.Second,
	}
}

func (g *gate) giveBack() { g.taken.Add(-1) }

// enter waits for a slot, which is for somebody who has a place. It fails with
// store.ErrUnavailable when ctx ends; else leave must follow.
func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return store.Unavailable(err)
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return store.Unavailable(ctx.Err())
	}
}

func (g *gate) leave() { <-g.slots }

// admit takes a place and waits for a slot. Unless it fails, dismiss must follow.
func (g *gate) admit(ctx context.Context) error {
	if err := g.take(); err != nil {
		return err
	}
	if err := g.enter(ctx); err != nil {
		g.giveBack()
		return err
	}
	return nil
}

func (g *gate) dismiss() {
	g.leave()
	g.giveBack()
}

// run runs one hash in its turn.
func (g *gate) run(ctx context.Context, hash func() error) error {
	if err := g.admit(ctx); err != nil {
		return err
	}
	defer g.dismiss()
	return hash()
}
