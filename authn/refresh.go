package authn

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// A refresh token is a prefix, so that it is mistaken for nothing else, and
// 256 bits in base64url.
const (
	refreshPrefix = "rt_"
	refreshBytes  = 32
)

// Of a chain so many links are kept to recognise a replay by, give or take what
// comes between two times of forgetting: a client that refreshes without end
// fills no disk.
const (
	keptLinks   = 1000
	forgetEvery = 100
)

// Refresh exchanges a refresh token for a new grant of the same session
// (RFC 9700, 4.14.2). Exactly one successor of a token ever exists: it is
// derived from the token, so whoever of many concurrent callers comes second
// gets the same one, on any instance, within Grace and as long as the
// successor is unused. After that a replay means that two parties hold the
// token: the session ends, which is audited as session.reuse. After another
// thousand or more refreshes a token is unknown.
//
// A token that is malformed, unknown or replayed, and one whose session has
// ended or whose account is suspended or deleted, is ErrInvalidToken.
func (s *Sessions) Refresh(ctx context.Context, token string, from Origin) (Grant, store.User, error) {
	var user store.User
	grant, err := s.refresh(ctx, token, from, func(ctx context.Context, e *exchange, sessionID string) (err error) {
		e.session, user, err = e.q.SessionWithUser(ctx, sessionID)
		e.name, e.suspended = user.Username, user.SuspendedAt(e.now)
		return err
	})
	if err != nil {
		return Grant{}, store.User{}, err
	}
	return grant, user, nil
}

// RefreshAdmin is Refresh for the token of an admin. A user's is ErrInvalidToken
// here, as an admin's is there, and stays as good as it was.
func (s *Sessions) RefreshAdmin(ctx context.Context, token string, from Origin) (Grant, store.Admin, error) {
	var admin store.Admin
	grant, err := s.refresh(ctx, token, from, func(ctx context.Context, e *exchange, sessionID string) (err error) {
		e.session, admin, err = e.q.SessionWithAdmin(ctx, sessionID)
		e.name, e.suspended = admin.Username, admin.Status != store.Active
		return err
	})
	if err != nil {
		return Grant{}, store.Admin{}, err
	}
	return grant, admin, nil
}

// RefreshStaff is Refresh for the token of a member of the support staff.
func (s *Sessions) RefreshStaff(ctx context.Context, token string, from Origin) (Grant, store.Staff, error) {
	var staff store.Staff
	grant, err := s.refresh(ctx, token, from, func(ctx context.Context, e *exchange, sessionID string) (err error) {
		e.session, staff, err = e.q.SessionWithStaff(ctx, sessionID)
		e.name, e.suspended = staff.Username, staff.Status != store.Active
		return err
	})
	if err != nil {
		return Grant{}, store.Staff{}, err
	}
	return grant, staff, nil
}

// refresh exchanges a token. look finds the session with its account, which is of
// one kind: a session of another is ErrNotFound.
func (s *Sessions) refresh(ctx context.Context, token string, from Origin, look func(ctx context.Context, e *exchange, sessionID string) error) (Grant, error) {
	if !refreshTokenForm(token) {
		return Grant{}, invalidToken()
	}
	hash := HashSecret(token)
	// A look before the transaction: guesses never get to the write lock.
	if _, err := s.cfg.Store.RefreshTokenGet(ctx, hash); err != nil {
		return Grant{}, unknownIsInvalid(err)
	}
	var e exchange
	err := s.cfg.Door.Do(ctx, store.Actor{}, func(ctx context.Context, q store.Queries, c *store.Change) error {
		e = exchange{sessions: s, q: q, look: look, token: token, hash: hash, from: from, now: c.At}
		return e.run(ctx, c)
	})
	switch {
	case err != nil:
		return Grant{}, unknownIsInvalid(err)
	case e.replayed:
		s.cfg.Logger.Warn("a refresh token was replayed; its session has ended", "session", e.session.ID, "request_id", from.RequestID)
		return Grant{}, invalidToken()
	}
	return s.grant(e.session, e.successor)
}

// exchange is one attempt to exchange a token, inside a transaction.
type exchange struct {
	sessions *Sessions
	q        store.Queries
	look     func(ctx context.Context, e *exchange, sessionID string) error
	token    string
	hash     [32]byte
	from     Origin
	now      time.Time

	session   store.Session
	name      string // of the account, for the audit trail
	suspended bool   // whether the account is
	successor Secret
	replayed  bool
}

func (e *exchange) run(ctx context.Context, c *store.Change) error {
	parent, err := e.q.RefreshTokenGet(ctx, e.hash)
	if err != nil {
		return err
	}
	if err := e.look(ctx, e, parent.SessionID); err != nil {
		return err
	}
	if !e.session.Live(e.now) || e.suspended {
		return invalidToken()
	}
	if parent.UsedAt.IsZero() {
		first, err := e.use(ctx, parent)
		if first || err != nil {
			return err
		}
		// Another caller was faster: what it wrote decides.
		if parent, err = e.q.RefreshTokenGet(ctx, e.hash); err != nil {
			return err
		}
	}
	return e.again(ctx, c, parent)
}

// use marks the parent as used and stores its successor. It reports false
// when another caller has used it.
func (e *exchange) use(ctx context.Context, parent store.RefreshToken) (bool, error) {
	key := e.sessions.cfg.Keyring.Newest(PurposeRefresh)
	e.successor = deriveSuccessor(key, e.token, parent)
	next := HashSecret(e.successor.Reveal())
	first, err := e.q.RefreshTokenUse(ctx, store.RefreshUse{Hash: e.hash, SuccessorHash: next, KeyID: key.ID, At: e.now})
	if err != nil || !first {
		return false, err
	}
	err = e.q.RefreshTokenInsert(ctx, store.RefreshToken{Hash: next, SessionID: parent.SessionID, Seq: parent.Seq + 1, CreatedAt: e.now})
	if err != nil {
		return false, err
	}
	if err := e.forget(ctx, parent.Seq+1); err != nil {
		return false, err
	}
	e.sessions.seen(&e.session, e.from, e.now)
	return true, e.q.SessionUpdate(ctx, e.session)
}

// forget deletes what is too far behind the newest link, now and then.
func (e *exchange) forget(ctx context.Context, newest int64) error {
	if newest%forgetEvery != 0 || newest <= keptLinks {
		return nil
	}
	return e.q.RefreshTokenForget(ctx, e.session.ID, newest-keptLinks)
}

// again answers a token that was used before: with the same successor while
// that is new and unused, else by ending the session. A use that lies ahead by
// more than instances differ was timed by a clock that was wrong: it is not new.
func (e *exchange) again(ctx context.Context, c *store.Change, parent store.RefreshToken) error {
	child, err := e.q.RefreshTokenGet(ctx, parent.SuccessorHash)
	if err != nil {
		return err
	}
	if !child.UsedAt.IsZero() || e.now.Sub(parent.UsedAt).Abs() > e.sessions.cfg.Grace {
		return e.endSession(ctx, c)
	}
	// Without the key that derived it the successor cannot be told again: the
	// client that has it goes on, this one signs in.
	key, ok := e.sessions.cfg.Keyring.ByID(PurposeRefresh, parent.KeyID)
	if !ok {
		return invalidToken()
	}
	e.successor = deriveSuccessor(key, e.token, parent)
	return nil
}

// endSession commits the end of the session although the exchange is refused.
func (e *exchange) endSession(ctx context.Context, c *store.Change) error {
	e.replayed = true
	live, err := e.q.SessionRevoke(ctx, e.session.ID, e.now)
	if err != nil || !live {
		return err
	}
	c.Action = "session.reuse"
	c.Actor = store.Actor{
		Kind:      e.session.Kind,
		ID:        e.session.Subject,
		Name:      e.name,
		SessionID: e.session.ID,
		RequestID: e.from.RequestID,
	}
	if e.from.IP.IsValid() {
		c.Actor.IP = e.from.IP.String()
	}
	c.Target = store.Target{Kind: "session", ID: e.session.ID, Owner: e.session.Subject}
	c.Result = store.Denied
	c.Affects = append(c.Affects, store.SessionVersion(e.session.ID))
	return nil
}

func newRefreshToken() Secret {
	var b [refreshBytes]byte
	rand.Read(b[:])
	return encodeRefreshToken(b)
}

// deriveSuccessor computes the one token that follows another. It takes the
// plain token, so nobody can compute it from the database, and a secret key,
// so nobody can compute it from the token alone.
func deriveSuccessor(key Key, token string, parent store.RefreshToken) Secret {
	seq := binary.BigEndian.AppendUint64(nil, uint64(parent.Seq))
	return encodeRefreshToken(key.MAC([]byte(token), []byte(parent.SessionID), seq))
}

func encodeRefreshToken(b [refreshBytes]byte) Secret {
	return Secret(refreshPrefix + base64.RawURLEncoding.EncodeToString(b[:]))
}

func refreshTokenForm(token string) bool {
	text, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(refreshBytes) {
		return false
	}
	raw, ok := decodeSegment(text)
	return ok && len(raw) == refreshBytes
}

// unknownIsInvalid turns a missing record into the answer to a bad credential.
func unknownIsInvalid(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return invalidToken()
	}
	return err
}
