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
	var user store.User
	grant, err := u.prover.signIn(ctx, name, password, from, func(ctx context.Context, q store.Queries, id string, at time.Time) error {
		found, err := q.UserGet(ctx, id)
		if err != nil {
			return goneIsWrong(err)
		}
		if found.SuspendedAt(at) {
			return suspended()
		}
		user = asOf(found, at)
		user.LastLoginAt = at
		return q.UserUpdate(ctx, user)
	})
	if err != nil {
		return store.User{}, authn.Grant{}, err
	}
	return user, grant, nil
}

func suspended() error { return store.Errorf(store.ErrSuspended, "The account is suspended.") }

// signIn starts a session for whoever proves a name with its password. admit
// notes the sign-in on the account, in the transaction, or refuses it.
func (p *prover) signIn(ctx context.Context, name, password string, from authn.Origin, admit admission) (authn.Grant, error) {
	e := entry{prover: p, from: from, admit: admit}
	asNamed := func() (claim, error) { return p.claimName(ctx, name, from.IP) }
	c, err := p.prove(ctx, asNamed, password, func(c claim, rehash bool) error {
		e.claim, e.rehashed = c, ""
		if rehash {
			e.rehashed = p.betterHash(ctx, c.id, password)
		}
		return p.cfg.Door.Do(ctx, selfActor(p.kind, c.id, c.username, from), e.run)
	})
	if err != nil {
		p.recordFailure(p.failed, anonymous(from), c, err)
		return authn.Grant{}, err
	}
	return e.grant, nil
}

// betterHash hashes a password as it is configured now. A sign-in goes on
// without, and returns "", when there is no room for it.
func (p *prover) betterHash(ctx context.Context, id, password string) string {
	hash, err := p.cfg.Hasher.Hash(ctx, password)
	if err != nil {
		p.cfg.Logger.Warn("a password hash waits for the next sign-in to be upgraded", "account", id, "error", err)
	}
	return hash
}

// admission is what one kind of account has to say of a sign-in.
type admission func(ctx context.Context, q store.Queries, id string, at time.Time) error

// entry is the sign-in of a proven claim, and what it gave.
type entry struct {
	prover   *prover
	claim    claim
	from     authn.Origin
	admit    admission
	rehashed string // the hash to store in place of the old one; empty for none
	grant    authn.Grant
}

// run starts the session, if the account is still as it was when the password
// was compared.
func (e *entry) run(ctx context.Context, q store.Queries, c *store.Change) error {
	id := e.claim.id
	if err := e.claim.still(ctx, q); err != nil {
		return err
	}
	if err := e.admit(ctx, q, id, c.At); err != nil {
		return err
	}
	if err := q.SignInClear(ctx, e.claim.counter); err != nil {
		return err
	}
	if err := noteDevice(ctx, q, id, e.claim.device, c.At); err != nil {
		return err
	}
	if err := e.storeRehashed(ctx, q, c.At); err != nil {
		return err
	}
	var err error
	if e.grant, err = e.prover.cfg.Sessions.Start(ctx, q, id, e.prover.kind, e.from); err != nil {
		return err
	}
	c.Action, c.Target = e.prover.login, target(e.prover.kind, id)
	c.Actor.SessionID = e.grant.Session.ID
	return nil
}

// storeRehashed puts the better hash in the place of the one that was compared.
func (e *entry) storeRehashed(ctx context.Context, q store.Queries, at time.Time) error {
	if e.rehashed == "" {
		return nil
	}
	hash, err := authn.NewPasswordHash(e.claim.id, e.rehashed, at)
	if err != nil {
		return err
	}
	_, err = q.PasswordHashReplace(ctx, e.claim.hash, hash)
	return err
}
