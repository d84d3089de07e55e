package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// firstUsername is the user name of the first admin unless another is given.
const firstUsername = "admin"

// FirstAdmin is what EnsureFirst did.
type FirstAdmin struct {
	Made     bool
	Admin    store.Admin  // zero unless made
	Password authn.Secret // as it was made up: shown nowhere else; empty where one was given
}

// EnsureFirst makes an admin, an owner, when there is none yet; of any number of
// concurrent callers, in any number of processes, one makes it. Without a
// username it is "admin", without a password one is made up at random, of 26
// characters or as many as the policy asks for, and returned this once: there is
// no default. A password that is given obeys the
// rules for admins (ErrWeakPassword).
func (a *Admins) EnsureFirst(ctx context.Context, username, password string) (FirstAdmin, error) {
	if exists, err := anyAdmin(ctx, a.cfg.Store); exists || err != nil {
		return FirstAdmin{}, err
	}
	username = cmp.Or(username, firstUsername)
	madeUp := password == ""
	if madeUp {
		password = a.cfg.Policy.makeUp(username, rand.Text)
	}
	first, err := a.newOwner(ctx, username, password)
	if err != nil || !first.Made {
		return FirstAdmin{}, err
	}
	if madeUp {
		first.Password = authn.Secret(password)
	}
	return first, nil
}

// makeUp returns a password that the policy allows, put together from random
// texts. What is common is told by a filter that takes one text in some ten
// thousands for a common password: then another one is drawn.
func (p PasswordPolicy) makeUp(username string, draw func() string) (password string) {
	for range 10 {
		password = draw() // 26 characters, 130 bits
		for len(password) < p.MinLength {
			more := draw()
			password += more[:min(len(more), p.MinLength-len(password))]
		}
		if p.Check(password, username, "") == nil {
			break
		}
	}
	return password
}

// newOwner makes an owner unless there is an admin by then.
func (a *Admins) newOwner(ctx context.Context, username, password string) (first FirstAdmin, err error) {
	login, err := a.prover.newLogin(ctx, username, "", password)
	if err != nil {
		return first, err
	}
	admin := newAdmin(login, []string{authn.PermissionOwner})
	err = a.cfg.Door.Do(ctx, store.System(), func(ctx context.Context, q store.Queries, c *store.Change) error {
		first = FirstAdmin{}
		if exists, err := anyAdmin(ctx, q); exists || err != nil {
			return err
		}
		if err := a.insert(ctx, q, c, &admin, login); err != nil {
			return err
		}
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
