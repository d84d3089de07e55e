package account

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

const (
	// purgeChunk is how many rows go in one transaction: few enough that no request
	// waits long for the write lock.
	purgeChunk = 200

	// purgesAtOnce is how many deleted users are looked up at a time.
	purgesAtOnce = 100

	// lateFor is for how long after a purge it is looked for what a request that was
	// under way has still written: twice as long as PurgeDue is to be called after.
	lateFor = 2 * time.Hour

	purgeDueReason = "the time for which deleted users are kept is over"
)

// Purge deletes a deleted user for good: messages, usage, ledger, sessions,
// devices and what the audit trail has of his person go, and at the end the user
// name is free. The events of the trail stay, without their details, and it
// verifies.
//
// From when it begins he cannot come back. It takes many transactions; one that
// was cut short is finished by PurgeDue, or by calling it again. Whoever was
// purged already or never was deleted is ErrNotFound. It needs a reason
// (ErrReasonRequired).
func (u *Users) Purge(ctx context.Context, actor store.Actor, id, reason string) error {
	if err := change.CheckReason(reason); err != nil {
		return err
	}
	return u.purge(ctx, actor, id, reason)
}

// PurgeDue purges the deleted users whose time has come, finishes what was cut
// short, and erases what requests that were under way still wrote of those who
// were purged in the last two hours: it is to be called each hour. It returns how
// many it purged. One that cannot be purged holds up none of the others: its error
// is among those returned.
func (u *Users) PurgeDue(ctx context.Context) (purged int, err error) {
	purged, err = u.purgeDue(ctx)
	return purged, errors.Join(err, u.eraseLate(ctx))
}

// eraseLate erases what was written of users after they were purged: a request that
// began before may log its message and report its usage whenever it ends.
func (u *Users) eraseLate(ctx context.Context) error {
	purges := store.AuditFilter{Action: "user.purge", From: u.cfg.now().Add(-lateFor)}
	for e, err := range u.cfg.Trail.All(ctx, purges, store.OldestFirst) {
		if err != nil {
			return err
		}
		for _, erase := range []erasure{u.messageErasure(e.Target.ID), u.meterErasure(e.Target.ID, e.At.Add(-lateFor))} {
			if err := inChunks(ctx, erase); err != nil {
				return err
			}
		}
	}
	return nil
}

func (u *Users) purgeDue(ctx context.Context) (purged int, err error) {
	now := u.cfg.now()
	var faults []error
	for after := (store.Position{}); ; {
		due, err := u.cfg.Store.DeletedUsersDue(ctx, now, after, purgesAtOnce)
		if err != nil {
			return purged, errors.Join(append(faults, err)...)
		}
		for _, d := range due {
			after = store.Position{At: d.PurgeAt, ID: d.ID}
			switch err := u.purge(ctx, store.System(), d.ID, purgeDueReason); {
			case err == nil:
				purged++
			case !errors.Is(err, store.ErrNotFound): // whom somebody else purged
				faults = append(faults, err)
			}
			if ctx.Err() != nil {
				return purged, errors.Join(faults...)
			}
		}
		if len(due) < purgesAtOnce {
			return purged, errors.Join(faults...)
		}
	}
}

func (u *Users) purge(ctx context.Context, actor store.Actor, id, reason string) error {
	deleted, err := u.beginPurge(ctx, actor, id)
	if err != nil {
		return err
	}
	if err := u.writeWaiting(ctx); err != nil {
		return err
	}
	for _, erase := range u.erasures(deleted) {
		if err := inChunks(ctx, erase); err != nil {
			return err
		}
	}
	return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		if err := q.IdentifierDelete(ctx, store.IdentifierUsername, id); err != nil {
			return err
		}
		if err := q.DeletedUserDelete(ctx, id); err != nil {
			return err
		}
		c.Action, c.Target, c.Reason = "user.purge", targetUser(id), reason
		return nil
	})
}

// beginPurge marks a deleted user as one who does not come back.
func (u *Users) beginPurge(ctx context.Context, actor store.Actor, id string) (deleted store.DeletedUser, err error) {
	err = u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		if deleted, err = q.DeletedUserGet(ctx, id); err != nil || deleted.Purging {
			return err
		}
		return q.DeletedUserPurging(ctx, id, c.At)
	})
	return deleted, err
}

// writeWaiting writes what waits in memory and may be about anybody, so that it is
// there to be erased.
func (u *Users) writeWaiting(ctx context.Context) error {
	if err := u.cfg.Trail.Flush(ctx); err != nil {
		return err
	}
	if u.cfg.Messages == nil {
		return nil
	}
	return u.cfg.Messages.Flush(ctx)
}

// erasure deletes at most so many rows, and returns how many: fewer mean that none
// is left. It can be repeated.
type erasure func(ctx context.Context, limit int) (int, error)

// inChunks repeats an erasure until nothing is left of it.
func inChunks(ctx context.Context, erase erasure) error {
	for {
		n, err := erase(ctx, purgeChunk)
		if err != nil || n < purgeChunk {
			return err
		}
	}
}

// erasures are what has to go of a user before his name is free. What his keys
// used stands under their families, which only what is sealed tells. Where that
// cannot be opened any more, these counters stay: nobody can tell whose they are.
func (u *Users) erasures(d store.DeletedUser) []erasure {
	s, id := u.cfg.Store, d.ID
	left, err := u.openRemains(d)
	if err != nil {
		u.cfg.Logger.Warn("a deleted user is purged without what was sealed", "user", id, "error", err)
	}
	all := []erasure{
		u.messageErasure(id),
		func(ctx context.Context, limit int) (int, error) { return s.SessionErase(ctx, id, limit) },
		func(ctx context.Context, _ int) (int, error) { return 0, s.KnownDeviceDelete(ctx, id) },
		func(ctx context.Context, _ int) (int, error) {
			_, err := s.SignInUnlock(ctx, accountCounter(authn.KindUser, id), deviceCounters(id))
			return 0, err
		},
		u.meterErasure(id, left.User.CreatedAt),
		u.trailErasure(id),
	}
	families := map[string]bool{}
	for _, k := range left.Keys {
		if !families[k.Family] {
			families[k.Family] = true
			all = append(all, u.meterErasure(k.Family, left.User.CreatedAt))
		}
		all = append(all, u.trailErasure(k.ID))
	}
	return all
}

func (u *Users) messageErasure(id string) erasure {
	return func(ctx context.Context, limit int) (int, error) { return u.cfg.Store.MessageErase(ctx, id, limit) }
}

func (u *Users) meterErasure(subject string, since time.Time) erasure {
	return func(ctx context.Context, limit int) (int, error) {
		return u.cfg.Store.MeterErase(ctx, subject, since, limit)
	}
}

func (u *Users) trailErasure(subject string) erasure {
	return func(ctx context.Context, _ int) (int, error) {
		return 0, u.cfg.Trail.Erase(ctx, u.cfg.Store, subject)
	}
}
