package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Admins are the accounts of those who run the service: a kind of their own, with
// names, passwords and sessions apart from those of users. Its methods may be
// called by any number of goroutines and by several instances on one store.
type Admins struct {
	cfg    Config
	prover prover
}

// NewAdmins makes the service. Of the Config, what is about registration, plans
// and deleted users is not used. It fails when a required field is missing,
// naming it.
func NewAdmins(cfg Config) (*Admins, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Policy = cfg.Policy.ForOperators()
	a := &Admins{cfg: cfg}
	a.prover = prover{
		cfg: cfg, kind: authn.KindAdmin, usernames: store.IdentifierAdminUsername, mails: store.IdentifierAdminEmail,
		unknown: "admin-name", login: "admin.login", failed: "admin.login_failed", version: store.AdminVersion,
		nameOf: func(ctx context.Context, id string) (string, error) {
			admin, err := cfg.Store.AdminGet(ctx, id)
			return admin.Username, err
		},
	}
	return a, nil
}

// Get finds an admin. One who is deleted is ErrNotFound like one who never was.
func (a *Admins) Get(ctx context.Context, id string) (store.Admin, error) {
	return a.cfg.Store.AdminGet(ctx, id)
}

// List lists the admins, the suspended included.
func (a *Admins) List(ctx context.Context, p store.Page) (store.List[store.Admin], error) {
	return a.cfg.Store.AdminList(ctx, p)
}

// SignIn starts a session for whoever proves an admin's user name or e-mail
// address with its password. Lockout, refusals and their time are those of
// Users.SignIn, with counters of their own; it works also where users may not
// sign in with passwords.
func (a *Admins) SignIn(ctx context.Context, name, password string, from authn.Origin) (store.Admin, authn.Grant, error) {
	var admin store.Admin
	grant, err := a.prover.signIn(ctx, name, password, from, func(ctx context.Context, q store.Queries, id string, at time.Time) (err error) {
		if admin, err = activeAdmin(ctx, q, id); err != nil {
			return err
		}
		admin.LastLoginAt = at
		return q.AdminUpdate(ctx, admin)
	})
	if err != nil {
		return store.Admin{}, authn.Grant{}, err
	}
	return admin, grant, nil
}

// activeAdmin reads the admin behind a proven password, who must not be
// suspended.
func activeAdmin(ctx context.Context, q store.Queries, id string) (store.Admin, error) {
	admin, err := q.AdminGet(ctx, id)
	if err != nil {
		return store.Admin{}, goneIsWrong(err)
	}
	if admin.Status != store.Active {
		return store.Admin{}, suspended()
	}
	return admin, nil
}

// ChangePassword replaces a password by one who knows the current one, as
// Users.ChangePassword does.
func (a *Admins) ChangePassword(ctx context.Context, actor store.Actor, id, sessionID, current, next string, from authn.Origin) (store.Admin, authn.Grant, error) {
	admin, err := a.cfg.Store.AdminGet(ctx, id)
	if err != nil {
		return store.Admin{}, authn.Grant{}, err
	}
	wish := passwordChange{id, admin.Username, admin.Email, sessionID, current, next, from}
	grant, err := a.prover.changePassword(ctx, actor, wish, func(ctx context.Context, q store.Queries, id string, _ time.Time) (err error) {
		admin, err = activeAdmin(ctx, q, id)
		return err
	})
	if err != nil {
		return store.Admin{}, authn.Grant{}, err
	}
	return admin, grant, nil
}
