package account

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// standing is what somebody may do to the accounts of the service at the moment
// of a change.
type standing struct {
	id          string // of an admin; empty for the system
	permissions []string
}

// standingOf reads how an actor stands, inside the transaction of the change
// that he asks for: what he was when the request came is not enough. Admins need
// a permission. The system may do what an owner may, anybody else nothing.
func standingOf(ctx context.Context, q store.AdminStore, actor store.Actor, needs string) (standing, error) {
	switch actor.Kind {
	case store.ActorSystem:
		return standing{permissions: []string{authn.PermissionOwner}}, nil
	case store.ActorAdmin:
	default:
		return standing{}, store.Errorf(store.ErrForbidden, "This account may not do this.")
	}
	admin, err := q.AdminGet(ctx, actor.ID)
	if store.CodeOf(err) == store.ErrNotFound || err == nil && admin.Status != store.Active {
		return standing{}, store.Errorf(store.ErrForbidden, "The account that asks is no longer active.")
	}
	if err != nil {
		return standing{}, err
	}
	by := standing{admin.ID, admin.Permissions}
	if !by.owner() && !slices.Contains(by.permissions, needs) {
		return standing{}, store.Errorf(store.ErrForbidden, "This needs the permission %s.", needs)
	}
	return by, nil
}

// stillMay refuses an admin who may not change users any more, or whose session
// has ended: what takes long asks again before each user, since the decision that
// let it begin grows old. About others whoever calls decides.
func (u *Users) stillMay(ctx context.Context, actor store.Actor) error {
	if actor.Kind != store.ActorAdmin {
		return nil
	}
	if _, err := standingOf(ctx, u.cfg.Store, actor, authn.PermissionUsers); err != nil || actor.SessionID == "" {
		return err
	}
	session, err := u.cfg.Store.SessionGet(ctx, actor.SessionID)
	if store.CodeOf(err) == store.ErrNotFound || err == nil && !session.Live(u.cfg.now()) {
		return store.Errorf(store.ErrForbidden, "The session of the account that asks has ended.")
	}
	return err
}

func (by standing) owner() bool { return slices.Contains(by.permissions, authn.PermissionOwner) }

// over refuses what the rank of an admin does not allow to be done to him.
func (by standing) over(admin store.Admin) error {
	return authz.CheckRank(authz.RankOfAdmin(by.permissions), authz.RankOfAdmin(admin.Permissions))
}
