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
	var user store.User
	wish := passwordChange{id, account.Username, account.Email, sessionID, current, next, from}
	grant, err := u.prover.changePassword(ctx, actor, wish, func(ctx context.Context, q store.Queries, id string, at time.Time) error {
		found, err := q.UserGet(ctx, id)
		user = asOf(found, at)
		return goneIsWrong(err)
	})
	if err != nil {
		return store.User{}, authn.Grant{}, err
	}
	return user, grant, nil
}

// passwordChange is the wish of an account for another password.
type passwordChange struct {
	id, username, email string
	sessionID           string // the session that asks; empty for a host
	current, next       string
	from                authn.Origin
}

// changePassword carries out a change of the password by its owner. admit reads
// the account in the transaction, or refuses it.
func (p *prover) changePassword(ctx context.Context, actor store.Actor, wish passwordChange, admit admission) (grant authn.Grant, err error) {
	if err := p.cfg.Policy.Check(wish.next, wish.username, wish.email); err != nil {
		return authn.Grant{}, renamed(err, "new_password")
	}
	action, id := string(p.kind)+".password", wish.id
	err = p.proven(ctx, action, actor, id, wish.from.IP, wish.current, func(proof claim) error {
		hash, err := p.cfg.Hasher.Hash(ctx, wish.next)
		if err != nil {
			return err
		}
		return p.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
			if err := proof.still(ctx, q); err != nil {
				return err
			}
			if err := admit(ctx, q, id, c.At); err != nil {
				return err
			}
			if err := checkAlive(ctx, q, wish.sessionID, id, c); err != nil {
				return err
			}
			if err := q.SignInClear(ctx, proof.counter); err != nil {
				return err
			}
			if err := putHash(ctx, q, id, hash, c.At); err != nil {
				return err
			}
			c.Action, c.Target = action, target(p.kind, id)
			c.Affects = []string{p.version(id)}
			if err := p.cfg.Sessions.RevokeAllIn(ctx, q, c, id, "", c.At); err != nil {
				return err
			}
			grant, err = p.cfg.Sessions.Start(ctx, q, id, p.kind, wish.from)
			return err
		})
	})
	return grant, err
}

// proven does something that needs the password of an account that is signed in
// already. A refusal is audited under the action that was refused.
func (p *prover) proven(ctx context.Context, action string, actor store.Actor, id string, from netip.Addr, password string, act func(claim) error) error {
	asOwner := func() (claim, error) { return p.claimID(ctx, id, from) }
	c, err := p.prove(ctx, asOwner, password, func(c claim, _ bool) error { return act(c) })
	if err != nil {
		p.recordFailure(action, actor, c, err)
	}
	return err
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
