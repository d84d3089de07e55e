package account

import (
	"context"
	"net/netip"

	"github.com/usermgmt/usermgmt/store"
)

// Reauthenticate notes on a session of a user that the password was given now. A
// wrong one is ErrInvalidCredentials and counts to the lockout like a failed
// sign-in. What needs it, such as an export, is authn.Sessions.CheckReauth's to
// say. It is not audited; a refusal is.
func (u *Users) Reauthenticate(ctx context.Context, actor store.Actor, id, sessionID, password string) error {
	from, _ := netip.ParseAddr(actor.IP) // no address is no known device
	return u.prover.proven(ctx, u.prover.failed, actor, id, from, password, func(p claim) error {
		return u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
			if err := p.still(ctx, q); err != nil {
				return err
			}
			if err := checkAlive(ctx, q, sessionID, id, c); err != nil {
				return err
			}
			if err := q.SignInClear(ctx, p.counter); err != nil {
				return err
			}
			return u.cfg.Sessions.ReauthIn(ctx, q, sessionID, c.At)
		})
	})
}
