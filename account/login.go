package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// login is what somebody of the service will sign in with: names and the hash of
// a password, all of which passed the rules.
type login struct {
	username string
	email    Email // zero when there is none
	hash     string
}

// newLogin applies the rules to the names and password of somebody of the
// service, who may have a name that users may not. The password is hashed once
// all of them are met.
func (p *prover) newLogin(ctx context.Context, username, email, password string, others ...error) (login, error) {
	name, nameErr := ParseUsername(username)
	address, emailErr := parseAnyEmail(email)
	passwordErr := p.cfg.Policy.Check(password, username, email)
	if err := joinInvalid(append(others, nameErr, emailErr, passwordErr)...); err != nil {
		return login{}, err
	}
	hash, err := p.cfg.Hasher.Hash(ctx, password)
	return login{username: name, email: address, hash: hash}, err
}

// parseAnyEmail also allows that there is no address.
func parseAnyEmail(s string) (Email, error) {
	if s == "" {
		return Email{}, nil
	}
	return ParseEmail(s)
}

// putLogin stores a login for an account, inside a transaction.
func (p *prover) putLogin(ctx context.Context, q store.Queries, id string, l login, at time.Time) error {
	if err := insertName(ctx, q, store.Identifier{Kind: p.usernames, Value: l.username, Subject: id}); err != nil {
		return err
	}
	if err := p.putEmail(ctx, q, id, l.email); err != nil {
		return err
	}
	return putHash(ctx, q, id, l.hash, at)
}

func (p *prover) putEmail(ctx context.Context, q store.Queries, id string, email Email) error {
	if email.Key == "" {
		return nil
	}
	return insertName(ctx, q, store.Identifier{Kind: p.mails, Value: email.Key, Subject: id})
}

// loginUpdate is what is to change of a login. A nil member stays as it is.
type loginUpdate struct {
	username, email, password *string

	address Email  // what email is
	hash    string // of password
}

// checked applies the rules of newLogin to what is to change. The names beside
// which a password must stand are read with present only where they are needed.
func (p *prover) checked(ctx context.Context, in loginUpdate, present func() (username, email string, err error), others ...error) (loginUpdate, error) {
	faults := others
	if in.username != nil {
		name, err := ParseUsername(*in.username)
		in.username, faults = &name, append(faults, err)
	}
	if in.email != nil {
		address, err := parseAnyEmail(*in.email)
		in.address, faults = address, append(faults, err)
	}
	if in.password == nil {
		return in, joinInvalid(faults...)
	}
	username, email, err := present()
	if err != nil {
		return in, err
	}
	faults = append(faults, p.cfg.Policy.Check(*in.password, valueOr(in.username, username), valueOr(in.email, email)))
	if err := joinInvalid(faults...); err != nil {
		return in, err
	}
	in.hash, err = p.cfg.Hasher.Hash(ctx, *in.password)
	return in, err
}

func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// changeLogin gives an account what is to change of its login, inside a
// transaction, and notes that in c.Changes; username and email are the present
// names, which it replaces. A name that is given up is free at once. Another
// password ends every session and what is counted against the account.
func (p *prover) changeLogin(ctx context.Context, q store.Queries, c *store.Change, id string, username, email *string, in loginUpdate) error {
	if in.username != nil && note(c, "username", username, *in.username) {
		if err := q.IdentifierDelete(ctx, p.usernames, id); err != nil {
			return err
		}
		if err := insertName(ctx, q, store.Identifier{Kind: p.usernames, Value: *in.username, Subject: id}); err != nil {
			return err
		}
	}
	if in.email != nil && note(c, "email", email, in.address.Stored) {
		if err := q.IdentifierDelete(ctx, p.mails, id); err != nil {
			return err
		}
		if err := p.putEmail(ctx, q, id, in.address); err != nil {
			return err
		}
	}
	if in.hash == "" {
		return nil
	}
	c.Changes["password"] = store.Diff{To: "reset"}
	if err := putHash(ctx, q, id, in.hash, c.At); err != nil {
		return err
	}
	if err := p.forgetFailures(ctx, q, id); err != nil {
		return err
	}
	return p.cfg.Sessions.RevokeAllIn(ctx, q, c, id, "", c.At)
}

// note gives a field another value and notes that in c.Changes. It reports
// whether the value is another.
func note[T comparable](c *store.Change, name string, field *T, value T) bool {
	if *field == value {
		return false
	}
	c.Changes[name] = store.Diff{From: *field, To: value}
	*field = value
	return true
}

// dropLogin takes from an account all that it signs in with, inside a
// transaction: names, which are free at once, password, sessions, known devices
// and what is counted against it.
func (p *prover) dropLogin(ctx context.Context, q store.Queries, c *store.Change, id string) error {
	if err := p.cfg.Sessions.RevokeAllIn(ctx, q, c, id, "", c.At); err != nil {
		return err
	}
	for _, kind := range []store.IdentifierKind{p.usernames, p.mails} {
		if err := q.IdentifierDelete(ctx, kind, id); err != nil {
			return err
		}
	}
	if err := q.PasswordHashDelete(ctx, id); err != nil {
		return err
	}
	if err := q.KnownDeviceDelete(ctx, id); err != nil {
		return err
	}
	return p.forgetFailures(ctx, q, id)
}

// checkStatus allows the statuses that an account of the service may be given.
func checkStatus(s store.Status) error {
	if s == store.Active || s == store.Suspended {
		return nil
	}
	return store.Invalid("status", "enum", "A status is active or suspended.")
}
