package account

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// Registration is what a new account begins with.
type Registration struct {
	Username    string
	Email       string // may be empty: then there is no address to sign in with
	Password    string
	DisplayName string // may be empty
	TimeZone    string // IANA name; empty means UTC

	// What only Create and Import look at: whoever registers does not decide it.
	Plan         string          // id of a plan; empty means the default one
	Metadata     json.RawMessage // a JSON object of at most 16 KiB; nil means none
	PasswordHash string          // in place of Password: bcrypt or argon2id, as authn.NewPasswordHash takes it
}

// newcomer is a registration that passed the rules.
type newcomer struct {
	user    store.User
	names   []store.Identifier
	hash    string // empty when nobody can sign in with a password
	signsIn bool   // as the account is made
}

// Register makes an account and its first session, in one transaction. What
// breaks a rule is ErrValidation, naming every member at fault, or
// ErrWeakPassword; a name in use is ErrUsernameTaken or ErrEmailTaken, of any
// number of concurrent registrations all but one.
func (u *Users) Register(ctx context.Context, in Registration, from authn.Origin) (store.User, authn.Grant, error) {
	if u.cfg.RegistrationClosed {
		return store.User{}, authn.Grant{}, store.Errorf(store.ErrForbidden, "Registration is closed.")
	}
	in.Plan, in.Metadata, in.PasswordHash = "", nil, ""
	n, err := u.admit(ctx, in, true)
	if err != nil {
		return store.User{}, authn.Grant{}, err
	}
	n.signsIn = true
	var grant authn.Grant
	user, err := u.insert(ctx, selfActor(authn.KindUser, n.user.ID, n.user.Username, from), "user.register", n, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		if grant, err = u.cfg.Sessions.Start(ctx, q, n.user.ID, authn.KindUser, from); err != nil {
			return err
		}
		c.Actor.SessionID = grant.Session.ID
		return noteDevice(ctx, q, n.user.ID, deviceOf(from.IP), c.At)
	})
	if err != nil {
		return store.User{}, authn.Grant{}, err
	}
	return user, grant, nil
}

// Create makes an account on behalf of somebody who may. It has no session, and
// without a password or a hash nobody can sign in to it with one. The rules and
// errors are those of Register, also while registration is closed; a plan that is
// not there is ErrValidation.
func (u *Users) Create(ctx context.Context, actor store.Actor, in Registration) (store.User, error) {
	n, err := u.admit(ctx, in, in.Password != "")
	if err != nil {
		return store.User{}, err
	}
	return u.insert(ctx, actor, "user.create", n, u.hasPlan(n))
}

// hasPlan sees to it that the plan of a new account is there.
func (u *Users) hasPlan(n newcomer) func(context.Context, store.Queries, *store.Change) error {
	return func(ctx context.Context, q store.Queries, _ *store.Change) error {
		if n.user.Plan == u.cfg.DefaultPlan {
			return nil
		}
		_, err := q.PlanGet(ctx, n.user.Plan)
		if errors.Is(err, store.ErrNotFound) {
			return store.Invalid("plan", "unknown", "The plan must be the id of a plan.")
		}
		return err
	}
}

// admit applies the rules, and hashes the password once all of them are met.
func (u *Users) admit(ctx context.Context, in Registration, withPassword bool) (newcomer, error) {
	username, nameErr := ParseUsername(in.Username, u.cfg.Reserved...)
	email, emailErr := Email{}, error(nil)
	if in.Email != "" {
		email, emailErr = ParseEmail(in.Email)
	}
	zone := cmp.Or(in.TimeZone, "UTC")
	var passwordErr error
	if withPassword {
		passwordErr = u.cfg.Policy.Check(in.Password, in.Username, in.Email)
	}
	if in.Metadata == nil {
		in.Metadata = json.RawMessage("{}")
	}
	metadata, metadataErr := parseMetadata(in.Metadata)
	if err := joinInvalid(nameErr, emailErr, passwordErr, checkHash(in), checkDisplayName(in.DisplayName), checkZone(zone), metadataErr); err != nil {
		return newcomer{}, err
	}
	n := newcomer{user: store.User{
		ID:          ids.New(ids.User),
		Username:    username,
		Email:       email.Stored,
		DisplayName: in.DisplayName,
		Status:      store.Active,
		Plan:        cmp.Or(in.Plan, u.cfg.DefaultPlan),
		Zone:        store.Zone{Name: zone},
		Metadata:    metadata,
	}, hash: in.PasswordHash}
	n.names = append(n.names, store.Identifier{Kind: store.IdentifierUsername, Value: username, Subject: n.user.ID})
	if email.Key != "" {
		n.names = append(n.names, store.Identifier{Kind: store.IdentifierEmail, Value: email.Key, Subject: n.user.ID})
	}
	if err := u.checkFree(ctx, n.names); err != nil || !withPassword {
		return n, err
	}
	var err error
	n.hash, err = u.cfg.Hasher.Hash(ctx, in.Password)
	return n, err
}

// checkHash takes a hash in place of a password, and one that somebody can sign in
// with.
func checkHash(in Registration) error {
	if in.PasswordHash == "" {
		return nil
	}
	if in.Password != "" {
		return store.Invalid("password_hash", "conflict", "Give a password or a hash of it, not both.")
	}
	_, err := authn.NewPasswordHash("", in.PasswordHash, time.Time{})
	return err
}

// checkFree spares the work of a hash where a name is taken already. What
// decides is the constraint of the database, when the names are inserted.
func (u *Users) checkFree(ctx context.Context, names []store.Identifier) error {
	for _, name := range names {
		_, err := u.cfg.Store.IdentifierGet(ctx, name.Kind, name.Value)
		switch {
		case err == nil && name.Kind == store.IdentifierUsername:
			return usernameTaken()
		case err == nil:
			return emailTaken()
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	return nil
}

// insertName gives a name to its subject, or says what to do where it is taken.
func insertName(ctx context.Context, q store.Queries, name store.Identifier) error {
	err := q.IdentifierInsert(ctx, name)
	switch store.CodeOf(err) {
	case store.ErrUsernameTaken:
		return usernameTaken()
	case store.ErrEmailTaken:
		return emailTaken()
	}
	return err
}

func usernameTaken() error {
	return store.Errorf(store.ErrUsernameTaken, "The user name is taken. Choose another.")
}

func emailTaken() error {
	return store.Errorf(store.ErrEmailTaken, "The e-mail address belongs to another account.")
}

// insert writes a new account, and what else belongs to its making, as one
// change.
func (u *Users) insert(ctx context.Context, actor store.Actor, action string, n newcomer, also func(context.Context, store.Queries, *store.Change) error) (store.User, error) {
	user := n.user
	err := u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		user.CreatedAt, user.UpdatedAt = c.At, c.At
		if n.signsIn {
			user.LastLoginAt = c.At
		}
		if err := q.UserInsert(ctx, user); err != nil {
			return err
		}
		for _, name := range n.names {
			if err := insertName(ctx, q, name); err != nil {
				return err
			}
		}
		if n.hash != "" {
			if err := putHash(ctx, q, user.ID, n.hash, c.At); err != nil {
				return err
			}
		}
		c.Action, c.Target = action, targetUser(user.ID)
		c.Changes = map[string]store.Diff{"username": {To: user.Username}}
		if user.Email != "" {
			c.Changes["email"] = store.Diff{To: user.Email}
		}
		return also(ctx, q, c)
	})
	return user, err
}
