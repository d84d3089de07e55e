package store

import (
	"context"
	"time"
)

// SessionStore keeps sessions and the chains of their refresh tokens.
type SessionStore interface {
	SessionInsert(ctx context.Context, s Session) error
	SessionGet(ctx context.Context, id string) (Session, error)
	// SessionWithUser reads a session and the user it belongs to in one query.
	SessionWithUser(ctx context.Context, id string) (Session, User, error)
	// SessionUpdate replaces LastSeen, IdleUntil, ReauthAt, IP and UserAgent.
	SessionUpdate(ctx context.Context, s Session) error
	// SessionRevoke ends a session that is live at a time and reports whether it
	// was; a missing one was not.
	SessionRevoke(ctx context.Context, id string, at time.Time) (bool, error)
	// SessionRevokeAll ends every live session of a subject but one (empty:
	// none is spared) and returns their ids.
	SessionRevokeAll(ctx context.Context, subject, except string, at time.Time) ([]string, error)
	// SessionList lists the sessions of a subject that are live at now.
	SessionList(ctx context.Context, subject string, now time.Time, p Page) (List[Session], error)
	// SessionPurge deletes at most limit sessions, with their refresh tokens,
	// that ended before a time, and returns how many went.
	SessionPurge(ctx context.Context, before time.Time, limit int) (int, error)
	// SessionErase deletes at most limit sessions of a subject, live or not, with
	// their refresh tokens, and returns how many went; fewer than the limit means
	// that none is left.
	SessionErase(ctx context.Context, subject string, limit int) (int, error)

	RefreshTokenInsert(ctx context.Context, t RefreshToken) error
	RefreshTokenGet(ctx context.Context, hash [32]byte) (RefreshToken, error)
	// RefreshTokenUse marks a token as used if it was not, in one statement,
	// and reports whether this call did it; a missing one cannot be used.
	RefreshTokenUse(ctx context.Context, u RefreshUse) (bool, error)
	// RefreshTokenForget deletes the links of a session's chain whose Seq is
	// below a number.
	RefreshTokenForget(ctx context.Context, sessionID string, below int64) error
}

// Session is a sign-in on the server's side. It has many access tokens and one
// chain of refresh tokens over time.
type Session struct {
	ID        string
	Kind      ActorKind // ActorUser, ActorStaff or ActorAdmin
	Subject   string
	IP        string
	UserAgent string
	CreatedAt time.Time
	LastSeen  time.Time // the sign-in or the last refresh
	ExpiresAt time.Time // absolute end
	IdleUntil time.Time // end unless refreshed before
	ReauthAt  time.Time // when the password was last given
	RevokedAt time.Time // zero while the session lives
}

// Live reports whether the session can be used at t.
func (s Session) Live(t time.Time) bool {
	return s.RevokedAt.IsZero() && t.Before(s.ExpiresAt) && t.Before(s.IdleUntil)
}

// RefreshToken is one link of a session's chain. Only its hash is stored.
type RefreshToken struct {
	Hash      [32]byte
	SessionID string
	Seq       int64 // 0 for the first of the chain
	CreatedAt time.Time

	// The successor, once the token was used: its hash, the id of the key it
	// was derived with, and when.
	SuccessorHash [32]byte
	KeyID         string
	UsedAt        time.Time // zero while unused
}

// RefreshUse marks a refresh token as used.
type RefreshUse struct {
	Hash          [32]byte
	SuccessorHash [32]byte
	KeyID         string
	At            time.Time
}
