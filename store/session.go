package store

import "time"

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

// SignInFailures is the count of failed sign-ins under one key.
type SignInFailures struct {
	Count       int       // attempts in the present window, this one included
	LockedUntil time.Time // zero when not locked
}

// SignInRule is how many failures within a window lock a key, and for how long.
type SignInRule struct {
	Limit  int
	Window time.Duration
}

// KnownDevice is an address (IPv6: its /64) from which an account signed in.
type KnownDevice struct {
	Subject string
	Address string
	At      time.Time
}
