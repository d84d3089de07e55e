package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/ids"
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
		unknown: "staff-name", login: "staff.login", failed: "staff.login_failed",
		nameOf: func(ctx context.Context, id string) (string, error) {
			member, err := cfg.Store.StaffGet(ctx, id)
			return member.Username, err
		},
	}
	return s, nil
}

// Get finds a member of the support staff.
func (s *Staff) Get(ctx context.Context, id string) (store.Staff, error) {
	return s.cfg.Store.StaffGet(ctx, id)
}

// SignIn starts a session for whoever proves a member's user name or e-mail
// address with its password. Lockout, refusals and their time are those of
// Users.SignIn, with counters of their own.
func (s *Staff) SignIn(ctx context.Context, name, password string, from authn.Origin) (store.Staff, authn.Grant, error) {
	var member store.Staff
	grant, err := s.prover.signIn(ctx, name, password, from, func(ctx context.Context, q store.Queries, id string, at time.Time) (err error) {
		if member, err = q.StaffGet(ctx, id); err != nil {
			return goneIsWrong(err)
		}
		if member.Status != store.Active {
			return suspended()
		}
		member.LastLoginAt = at
		return q.StaffUpdate(ctx, member)
	})
	if err != nil {
		return store.Staff{}, authn.Grant{}, err
	}
	return member, grant, nil
}

// NewStaffMember is what an account of the support staff is made from.
type NewStaffMember struct {
	Name     string // as users see it; at most 100 characters of one line
	Username string
	Email    string // may be empty: then there is no address to sign in with
	Level    store.StaffLevel
	Password string // at least 15 characters; there is no default
}

// Create makes an account of the support staff. What breaks a rule is
// ErrValidation, naming every member at fault, or ErrWeakPassword; a name in use
// among staff is ErrUsernameTaken or ErrEmailTaken.
func (s *Staff) Create(ctx context.Context, actor store.Actor, in NewStaffMember) (store.Staff, error) {
	login, err := s.prover.newLogin(ctx, in.Username, in.Email, in.Password, checkStaffName(in.Name), checkLevel(in.Level))
	if err != nil {
		return store.Staff{}, err
	}
	member := store.Staff{
		ID: ids.New(ids.Staff), Name: in.Name, Username: login.username, Email: login.email.Stored, Level: in.Level, Status: store.Active,
	}
	err = s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		member.CreatedAt, member.UpdatedAt = c.At, c.At
		if err := q.StaffInsert(ctx, member); err != nil {
			return err
		}
		if err := s.prover.putLogin(ctx, q, member.ID, login, c.At); err != nil {
			return err
		}
		c.Action, c.Target = "staff.create", target(authn.KindStaff, member.ID)
		c.Changes = map[string]store.Diff{
			"name": {To: member.Name}, "username": {To: member.Username}, "email": {To: member.Email}, "level": {To: member.Level},
		}
		return nil
	})
	if err != nil {
		return store.Staff{}, err
	}
	return member, nil
}

func checkStaffName(name string) error {
	if name == "" {
		return store.Invalid("name", "required", "A member of the support staff has a name.")
	}
	return renamed(checkDisplayName(name), "name")
}

func checkLevel(level store.StaffLevel) error {
	if level.Valid() {
		return nil
	}
	return store.Invalid("level", "range", "A level is 1, 2 or 3.")
}
