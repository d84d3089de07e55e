package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// firstUsername is the user name of the first admin unless another is given.
const firstUsername = "admin"

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
		unknown: "admin-name", login: "admin.login", failed: "admin.login_failed",
		nameOf: func(ctx context.Context, id string) (string, error) {
			admin, err := cfg.Store.AdminGet(ctx, id)
			return admin.Username, err
		},
	}
	return a, nil
}

// Get finds an admin.
func (a *Admins) Get(ctx context.Context, id string) (store.Admin, error) {
	return a.cfg.Store.AdminGet(ctx, id)
}

// SignIn starts a session for whoever proves an admin's user name or e-mail
// address with its password. Lockout, refusals and their time are those of
// Users.SignIn, with counters of their own; it works also where users may not
// sign in with passwords.
func (a *Admins) SignIn(ctx context.Context, name, password string, from authn.Origin) (store.Admin, authn.Grant, error) {
	var admin store.Admin
	grant, err := a.prover.signIn(ctx, name, password, from, func(ctx context.Context, q store.Queries, id string, at time.Time) (err error) {
		if admin, err = q.AdminGet(ctx, id); err != nil {
			return goneIsWrong(err)
		}
		if admin.Status != store.Active {
			return suspended()
		}
		admin.LastLoginAt = at
		return q.AdminUpdate(ctx, admin)
	})
	if err != nil {
		return store.Admin{}, authn.Grant{}, err
	}
	return admin, grant, nil
}

// FirstAdmin is what EnsureFirst did.
type FirstAdmin struct {
	Made     bool
	Admin    store.Admin  // zero unless made
	Password authn.Secret // as it was made up: shown nowhere else; empty where one was given
}

// EnsureFirst makes an admin, an owner, when there is none yet; of any number of
// concurrent callers, in any number of processes, one makes it. Without a
// username it is "admin", without a password one is made up at random and
// returned this once: there is no default. A password that is given obeys the
// rules for admins (ErrWeakPassword).
func (a *Admins) EnsureFirst(ctx context.Context, username, password string) (FirstAdmin, error) {
	if exists, err := anyAdmin(ctx, a.cfg.Store); exists || err != nil {
		return FirstAdmin{}, err
	}
	madeUp := password == ""
	if madeUp {
		password = rand.Text() // 26 characters, 130 bits
	}
	first, err := a.newOwner(ctx, cmp.Or(username, firstUsername), password)
	if err != nil || !first.Made {
		return FirstAdmin{}, err
	}
	if madeUp {
		first.Password = authn.Secret(password)
	}
	return first, nil
}

// newOwner makes an owner unless there is an admin by then.
func (a *Admins) newOwner(ctx context.Context, username, password string) (first FirstAdmin, err error) {
	login, err := a.prover.newLogin(ctx, username, "", password)
	if err != nil {
		return first, err
	}
	admin := store.Admin{ID: ids.New(ids.Admin), Username: login.username, Permissions: []string{authn.PermissionOwner}, Status: store.Active}
	err = a.cfg.Door.Do(ctx, store.System(), func(ctx context.Context, q store.Queries, c *store.Change) error {
		first = FirstAdmin{}
		if exists, err := anyAdmin(ctx, q); exists || err != nil {
			return err
		}
		admin.CreatedAt, admin.UpdatedAt = c.At, c.At
		if err := q.AdminInsert(ctx, admin); err != nil {
			return err
		}
		if err := a.prover.putLogin(ctx, q, admin.ID, login, c.At); err != nil {
			return err
		}
		c.Action, c.Target = "admin.create", target(authn.KindAdmin, admin.ID)
		c.Changes = map[string]store.Diff{"username": {To: login.username}, "permissions": {To: admin.Permissions}}
		c.Affects = []string{store.AdminVersion(admin.ID)}
		first = FirstAdmin{Made: true, Admin: admin}
		return nil
	})
	return first, a.unlessOvertaken(ctx, err)
}

// unlessOvertaken forgives that the name is taken where another instance, whose
// transaction ran at the same time, took it for the admin it made.
func (a *Admins) unlessOvertaken(ctx context.Context, err error) error {
	if errors.Is(err, store.ErrUsernameTaken) {
		if exists, _ := anyAdmin(ctx, a.cfg.Store); exists {
			return nil
		}
	}
	return err
}

func anyAdmin(ctx context.Context, q store.AdminStore) (bool, error) {
	list, err := q.AdminList(ctx, store.Page{Limit: 1})
	return len(list.Items) > 0, err
}
