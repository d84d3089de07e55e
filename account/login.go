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
	var address Email
	var emailErr error
	if email != "" {
		address, emailErr = ParseEmail(email)
	}
	passwordErr := p.cfg.Policy.Check(password, username, email)
	if err := joinInvalid(append(others, nameErr, emailErr, passwordErr)...); err != nil {
		return login{}, err
	}
	hash, err := p.cfg.Hasher.Hash(ctx, password)
	return login{username: name, email: address, hash: hash}, err
}

// putLogin stores a login for an account, inside a transaction.
func (p *prover) putLogin(ctx context.Context, q store.Queries, id string, l login, at time.Time) error {
	names := []store.Identifier{{Kind: p.usernames, Value: l.username, Subject: id}}
	if l.email.Key != "" {
		names = append(names, store.Identifier{Kind: p.mails, Value: l.email.Key, Subject: id})
	}
	for _, name := range names {
		if err := q.IdentifierInsert(ctx, name); err != nil {
			return err
		}
	}
	return putHash(ctx, q, id, l.hash, at)
}
