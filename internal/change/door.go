// Package change is the one door for mutations: it runs a change, its audit row
// and its feed rows in one transaction, and ends the cached verdicts that the
// change affects before it returns. Its follower does the same for the changes
// of other instances.
package change

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
)

// Hook is called inside the transaction of each change, after the change and
// before its audit row. An error refuses the change.
type Hook func(ctx context.Context, q store.Queries, c store.Change) error

// Appender writes the audit row of a change in the change's transaction.
type Appender interface {
	Append(ctx context.Context, q store.Queries, c store.Change) error
}

// Config is what a Door needs. Hook may be nil; everything else is required.
type Config struct {
	Store    store.Store
	Trail    Appender
	Versions *version.Table
	Origin   string // names this instance in the feed
	Hook     Hook
	Clock    func() time.Time
}

// Door lets mutations through. It is safe for concurrent use.
type Door struct {
	cfg    Config
	closed atomic.Bool
}

// NewDoor makes the door.
func NewDoor(cfg Config) *Door { return &Door{cfg: cfg} }

// Close makes every later Do answer ErrClosed. Those under way go on.
func (d *Door) Close() { d.closed.Store(true) }

type insideHook struct{}

// OutsideHook answers ErrConflict when ctx is that of a hook. Whatever needs the
// write connection asks it first: it would wait for the hook that waits for it.
func OutsideHook(ctx context.Context) error {
	if ctx.Value(insideHook{}) == nil {
		return nil
	}
	return store.Errorf(store.ErrConflict, "This cannot be called from inside OnChange. Use the Queries it is given.")
}

// Do runs fn in one transaction. fn changes what it has to through q and
// describes it in c, whose Actor and At are set already; when it leaves
// c.Action empty, nothing was changed and nothing is recorded. After fn come the
// hook, the audit row and, last before the commit, the feed rows. When Do
// returns nil, the change is durable and no cached verdict of this instance
// that it affects will be used again by a request that begins afterwards.
//
// fn may run again when the database asks for that. A call from inside the hook
// is ErrConflict, as OutsideHook says.
func (d *Door) Do(ctx context.Context, actor store.Actor, fn func(ctx context.Context, q store.Queries, c *store.Change) error) error {
	if d.closed.Load() {
		return store.ErrClosed
	}
	if err := OutsideHook(ctx); err != nil {
		return err
	}
	at := d.cfg.Clock().UTC().Truncate(time.Microsecond)
	var done store.Change
	err := d.cfg.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		c := store.Change{Actor: actor, At: at, Result: store.OK}
		if err := fn(ctx, q, &c); err != nil {
			return err
		}
		done = c
		return d.record(ctx, q, c)
	})
	// A commit whose answer was lost may have happened: ending verdicts for
	// nothing costs one look-up, keeping a wrong one would break the promise.
	bump(d.cfg.Versions, done.Affects...)
	return err
}

func (d *Door) record(ctx context.Context, q store.Queries, c store.Change) error {
	if c.Action == "" {
		return nil
	}
	if d.cfg.Hook != nil {
		if err := d.cfg.Hook(context.WithValue(ctx, insideHook{}, true), q, c); err != nil {
			return err
		}
	}
	if err := d.cfg.Trail.Append(ctx, q, c); err != nil {
		return err
	}
	if len(c.Affects) == 0 {
		return nil
	}
	return q.FeedAppend(ctx, d.cfg.Origin, c.At, c.Affects)
}

// bump ends the verdicts of each key; EveryVersion ends them all.
func bump(t *version.Table, keys ...string) {
	for _, key := range keys {
		if key == store.EveryVersion {
			t.BumpAll()
		} else {
			t.Bump(key)
		}
	}
}
