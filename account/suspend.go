package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// Suspend refuses an account from now on, until a time or, where that is zero,
// until it is reactivated: sessions end for good, API keys are refused while it
// lasts.
// Suspending a suspended account gives it the new reason and end; where both are
// what they were, nothing changes and nothing is audited. It needs a reason
// (ErrReasonRequired) and an end that is ahead (ErrValidation).
func (u *Users) Suspend(ctx context.Context, actor store.Actor, id, reason string, until time.Time) error {
	if err := change.CheckReason(reason); err != nil {
		return err
	}
	until = until.UTC().Truncate(time.Microsecond)
	return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		if !until.IsZero() && !until.After(c.At) {
			return store.Invalid("until", "future", "A suspension ends in the future.")
		}
		changed, err := u.setStatus(ctx, q, c, id, reason, func(user *store.User) {
			user.Status, user.SuspendedReason, user.SuspendedUntil = store.Suspended, reason, until
		})
		if err != nil || !changed {
			return err
		}
		c.Action = "user.suspend"
		return u.cfg.Sessions.RevokeAllIn(ctx, q, c, id, "", c.At)
	})
}

// Reactivate ends a suspension. API keys work again, sessions stay ended. It is
// nil, and not audited, for an account that is active. It needs a reason
// (ErrReasonRequired).
func (u *Users) Reactivate(ctx context.Context, actor store.Actor, id, reason string) error {
	if err := change.CheckReason(reason); err != nil {
		return err
	}
	return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		changed, err := u.setStatus(ctx, q, c, id, reason, func(user *store.User) {
			user.Status, user.SuspendedReason, user.SuspendedUntil = store.Active, "", time.Time{}
		})
		if changed {
			c.Action = "user.reactivate"
		}
		return err
	})
}

// setStatus gives an account another status. It reports whether it is another,
// and then has described all of the change but its action.
func (u *Users) setStatus(ctx context.Context, q store.Queries, c *store.Change, id, reason string, set func(*store.User)) (changed bool, err error) {
	before, err := q.UserGet(ctx, id)
	if err != nil {
		return false, err
	}
	user := before
	set(&user)
	changes := diffStatus(before, user)
	if len(changes) == 0 {
		return false, nil
	}
	user.UpdatedAt = c.At
	c.Target, c.Reason, c.Changes = targetUser(id), reason, changes
	c.Affects = []string{store.UserVersion(id)}
	return true, q.UserUpdate(ctx, user)
}

// diffStatus lists what the audit trail shows of a change of status.
func diffStatus(before, after store.User) map[string]store.Diff {
	changes := make(map[string]store.Diff)
	if before.Status != after.Status {
		changes["status"] = store.Diff{From: before.Status, To: after.Status}
	}
	if before.SuspendedReason != after.SuspendedReason {
		changes["suspended_reason"] = store.Diff{From: before.SuspendedReason, To: after.SuspendedReason}
	}
	if !before.SuspendedUntil.Equal(after.SuspendedUntil) {
		changes["suspended_until"] = store.Diff{From: timeOrNil(before.SuspendedUntil), To: timeOrNil(after.SuspendedUntil)}
	}
	return changes
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
