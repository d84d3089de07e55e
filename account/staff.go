package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Staff are the accounts of those who help users: a kind of their own, as Admins
// are, with levels in place of permissions. Its methods may be called by any
// number of goroutines and by several instances on one store.
type Staff struct {
	cfg    Config
	prover prover
}

// NewStaff makes the service. Of the Config it uses what NewAdmins uses. It fails
// when a required field is missing, naming it.
func NewStaff(cfg Config) (*Staff, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Policy = cfg.Policy.ForOperators()
	s := &Staff{cfg: cfg}
	s.prover = prover{
		cfg: cfg, kind: authn.KindStaff, usernames: store.IdentifierStaffUsername, mails: store.IdentifierStaffEmail,
		unknown: "staff-name", login: "staff.login", failed: "staff.login_failed", version: store.StaffVersion,
		nameOf: func(ctx context.Context, id string) (string, error) {
			member, err := cfg.Store.StaffGet(ctx, id)
			return member.Username, err
		},
	}
	return s, nil
}

// Get finds a member of the support staff. One who is deleted is ErrNotFound like
// one who never was.
func (s *Staff) Get(ctx context.Context, id string) (store.Staff, error) {
	return s.cfg.Store.StaffGet(ctx, id)
}

// List lists the support staff, the suspended included.
func (s *Staff) List(ctx context.Context, p store.Page) (store.List[store.Staff], error) {
	return s.cfg.Store.StaffList(ctx, p)
}

// SignIn starts a session for whoever proves a member's user name or e-mail
// address with its password. Lockout, refusals and their time are those of
// Users.SignIn, with counters of their own.
func (s *Staff) SignIn(ctx context.Context, name, password string, from authn.Origin) (store.Staff, authn.Grant, error) {
	var member store.Staff
	grant, err := s.prover.signIn(ctx, name, password, from, func(ctx context.Context, q store.Queries, id string, at time.Time) (err error) {
		if member, err = activeMember(ctx, q, id); err != nil {
			return err
		}
		member.LastLoginAt = at
		return q.StaffUpdate(ctx, member)
	})
	if err != nil {
		return store.Staff{}, authn.Grant{}, err
	}
	return member, grant, nil
}

// activeMember reads the member behind a proven password, who must not be
// suspended.
func activeMember(ctx context.Context, q store.Queries, id string) (store.Staff, error) {
	member, err := q.StaffGet(ctx, id)
	if err != nil {
		return store.Staff{}, goneIsWrong(err)
	}
	if member.Status != store.Active {
		return store.Staff{}, suspended()
	}
	return member, nil
}

// ChangePassword replaces a password by one who knows the current one, as
// Users.ChangePassword does.
func (s *Staff) ChangePassword(ctx context.Context, actor store.Actor, id, sessionID, current, next string, from authn.Origin) (store.Staff, authn.Grant, error) {
	member, err := s.cfg.Store.StaffGet(ctx, id)
	if err != nil {
		return store.Staff{}, authn.Grant{}, err
	}
	wish := passwordChange{id, member.Username, member.Email, sessionID, current, next, from}
	grant, err := s.prover.changePassword(ctx, actor, wish, func(ctx context.Context, q store.Queries, id string, _ time.Time) (err error) {
		member, err = activeMember(ctx, q, id)
		return err
	})
	if err != nil {
		return store.Staff{}, authn.Grant{}, err
	}
	return member, grant, nil
}
