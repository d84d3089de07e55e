package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// SignIn starts a session for whoever proves a user name or e-mail address with
// its password.
//
// An unknown name, a wrong password, and an account that is deleted or has no
// password are the same ErrInvalidCredentials. After too many failures the name,
// known or not, is ErrLocked until RetryAfter has passed, also for the right
// password; a device that the account knows is counted apart. ErrSuspended is
// said to the right password only. A refusal takes as long whatever its reason is
// (authn.Attempt), so that time tells no more than the answer does.
func (u *Users) SignIn(ctx context.Context, name, password string, from authn.Origin) (store.User, authn.Grant, error) {
	if u.cfg.PasswordLoginDisabled {
		return store.User{}, authn.Grant{}, store.Errorf(store.ErrForbidden, "Signing in with a password is disabled.")
	}
	e := entry{users: u, from: from}
	asNamed := func() (claim, error) { return u.claimName(ctx, name, from.IP) }
	c, err := u.prove(ctx, asNamed, password, func(c claim, rehash bool) error {
		e.claim, e.rehashed = c, ""
		if rehash {
			e.rehashed = u.betterHash(ctx, c.user.ID, password)
		}
		return u.cfg.Door.Do(ctx, selfActor(c.user, from), e.run)
	})
	if err != nil {
		u.recordFailure("user.login_failed", anonymous(from), c, err)
		return store.User{}, authn.Grant{}, err
	}
	return e.user, e.grant, nil
}

// betterHash hashes a password as it is configured now. A sign-in goes on
// without, and returns "", when there is no room for it.
func (u *Users) betterHash(ctx context.Context, id, password string) string {
	hash, err := u.cfg.Hasher.Hash(ctx, password)
	if err != nil {
		u.cfg.Logger.Warn("a password hash waits for the next sign-in to be upgraded", "user", id, "error", err)
	}
	return hash
}

// entry is the sign-in of a proven claim, and what it gave.
type entry struct {
	users    *Users
	claim    claim
	from     authn.Origin
	rehashed string // the hash to store in place of the old one; empty for none

	user  store.User
	grant authn.Grant
}

// run starts the session, if the account is still as it was when the password
// was compared.
func (e *entry) run(ctx context.Context, q store.Queries, c *store.Change) error {
	user, err := e.claim.still(ctx, q)
	if err != nil {
		return err
	}
	if user.SuspendedAt(c.At) {
		return store.Errorf(store.ErrSuspended, "The account is suspended.")
	}
	if err := q.SignInClear(ctx, e.claim.counter); err != nil {
		return err
	}
	if err := noteDevice(ctx, q, user.ID, e.claim.device, c.At); err != nil {
		return err
	}
	if err := e.storeRehashed(ctx, q, c.At); err != nil {
		return err
	}
	user = asOf(user, c.At)
	user.LastLoginAt = c.At
	if err := q.UserUpdate(ctx, user); err != nil {
		return err
	}
	e.user = user
	if e.grant, err = e.users.cfg.Sessions.Start(ctx, q, user.ID, authn.KindUser, e.from); err != nil {
		return err
	}
	c.Action, c.Target = "user.login", target(user.ID)
	c.Actor.SessionID = e.grant.Session.ID
	return nil
}

// storeRehashed puts the better hash in the place of the one that was compared.
func (e *entry) storeRehashed(ctx context.Context, q store.Queries, at time.Time) error {
	if e.rehashed == "" {
		return nil
	}
	hash, err := authn.NewPasswordHash(e.claim.user.ID, e.rehashed, at)
	if err != nil {
		return err
	}
	_, err = q.PasswordHashReplace(ctx, e.claim.hash, hash)
	return err
}
