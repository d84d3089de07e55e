package account

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// ChangePassword replaces a password by one who knows the current one. Every
// session of the account ends, and a new one is returned; API keys live on,
// because programs that hold one know nothing of the password. A wrong current
// password is ErrInvalidCredentials and counts to the lockout like a failed
// sign-in. sessionID is the session that asks, which must not have ended
// meanwhile; empty for a host that asks itself.
func (u *Users) ChangePassword(ctx context.Context, actor store.Actor, id, sessionID, current, next string, from authn.Origin) (store.User, authn.Grant, error) {
	account, err := u.cfg.Store.UserGet(ctx, id)
	if err != nil {
		return store.User{}, authn.Grant{}, err
	}
	if err := u.cfg.Policy.Check(next, account.Username, account.Email); err != nil {
		return store.User{}, authn.Grant{}, renamed(err, "new_password")
	}
	var user store.User
	var grant authn.Grant
	err = u.proven(ctx, "user.password", actor, id, from.IP, current, func(p claim) error {
		hash, err := u.cfg.Hasher.Hash(ctx, next)
		if err != nil {
			return err
		}
		return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
			if user, err = p.user(ctx, q); err != nil {
				return err
			}
			if err := checkAlive(ctx, q, sessionID, id, c); err != nil {
				return err
			}
			if err := q.SignInClear(ctx, p.counter); err != nil {
				return err
			}
			if err := putHash(ctx, q, id, hash, c.At); err != nil {
				return err
			}
			c.Action, c.Target = "user.password", targetUser(id)
			c.Affects = []string{store.UserVersion(id)}
			if err := u.cfg.Sessions.RevokeAllIn(ctx, q, c, id, "", c.At); err != nil {
				return err
			}
			user = asOf(user, c.At)
			grant, err = u.cfg.Sessions.Start(ctx, q, id, authn.KindUser, from)
			return err
		})
	})
	if err != nil {
		return store.User{}, authn.Grant{}, err
	}
	return user, grant, nil
}

// proven does something that needs the password of an account that is signed in
// already. A refusal is audited under the action that was refused.
func (u *Users) proven(ctx context.Context, action string, actor store.Actor, id string, from netip.Addr, password string, act func(claim) error) error {
	asOwner := func() (claim, error) { return u.prover.claimID(ctx, id, from) }
	c, err := u.prover.prove(ctx, asOwner, password, func(c claim, _ bool) error { return act(c) })
	if err != nil {
		u.prover.recordFailure(action, actor, c, err)
	}
	return err
}

// user reads the user of a proven claim inside a transaction, as still does.
func (c claim) user(ctx context.Context, q store.Queries) (store.User, error) {
	if err := c.still(ctx, q); err != nil {
		return store.User{}, err
	}
	user, err := q.UserGet(ctx, c.id)
	return user, goneIsWrong(err)
}

// putHash stores a hash that was just made.
func putHash(ctx context.Context, q store.Queries, id, encoded string, at time.Time) error {
	hash, err := authn.NewPasswordHash(id, encoded, at)
	if err != nil {
		return err
	}
	return q.PasswordHashPut(ctx, hash)
}

// checkAlive refuses a change that a session asked for which has ended since.
func checkAlive(ctx context.Context, q store.Queries, sessionID, subject string, c *store.Change) error {
	if sessionID == "" {
		return nil
	}
	session, err := q.SessionGet(ctx, sessionID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil || session.Subject != subject || !session.Live(c.At) {
		return store.Errorf(store.ErrInvalidToken, "The session has ended. Sign in again.")
	}
	return nil
}

// renamed says a fault of a password under the name of another member.
func renamed(err error, field string) error {
	if e, ok := errors.AsType[*store.Error](err); ok {
		for i := range e.Fields {
			e.Fields[i].Field = field
		}
	}
	return err
}
