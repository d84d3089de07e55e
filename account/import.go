package account

import (
	"bytes"
	"context"
	"errors"

	"github.com/usermgmt/usermgmt/store"
)

// Import makes an account as Create does, and can be repeated: where the user name
// belongs to a user of whom everything that is given is so already, nothing is
// done and existed is true. Passwords and hashes are not compared, since users
// change them. A user of that name of whom something differs is ErrUsernameTaken,
// and is never overwritten. An admin as the actor needs the permission "users" and
// a live session at that moment, else it is ErrForbidden.
func (u *Users) Import(ctx context.Context, actor store.Actor, in Registration) (user store.User, existed bool, err error) {
	if err := u.stillMay(ctx, actor); err != nil {
		return store.User{}, false, err
	}
	n, err := u.admit(ctx, in, in.Password != "")
	if err == nil {
		user, err = u.insert(ctx, actor, "user.import", n, u.hasPlan(n))
	}
	if !errors.Is(err, store.ErrUsernameTaken) {
		return user, false, err
	}
	there, lookErr := u.named(ctx, in.Username)
	switch {
	case lookErr != nil && !errors.Is(lookErr, store.ErrNotFound):
		return store.User{}, false, lookErr
	case lookErr != nil || !sameUser(there, in): // deleted and held, or somebody else
		return store.User{}, false, usernameTaken()
	}
	return asOf(there, u.cfg.now()), true, nil
}

// named finds the user of a user name.
func (u *Users) named(ctx context.Context, username string) (store.User, error) {
	name, err := ParseUsername(username)
	if err != nil {
		return store.User{}, err
	}
	id, err := u.cfg.Store.IdentifierGet(ctx, store.IdentifierUsername, name)
	if err != nil {
		return store.User{}, err
	}
	return u.cfg.Store.UserGet(ctx, id.Subject) // not found where the name is held only
}

// sameUser reports whether all that is given of a user is so.
func sameUser(user store.User, in Registration) bool {
	had, _ := ParseEmail(user.Email)
	email, _ := ParseEmail(in.Email)
	if in.Email != "" && email.Key != had.Key ||
		in.DisplayName != "" && in.DisplayName != user.DisplayName ||
		in.TimeZone != "" && in.TimeZone != user.Zone.Name ||
		in.Plan != "" && in.Plan != user.Plan {
		return false
	}
	if in.Metadata == nil {
		return true
	}
	metadata, err := parseMetadata(in.Metadata)
	return err == nil && bytes.Equal(metadata, user.Metadata)
}
