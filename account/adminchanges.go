package account

import (
	"context"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// NewAdmin is what an account of an admin is made from.
type NewAdmin struct {
	Username    string
	Email       string   // may be empty: then there is no address to sign in with
	Permissions []string // such as authn.PermissionUsers; none means that he only signs in
	Password    string   // at least 15 characters; there is no default
}

// Create makes an account of an admin. What breaks a rule is ErrValidation,
// naming every member at fault, or ErrWeakPassword; a name in use among admins is
// ErrUsernameTaken or ErrEmailTaken. The actor is the system or an admin who has
// the permission "admins" at that moment, and he grants what he has himself:
// owners are made by owners. Anything else is ErrForbidden.
func (a *Admins) Create(ctx context.Context, actor store.Actor, in NewAdmin) (store.Admin, error) {
	permissions, err := parsePermissions(in.Permissions)
	login, err := a.prover.newLogin(ctx, in.Username, in.Email, in.Password, err)
	if err != nil {
		return store.Admin{}, err
	}
	admin := newAdmin(login, permissions)
	err = a.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		by, err := standingOf(ctx, q, actor, authn.PermissionAdmins)
		if err != nil {
			return err
		}
		if err := authz.CheckGrantedPermissions(by.permissions, permissions); err != nil {
			return err
		}
		return a.insert(ctx, q, c, &admin, login)
	})
	if err != nil {
		return store.Admin{}, err
	}
	return admin, nil
}

func newAdmin(l login, permissions []string) store.Admin {
	return store.Admin{ID: ids.New(ids.Admin), Username: l.username, Email: l.email.Stored, Permissions: permissions, Status: store.Active}
}

// insert adds an admin who may be added, inside a transaction.
func (a *Admins) insert(ctx context.Context, q store.Queries, c *store.Change, admin *store.Admin, l login) error {
	admin.CreatedAt, admin.UpdatedAt = c.At, c.At
	if err := q.AdminInsert(ctx, *admin); err != nil {
		return err
	}
	if err := a.prover.putLogin(ctx, q, admin.ID, l, c.At); err != nil {
		return err
	}
	c.Action, c.Target = "admin.create", target(authn.KindAdmin, admin.ID)
	c.Changes = map[string]store.Diff{
		"username": {To: admin.Username}, "email": {To: admin.Email}, "permissions": {To: admin.Permissions},
	}
	return nil
}

// AdminUpdate is what is to change of an account of an admin. A nil field stays
// as it is.
type AdminUpdate struct {
	Username    *string // the one before is free at once
	Email       *string // "" clears
	Permissions *[]string
	Status      *store.Status // store.Active or store.Suspended, which ends every session
	Password    *string       // in place of the present one, which nobody proves; ends every session
}

// Update changes an account of an admin and returns it. The actor is the system
// or an admin who has the permission "admins" at that moment. Only owners act on
// other admins; whoever is no owner may change the names of his own account. One's
// own password is for ChangePassword. Anything else is ErrForbidden. The last
// active owner stays one (ErrLastOwner), whoever asks. What an update takes away
// is gone when it returns: fewer permissions count for access tokens that are out
// already. One that changes nothing is not audited.
func (a *Admins) Update(ctx context.Context, actor store.Actor, id string, in AdminUpdate) (store.Admin, error) {
	in, login, err := a.checkUpdate(ctx, id, in)
	if err != nil {
		return store.Admin{}, err
	}
	var admin store.Admin
	err = a.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		var act acting
		if act, err = actOnAdmin(ctx, q, actor, id); err != nil {
			return err
		}
		if err := act.mayUpdate(in); err != nil {
			return err
		}
		admin = act.on
		c.Changes = make(map[string]store.Diff)
		if err := a.prover.changeLogin(ctx, q, c, id, &admin.Username, &admin.Email, login); err != nil {
			return err
		}
		if next := valueOr(in.Permissions, admin.Permissions); !slices.Equal(next, admin.Permissions) {
			c.Changes["permissions"] = store.Diff{From: admin.Permissions, To: next}
			admin.Permissions = next
		}
		if note(c, "status", &admin.Status, valueOr(in.Status, admin.Status)) && admin.Status == store.Suspended {
			if err := a.cfg.Sessions.RevokeAllIn(ctx, q, c, id, "", c.At); err != nil {
				return err
			}
		}
		if len(c.Changes) == 0 {
			return nil
		}
		if !activeOwner(admin) {
			if err := act.ownerStays(); err != nil {
				return err
			}
		}
		admin.UpdatedAt = c.At
		c.Action, c.Target = "admin.update", target(authn.KindAdmin, id)
		c.Affects = []string{store.AdminVersion(id)}
		return q.AdminUpdate(ctx, admin)
	})
	if err != nil {
		return store.Admin{}, err
	}
	return admin, nil
}

// checkUpdate applies the rules to an update. It returns it with the permissions
// as they are kept, and its part of the login.
func (a *Admins) checkUpdate(ctx context.Context, id string, in AdminUpdate) (AdminUpdate, loginUpdate, error) {
	var permissionsErr, statusErr error
	if in.Permissions != nil {
		var permissions []string
		permissions, permissionsErr = parsePermissions(*in.Permissions)
		in.Permissions = &permissions
	}
	if in.Status != nil {
		statusErr = checkStatus(*in.Status)
	}
	present := func() (username, email string, err error) {
		admin, err := a.cfg.Store.AdminGet(ctx, id)
		return admin.Username, admin.Email, err
	}
	login, err := a.prover.checked(ctx, loginUpdate{username: in.Username, email: in.Email, password: in.Password}, present, permissionsErr, statusErr)
	return in, login, err
}

// Delete removes an account of an admin for good, with its password, sessions and
// known devices; its names are free at once. The trail keeps what it did, and its
// id is nobody's again. Only owners may, also their own accounts, and the last
// active owner stays (ErrLastOwner).
func (a *Admins) Delete(ctx context.Context, actor store.Actor, id string) error {
	return a.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		act, err := actOnAdmin(ctx, q, actor, id)
		if err != nil {
			return err
		}
		if err := act.by.over(act.on); err != nil {
			return err
		}
		if err := act.ownerStays(); err != nil {
			return err
		}
		if err := a.prover.dropLogin(ctx, q, c, id); err != nil {
			return err
		}
		c.Action, c.Target = "admin.delete", target(authn.KindAdmin, id)
		c.Affects = []string{store.AdminVersion(id)}
		c.Changes = map[string]store.Diff{
			"username": {From: act.on.Username}, "email": {From: act.on.Email}, "permissions": {From: act.on.Permissions},
		}
		return q.AdminDelete(ctx, id)
	})
}

// acting is a change of an admin's account, by whom and on whom, inside a
// transaction.
type acting struct {
	by     standing
	on     store.Admin
	owners []string // ids of the active ones
}

// actOnAdmin reads all that decides about a change. The owners come first: from
// then on until the end of the transaction nobody stops being one.
func actOnAdmin(ctx context.Context, q store.AdminStore, actor store.Actor, id string) (act acting, err error) {
	if act.owners, err = q.AdminOwners(ctx); err != nil {
		return acting{}, err
	}
	if act.by, err = standingOf(ctx, q, actor, authn.PermissionAdmins); err != nil {
		return acting{}, err
	}
	act.on, err = q.AdminGet(ctx, id)
	return act, err
}

// mayUpdate refuses an update that the ranks do not allow. One's own rank is not
// below one's own, so of his own account somebody who is no owner changes only
// the names. Whoever passes is an owner where permissions are granted, and owners
// have all of them.
func (act acting) mayUpdate(in AdminUpdate) error {
	self := act.by.id == act.on.ID
	if self && in.Password != nil {
		return store.Errorf(store.ErrForbidden, "One's own password is changed by giving the current one.")
	}
	if self && in.Permissions == nil && in.Status == nil {
		return nil
	}
	return act.by.over(act.on)
}

// ownerStays refuses that the account stops being an active owner when it is the
// last one.
func (act acting) ownerStays() error {
	other := func(id string) bool { return id != act.on.ID }
	if !activeOwner(act.on) || slices.ContainsFunc(act.owners, other) {
		return nil
	}
	return store.Errorf(store.ErrLastOwner, "This is the last active owner. Make another one first.")
}

func activeOwner(admin store.Admin) bool {
	return admin.Status == store.Active && authz.RankOfAdmin(admin.Permissions) == authz.RankOwner
}

// parsePermissions returns permissions as they are kept: each once, in order.
func parsePermissions(permissions []string) ([]string, error) {
	known := authn.Permissions()
	for _, permission := range permissions {
		if !slices.Contains(known, permission) {
			return nil, store.Invalid("permissions", "unknown", "There is a permission that does not exist. These do: "+strings.Join(known, ", ")+".")
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(permissions))), nil
}
