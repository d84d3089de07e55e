package account

import (
	"context"
	"errors"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/store"
)

// RestoreChoice says what a user comes back with in place of what he had. Nil
// means what he had.
type RestoreChoice struct {
	Username *string
	Email    *string // "" means without an address
}

// Restore brings a deleted user back whole, and returns him: profile, password,
// plan, limits, zone and keys. What was never taken away (balance, ledger, usage,
// messages) he finds as it is. Keys that are active come back suspended, for the
// owner to enable; sessions do not come back, so that no token lives again. Where
// his plan is gone he has the default plan. All of it is one change.
//
// An address that somebody else has meanwhile, or a user name of the choice that
// is taken, is ErrRestoreConflict: the fields say which, and the caller chooses
// others. An address of the choice counts as not verified. One who is being
// purged, or was sealed under a key that is not among the encryption keys, is
// ErrConflict, and whoever was purged, is back already or never was is
// ErrNotFound. It needs a reason (ErrReasonRequired); what else breaks a rule is
// ErrValidation.
func (u *Users) Restore(ctx context.Context, actor store.Actor, id string, choice RestoreChoice, reason string) (store.User, error) {
	if err := change.CheckReason(reason); err != nil {
		return store.User{}, err
	}
	names, err := u.chosen(choice)
	if err != nil {
		return store.User{}, err
	}
	var user store.User
	err = u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		left, err := u.leftOf(ctx, q, id)
		if err != nil {
			return err
		}
		if user, err = u.bringBack(ctx, q, c, left, names); err != nil {
			return err
		}
		c.Action, c.Target, c.Reason = "user.restore", targetUser(id), reason
		c.Affects = append(c.Affects, store.UserVersion(id))
		return q.DeletedUserDelete(ctx, id)
	})
	if err != nil {
		return store.User{}, err
	}
	return asOf(user, u.cfg.now()), nil
}

// chosenNames are the names of a choice that passed the rules; nil is what the
// user had.
type chosenNames struct {
	username *string
	email    *Email
}

func (u *Users) chosen(choice RestoreChoice) (names chosenNames, err error) {
	var nameErr, emailErr error
	if choice.Username != nil {
		var name string
		name, nameErr = ParseUsername(*choice.Username, u.cfg.Reserved...)
		names.username = &name
	}
	if choice.Email != nil {
		var email Email
		if *choice.Email != "" {
			email, emailErr = ParseEmail(*choice.Email)
		}
		names.email = &email
	}
	return names, joinInvalid(nameErr, emailErr)
}

// leftOf reads what is left of a deleted user who can come back.
func (u *Users) leftOf(ctx context.Context, q store.Queries, id string) (remains, error) {
	deleted, err := q.DeletedUserGet(ctx, id)
	if err != nil {
		return remains{}, err
	}
	if deleted.Purging {
		return remains{}, store.Errorf(store.ErrConflict, "The user is being deleted for good and cannot come back.")
	}
	left, err := u.openRemains(deleted)
	if errors.Is(err, seal.ErrUnknownKey) {
		err = &store.Error{
			Code:   store.ErrConflict,
			Detail: "What was kept of the user is under an encryption key that the service was not given. Nothing is lost: add that key to the encryption keys again.",
			Err:    err,
		}
	}
	return left, err
}

// bringBack writes a user and what belongs to him, and describes it in c.
func (u *Users) bringBack(ctx context.Context, q store.Queries, c *store.Change, left remains, names chosenNames) (store.User, error) {
	user := left.User.user()
	user.UpdatedAt = c.At
	if err := u.nameAgain(ctx, q, &user, names); err != nil {
		return store.User{}, err
	}
	c.Changes = map[string]store.Diff{"username": {To: user.Username}, "email": {To: user.Email}}
	if err := u.planAgain(ctx, q, c, &user); err != nil {
		return store.User{}, err
	}
	if err := q.UserInsert(ctx, user); err != nil {
		return store.User{}, err
	}
	if h := left.Hash; h != nil {
		hash := store.PasswordHash{Subject: user.ID, Hash: h.Hash, Scheme: h.Scheme, UpdatedAt: h.UpdatedAt}
		if err := q.PasswordHashPut(ctx, hash); err != nil {
			return store.User{}, err
		}
	}
	return user, keysAgain(ctx, q, c, left.Keys, user.ID)
}

// nameAgain gives a user his names. The user name is held still, unless another is
// chosen; the address was free in the meantime.
func (u *Users) nameAgain(ctx context.Context, q store.Queries, user *store.User, names chosenNames) error {
	var conflicts []store.FieldError
	take := func(field string, kind store.IdentifierKind, value string) error {
		err := q.IdentifierInsert(ctx, store.Identifier{Kind: kind, Value: value, Subject: user.ID})
		if errors.Is(err, store.ErrUsernameTaken) || errors.Is(err, store.ErrEmailTaken) {
			conflicts = append(conflicts, store.FieldError{Field: field, Rule: "taken", Message: "Somebody else has it. Choose another."})
			return nil
		}
		return err
	}
	if name := names.username; name != nil && *name != user.Username {
		if err := q.IdentifierDelete(ctx, store.IdentifierUsername, user.ID); err != nil {
			return err
		}
		if err := take("username", store.IdentifierUsername, *name); err != nil {
			return err
		}
		user.Username = *name
	}
	key, err := emailAgain(user, names.email)
	if err == nil && key != "" {
		err = take("email", store.IdentifierEmail, key)
	}
	if err == nil && len(conflicts) > 0 {
		err = &store.Error{
			Code:   store.ErrRestoreConflict,
			Detail: "A name of the user belongs to somebody else by now. Choose another; an empty e-mail address brings the user back without one.",
			Fields: conflicts,
		}
	}
	return err
}

// emailAgain gives a user the address that was chosen, and returns the key of the
// one that he has then.
func emailAgain(user *store.User, chosen *Email) (key string, err error) {
	var had Email
	if user.Email != "" {
		had, err = ParseEmail(user.Email)
	}
	if chosen == nil || chosen.Key == had.Key {
		return had.Key, err
	}
	user.Email, user.EmailVerified = chosen.Stored, false
	return chosen.Key, nil
}

// planAgain gives a user whose plan is gone the default plan.
func (u *Users) planAgain(ctx context.Context, q store.Queries, c *store.Change, user *store.User) error {
	if user.Plan == u.cfg.DefaultPlan {
		return nil
	}
	if _, err := q.PlanGet(ctx, user.Plan); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	c.Changes["plan"] = store.Diff{From: user.Plan, To: u.cfg.DefaultPlan}
	user.Plan = u.cfg.DefaultPlan
	return nil
}

// keysAgain brings keys back as they were; those that are active, suspended.
func keysAgain(ctx context.Context, q store.Queries, c *store.Change, keys []remainsKey, userID string) error {
	var suspended []string
	for _, k := range keys {
		key, err := k.key(userID)
		if err != nil {
			return err
		}
		if key.StatusAt(c.At) == store.Active {
			key.Status = store.Suspended
			suspended = append(suspended, key.ID)
		}
		if err := q.APIKeyInsert(ctx, key); err != nil {
			return err
		}
		c.Affects = append(c.Affects, store.SecretVersion(key.Hash))
	}
	if len(suspended) > 0 {
		c.Changes["keys_suspended"] = store.Diff{To: suspended}
	}
	return nil
}
