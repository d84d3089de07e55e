package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// Suspend refuses an account from now on, until a time or, where that is zero,
// until it is reactivated: sessions end for good, API keys are refused while it
// lasts.
// Suspending a suspended account gives it the new reason and end. It needs a
// reason (ErrReasonRequired) and an end that is ahead (ErrValidation).
func (u *Users) Suspend(ctx context.Context, actor store.Actor, id, reason string, until time.Time) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	until = until.UTC().Truncate(time.Microsecond)
	return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		if !until.IsZero() && !until.After(c.At) {
			return store.Invalid("until", "future", "A suspension ends in the future.")
		}
		err := u.setStatus(ctx, q, c, id, reason, func(user *store.User) {
			c.Action = "user.suspend"
			user.Status, user.SuspendedReason, user.SuspendedUntil = store.Suspended, reason, until
		})
		if err != nil {
			return err
		}
		return u.cfg.Sessions.RevokeAllIn(ctx, q, c, id, "", c.At)
	})
}

// Reactivate ends a suspension. API keys work again, sessions stay ended. It is
// nil, and not audited, for an account that is active. It needs a reason
// (ErrReasonRequired).
func (u *Users) Reactivate(ctx context.Context, actor store.Actor, id, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		return u.setStatus(ctx, q, c, id, reason, func(user *store.User) {
			if user.Status != store.Suspended {
				return
			}
			c.Action = "user.reactivate"
			user.Status, user.SuspendedReason, user.SuspendedUntil = store.Active, "", time.Time{}
		})
	})
}

// setStatus lets change decide on the status of an account, and writes and
// describes what it decided.
func (u *Users) setStatus(ctx context.Context, q store.Queries, c *store.Change, id, reason string, change func(*store.User)) error {
	user, err := q.UserGet(ctx, id)
	if err != nil {
		return err
	}
	before := user
	if change(&user); c.Action == "" {
		return nil
	}
	user.UpdatedAt = c.At
	c.Target, c.Reason = target(id), reason
	c.Affects = []string{store.UserVersion(id)}
	c.Changes = map[string]store.Diff{"status": {From: before.Status, To: user.Status}}
	if !before.SuspendedUntil.Equal(user.SuspendedUntil) {
		c.Changes["suspended_until"] = store.Diff{From: timeOrNil(before.SuspendedUntil), To: timeOrNil(user.SuspendedUntil)}
	}
	return q.UserUpdate(ctx, user)
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
