package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// Unlock forgets the failed sign-ins of an account, from wherever they came, so
// that its name and every device it knows can try again at once. Where there are
// none it is nil, and not audited. It needs a reason (ErrReasonRequired).
func (u *Users) Unlock(ctx context.Context, actor store.Actor, id, reason string) error {
	if err := change.CheckReason(reason); err != nil {
		return err
	}
	return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		if _, err := q.UserGet(ctx, id); err != nil {
			return err
		}
		forgotten, err := q.SignInUnlock(ctx, accountCounter(authn.KindUser, id), deviceCounters(id))
		if err != nil || forgotten == 0 {
			return err
		}
		c.Action, c.Target, c.Reason = "user.unlock", targetUser(id), reason
		return nil
	})
}

// LockedUntil returns until when the names of users are locked for failed
// sign-ins, by id, of those that are. A device that an account knows is counted
// apart, and may be locked when the name is not.
func (u *Users) LockedUntil(ctx context.Context, ids ...string) (map[string]time.Time, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = accountCounter(authn.KindUser, id)
	}
	locks, err := u.cfg.Store.SignInLocks(ctx, keys, u.cfg.now())
	if err != nil {
		return nil, err
	}
	until := make(map[string]time.Time, len(locks))
	for i, id := range ids {
		if t, locked := locks[keys[i]]; locked {
			until[id] = t
		}
	}
	return until, nil
}

// accountCounter is what the failures of an account are counted under.
func accountCounter(kind authn.Kind, id string) string { return string(kind) + ":" + id }

// deviceCounters begins what the failures of an account from devices that it
// knows are counted under.
func deviceCounters(id string) string { return "device:" + id + ":" }
