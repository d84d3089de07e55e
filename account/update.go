package account

import (
	"context"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// UserUpdate is what an admin may change of a user. A nil field stays as it is.
type UserUpdate struct {
	ProfileUpdate
	Username *string
	Email    *string // "" clears; another address counts as not verified
	Plan     *string
	Usage    metering.PresentUsage // what a change of plan does to what was used; empty means metering.KeepUsage
}

// Update changes a user on behalf of somebody who may, all of it or nothing, and
// returns him. The rules of UpdateProfile hold. A name in use is ErrUsernameTaken
// or ErrEmailTaken, a plan that is not there ErrValidation. In the trail it is
// user.email where the address changes, user.plan where nothing else than the plan
// does, and user.update otherwise; changing nothing is not audited. The old names
// are free at once.
func (u *Users) Update(ctx context.Context, actor store.Actor, id string, in UserUpdate) (store.User, error) {
	names, nameErr := u.chosen(RestoreChoice{Username: in.Username, Email: in.Email})
	profile, profileErr := in.checked()
	if err := joinInvalid(nameErr, profileErr); err != nil {
		return store.User{}, err
	}
	in.ProfileUpdate = profile
	var user store.User
	err := u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		if user, err = q.UserGet(ctx, id); err != nil {
			return err
		}
		if c.Changes, err = in.apply(&user, c.At); err != nil {
			return err
		}
		if err := rename(ctx, q, c, &user, names); err != nil {
			return err
		}
		if err := u.changePlan(ctx, q, c, &user, in); err != nil || len(c.Changes) == 0 {
			return err
		}
		user.UpdatedAt = c.At
		c.Action, c.Target = actionOf(c.Changes), targetUser(id)
		c.Affects = []string{store.UserVersion(id)}
		return q.UserUpdate(ctx, user)
	})
	if err != nil {
		return store.User{}, err
	}
	return asOf(user, u.cfg.now()), nil
}

// rename gives a user other names, and notes which.
func rename(ctx context.Context, q store.Queries, c *store.Change, user *store.User, names chosenNames) error {
	if name := names.username; name != nil && *name != user.Username {
		if err := takeName(ctx, q, store.Identifier{Kind: store.IdentifierUsername, Value: *name, Subject: user.ID}); err != nil {
			return err
		}
		c.Changes["username"] = store.Diff{From: user.Username, To: *name}
		user.Username = *name
	}
	email := names.email
	if email == nil || email.Stored == user.Email {
		return nil
	}
	if err := takeName(ctx, q, store.Identifier{Kind: store.IdentifierEmail, Value: email.Key, Subject: user.ID}); err != nil {
		return err
	}
	c.Changes["email"] = store.Diff{From: user.Email, To: email.Stored}
	if before, _ := ParseEmail(user.Email); before.Key != email.Key {
		user.EmailVerified = false // the same address in another spelling stays proven
	}
	user.Email = email.Stored
	return nil
}

// takeName puts a name in the place of the one that its subject has of the kind;
// an empty one leaves none.
func takeName(ctx context.Context, q store.Queries, name store.Identifier) error {
	if err := q.IdentifierDelete(ctx, name.Kind, name.Subject); err != nil || name.Value == "" {
		return err
	}
	return insertName(ctx, q, name)
}

// changePlan gives a user the plan of an update.
func (u *Users) changePlan(ctx context.Context, q store.Queries, c *store.Change, user *store.User, in UserUpdate) error {
	switch {
	case in.Plan != nil:
		_, err := u.cfg.Metering.SetPlanIn(ctx, q, c, user, *in.Plan, in.Usage)
		return err
	case in.Usage != "":
		return store.Invalid("usage", "plan", "It says what a change of plan does; name the plan.")
	}
	return nil
}

// actionOf is what a change of these fields is called in the trail.
func actionOf(changes map[string]store.Diff) string {
	_, email := changes["email"]
	_, plan := changes["plan"]
	_, usage := changes["usage"]
	switch {
	case email:
		return "user.email"
	case plan && (len(changes) == 1 || usage && len(changes) == 2):
		return "user.plan"
	}
	return "user.update"
}
