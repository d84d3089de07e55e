package account

import (
	"context"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

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
// among staff is ErrUsernameTaken or ErrEmailTaken. The actor is the system or an
// admin who has the permission "staff" at that moment; anybody else is
// ErrForbidden.
func (s *Staff) Create(ctx context.Context, actor store.Actor, in NewStaffMember) (store.Staff, error) {
	login, err := s.prover.newLogin(ctx, in.Username, in.Email, in.Password, checkStaffName(in.Name), checkLevel(in.Level))
	if err != nil {
		return store.Staff{}, err
	}
	member := store.Staff{
		ID: ids.New(ids.Staff), Name: in.Name, Username: login.username, Email: login.email.Stored, Level: in.Level, Status: store.Active,
	}
	err = s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		if _, err := standingOf(ctx, q, actor, authn.PermissionStaff); err != nil {
			return err
		}
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

// StaffUpdate is what is to change of an account of the support staff. A nil
// field stays as it is.
type StaffUpdate struct {
	Name     *string
	Username *string // the one before is free at once
	Email    *string // "" clears
	Level    *store.StaffLevel
	Status   *store.Status // store.Active or store.Suspended, which ends every session
	Password *string       // in place of the present one, which nobody proves; ends every session
}

// Update changes an account of the support staff and returns it. Who may, and
// what is refused, is as with Create. What it takes away is gone when it returns:
// a lower level counts for access tokens that are out already. An update that
// changes nothing is not audited.
func (s *Staff) Update(ctx context.Context, actor store.Actor, id string, in StaffUpdate) (store.Staff, error) {
	login, err := s.checkUpdate(ctx, id, in)
	if err != nil {
		return store.Staff{}, err
	}
	var member store.Staff
	err = s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		if _, err := standingOf(ctx, q, actor, authn.PermissionStaff); err != nil {
			return err
		}
		if member, err = q.StaffGet(ctx, id); err != nil {
			return err
		}
		c.Changes = make(map[string]store.Diff)
		if err := s.prover.changeLogin(ctx, q, c, id, &member.Username, &member.Email, login); err != nil {
			return err
		}
		note(c, "name", &member.Name, valueOr(in.Name, member.Name))
		note(c, "level", &member.Level, valueOr(in.Level, member.Level))
		if note(c, "status", &member.Status, valueOr(in.Status, member.Status)) && member.Status == store.Suspended {
			if err := s.cfg.Sessions.RevokeAllIn(ctx, q, c, id, "", c.At); err != nil {
				return err
			}
		}
		if len(c.Changes) == 0 {
			return nil
		}
		member.UpdatedAt = c.At
		c.Action, c.Target = "staff.update", target(authn.KindStaff, id)
		c.Affects = []string{store.StaffVersion(id)}
		return q.StaffUpdate(ctx, member)
	})
	if err != nil {
		return store.Staff{}, err
	}
	return member, nil
}

// checkUpdate applies the rules to an update and returns its part of the login.
func (s *Staff) checkUpdate(ctx context.Context, id string, in StaffUpdate) (loginUpdate, error) {
	var nameErr, levelErr, statusErr error
	if in.Name != nil {
		nameErr = checkStaffName(*in.Name)
	}
	if in.Level != nil {
		levelErr = checkLevel(*in.Level)
	}
	if in.Status != nil {
		statusErr = checkStatus(*in.Status)
	}
	present := func() (username, email string, err error) {
		member, err := s.cfg.Store.StaffGet(ctx, id)
		return member.Username, member.Email, err
	}
	return s.prover.checked(ctx, loginUpdate{username: in.Username, email: in.Email, password: in.Password}, present, nameErr, levelErr, statusErr)
}

// Delete removes an account of the support staff for good, with its password,
// sessions and known devices; its names are free at once. The trail keeps what it
// did, and its id is nobody's again. Who may is as with Create.
func (s *Staff) Delete(ctx context.Context, actor store.Actor, id string) error {
	return s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		if _, err := standingOf(ctx, q, actor, authn.PermissionStaff); err != nil {
			return err
		}
		member, err := q.StaffGet(ctx, id)
		if err != nil {
			return err
		}
		if err := s.prover.dropLogin(ctx, q, c, id); err != nil {
			return err
		}
		c.Action, c.Target = "staff.delete", target(authn.KindStaff, id)
		c.Affects = []string{store.StaffVersion(id)}
		c.Changes = map[string]store.Diff{
			"name": {From: member.Name}, "username": {From: member.Username}, "email": {From: member.Email}, "level": {From: member.Level},
		}
		return q.StaffDelete(ctx, id)
	})
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
