package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// Delete deletes an account so that it can come back until its retention is
// over. Profile, password hash and keys are sealed and set aside; sessions and
// keys are refused from now on; the address is free at once, while the user name
// stays held. Usage, messages and the trail stay under the account's id. It
// needs a reason (ErrReasonRequired).
func (u *Users) Delete(ctx context.Context, actor store.Actor, id, reason string) error {
	if err := change.CheckReason(reason); err != nil {
		return err
	}
	return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		user, err := q.UserGet(ctx, id)
		if err != nil {
			return err
		}
		c.Reason = reason
		return u.setAside(ctx, q, c, user)
	})
}

// DeleteSelf is Delete by the owner, who gives the password in place of a
// reason. A wrong one is ErrInvalidCredentials and counts to the lockout.
func (u *Users) DeleteSelf(ctx context.Context, actor store.Actor, id, password string) error {
	from, _ := netip.ParseAddr(actor.IP) // no address is no known device
	return u.prover.proven(ctx, "user.delete", actor, id, from, password, func(p claim) error {
		return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
			user, err := p.user(ctx, q)
			if err != nil {
				return err
			}
			if err := q.SignInClear(ctx, p.counter); err != nil {
				return err
			}
			return u.setAside(ctx, q, c, user)
		})
	})
}

// user reads the user of a proven claim inside a transaction, as still does.
func (c claim) user(ctx context.Context, q store.Queries) (store.User, error) {
	if err := c.still(ctx, q); err != nil {
		return store.User{}, err
	}
	user, err := q.UserGet(ctx, c.id)
	return user, goneIsWrong(err)
}

// setAside turns a user into a deleted one.
func (u *Users) setAside(ctx context.Context, q store.Queries, c *store.Change, user store.User) error {
	sealed, err := u.sealRemains(ctx, q, c, user)
	if err != nil {
		return err
	}
	err = q.DeletedUserInsert(ctx, store.DeletedUser{
		ID:        user.ID,
		Username:  user.Username,
		Sealed:    sealed,
		DeletedAt: c.At,
		DeletedBy: c.Actor,
		Reason:    c.Reason,
		PurgeAt:   c.At.Add(u.cfg.DeletedRetention),
	})
	if err != nil {
		return err
	}
	c.Action, c.Target = "user.delete", targetUser(user.ID)
	c.Affects = []string{store.UserVersion(user.ID)}
	if err := u.cfg.Sessions.RevokeAllIn(ctx, q, c, user.ID, "", c.At); err != nil {
		return err
	}
	if err := q.PasswordHashDelete(ctx, user.ID); err != nil {
		return err
	}
	if err := q.IdentifierDelete(ctx, store.IdentifierEmail, user.ID); err != nil {
		return err
	}
	return q.UserDelete(ctx, user.ID)
}

// sealRemains takes the keys of a user and seals them with the profile and
// password hash.
func (u *Users) sealRemains(ctx context.Context, q store.Queries, c *store.Change, user store.User) (string, error) {
	hash, err := passwordHash(ctx, q, user.ID)
	if err != nil {
		return "", err
	}
	keys, err := q.APIKeyTake(ctx, user.ID)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(remainsOf(user, hash, keys))
	if err != nil {
		return "", fmt.Errorf("account: a user cannot be encoded: %w", err)
	}
	return u.cfg.Seal.Seal(plain, sealedPlace(user.ID), c.At)
}

// passwordHash returns the hash of a user, or nil when there is none.
func passwordHash(ctx context.Context, q store.Queries, id string) (*store.PasswordHash, error) {
	hash, err := q.PasswordHashGet(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &hash, nil
}
