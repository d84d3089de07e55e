package account

import (
	"context"
	"fmt"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// MaxBulk is how many users one Bulk takes.
const MaxBulk = 1000

// BulkAction is what Bulk does to each user.
type BulkAction string

// The actions of Bulk.
const (
	BulkSuspend    BulkAction = "suspend"    // until reactivated
	BulkReactivate BulkAction = "reactivate" // ends a suspension
	BulkDelete     BulkAction = "delete"     // as Delete
	BulkSetPlan    BulkAction = "set_plan"   // what was used counts against the new plan
)

// BulkItem is how it went with one user: Err is nil, or what the call about him
// alone would have said.
type BulkItem struct {
	ID  string
	Err error
}

// Bulk does one thing to many users, each in a transaction and with an audit row
// of his own: what cannot be done to one does not keep it from the others. Cached
// verdicts of each end with his transaction. The items stand in the order of ids,
// one for an id that is named more than once. An unknown action, no id or more
// than MaxBulk, and a plan that is missing or out of place are ErrValidation, and
// it needs a reason (ErrReasonRequired); then nothing was done. A fault that is
// nobody's, such as a database that does not answer, ends it: Bulk returns it when
// it met the first user, and otherwise it is the error of all who are left. So does
// an actor who is an admin and loses the permission "users" or the session
// meanwhile (ErrForbidden).
func (u *Users) Bulk(ctx context.Context, actor store.Actor, ids []string, action BulkAction, plan, reason string) ([]BulkItem, error) {
	if err := change.CheckReason(reason); err != nil {
		return nil, err
	}
	act, err := u.bulkAct(actor, action, plan, reason)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 || len(ids) > MaxBulk {
		return nil, store.Invalid("ids", "size", fmt.Sprintf("There must be from 1 to %d ids.", MaxBulk))
	}
	items, seen := make([]BulkItem, 0, len(ids)), make(map[string]bool, len(ids))
	var fault error
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		err := fault
		if err == nil {
			err = u.stillMay(ctx, actor)
		}
		if err == nil {
			err = act(ctx, id)
		}
		if isFault(err) {
			if len(items) == 0 {
				return nil, err
			}
			fault = err
		}
		items = append(items, BulkItem{id, err})
	}
	return items, nil
}

// isFault reports an error that says nothing of whom it was met with.
func isFault(err error) bool {
	switch store.CodeOf(err) {
	case store.ErrInternal, store.ErrUnavailable, store.ErrClosed, store.ErrUnsupported, store.ErrForbidden:
		return true
	}
	return false
}

// bulkAct is what an action does to one user.
func (u *Users) bulkAct(actor store.Actor, action BulkAction, plan, reason string) (func(ctx context.Context, id string) error, error) {
	if (plan != "") != (action == BulkSetPlan) {
		return nil, store.Invalid("plan", "required", "The action set_plan needs a plan, and no other takes one.")
	}
	switch action {
	case BulkSuspend:
		return func(ctx context.Context, id string) error { return u.Suspend(ctx, actor, id, reason, time.Time{}) }, nil
	case BulkReactivate:
		return func(ctx context.Context, id string) error { return u.Reactivate(ctx, actor, id, reason) }, nil
	case BulkDelete:
		return func(ctx context.Context, id string) error { return u.Delete(ctx, actor, id, reason) }, nil
	case BulkSetPlan:
		return func(ctx context.Context, id string) error {
			_, err := u.cfg.Metering.SetPlan(ctx, actor, id, plan, metering.KeepUsage, reason)
			return err
		}, nil
	}
	return nil, store.Invalid("action", "enum", "The action is suspend, reactivate, delete or set_plan.")
}
