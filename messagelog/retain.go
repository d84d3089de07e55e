package messagelog

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// How much Retain deletes in one transaction: so many that it is done in this
// time, for which others wait.
const (
	firstChunk  = 50
	leastChunk  = 25
	mostChunk   = 2000
	chunkTarget = 8 * time.Millisecond
	longestRest = 100 * time.Millisecond
)

// Plans are where Retain reads what the plans say; a store.Store is one.
type Plans interface {
	PlanList(ctx context.Context, p store.Page) (store.List[store.Plan], error)
}

// Retain deletes what is older than it may be: of each plan's messages first the
// text, after Plan.MessageTextRetention, then the rest, after
// Plan.MessageRetention; and of any plan's, also of those that are no more,
// whatever is older than Config.Retention. Usage and credits are kept elsewhere
// and stay.
//
// It deletes little at a time, and rests as long as each time took, so that no
// append waits long behind it. It ends with ctx, or with the first fault, and
// what it did stays done.
func (l *Log) Retain(ctx context.Context) error {
	if err := l.purge(ctx, store.MessagePurge{}, l.cfg.Retention); err != nil || l.cfg.Plans == nil {
		return err
	}
	for p := (store.Page{Sort: store.OldestFirst, Limit: store.MaxLimit}); ; {
		plans, err := l.cfg.Plans.PlanList(ctx, p)
		if err != nil {
			return err
		}
		for _, plan := range plans.Items {
			if err := l.retainPlan(ctx, plan); err != nil {
				return err
			}
		}
		if p.After = plans.Next; p.After.IsZero() {
			return nil
		}
	}
}

func (l *Log) retainPlan(ctx context.Context, plan store.Plan) error {
	text := store.MessagePurge{Plan: plan.ID, TextOnly: true}
	if err := l.purge(ctx, text, plan.MessageTextRetention); err != nil {
		return err
	}
	return l.purge(ctx, store.MessagePurge{Plan: plan.ID}, plan.MessageRetention)
}

// purge deletes what is older than an age, of which zero means for good.
func (l *Log) purge(ctx context.Context, p store.MessagePurge, age time.Duration) error {
	if age == 0 {
		return nil
	}
	p.Before = l.cfg.Clock().Add(-age)
	_, err := l.purgeAll(ctx, p)
	return err
}

// purgeAll deletes little at a time until nothing is left, and returns how much
// it deleted. It adapts how much at once to how long that takes.
func (l *Log) purgeAll(ctx context.Context, p store.MessagePurge) (deleted int64, err error) {
	for p.Limit = firstChunk; ; {
		began := l.cfg.Clock()
		n, err := l.cfg.Store.MessagePurge(ctx, p)
		if deleted += int64(n); err != nil || n < p.Limit {
			return deleted, err
		}
		took := l.cfg.Clock().Sub(began)
		switch {
		case took > chunkTarget:
			p.Limit = max(p.Limit/2, leastChunk)
		case took < chunkTarget/2:
			p.Limit = min(2*p.Limit, mostChunk)
		}
		select {
		case <-time.After(min(took, longestRest)):
		case <-ctx.Done():
			return deleted, ctx.Err()
		}
	}
}
