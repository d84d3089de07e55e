package store

import (
	"context"
	"time"
)

// APIKeyStore keeps API keys.
type APIKeyStore interface {
	APIKeyInsert(ctx context.Context, k APIKeyHash) error
	// APIKeyGet finds a key of one user; another user's is ErrNotFound.
	APIKeyGet(ctx context.Context, userID, id string) (APIKey, error)
	// APIKeyWithUser finds a key by the hash of its secret, with its owner, in
	// one query.
	APIKeyWithUser(ctx context.Context, hash [32]byte) (APIKey, User, error)
	// APIKeyUpdate replaces Name, Scopes, AllowedIPs, RateLimit, Limits, Status,
	// ExpiresAt, RetiresAt and RevokedAt.
	APIKeyUpdate(ctx context.Context, k APIKey) error
	// APIKeyList lists a user's keys, revoked ones included.
	APIKeyList(ctx context.Context, userID string, p Page) (List[APIKey], error)
	// APIKeyCount counts a user's keys that are neither revoked nor expired at
	// now. What it costs does not grow with those that are.
	APIKeyCount(ctx context.Context, userID string, now time.Time) (int, error)
	// APIKeyTake removes and returns all keys of a user.
	APIKeyTake(ctx context.Context, userID string) ([]APIKeyHash, error)
	// APIKeyUsed sets LastUsedAt of many keys at once, never back in time.
	APIKeyUsed(ctx context.Context, uses []KeyUse) error
}

// APIKey is a user's API key, without its secret. Keys that were rotated into
// one another share a family; limits, usage and rate belong to the family.
type APIKey struct {
	ID          string
	Family      string
	UserID      string
	Name        string
	Prefix      string // the brand and the first characters, for people
	Last4       string
	Scopes      []string
	AllowedIPs  []string // CIDR prefixes; none means any address
	RateLimit   string   // such as "20/s,burst=40"; empty means the plan's
	Limits      []Limit  // limits of the key's own
	Status      Status   // Active, Suspended or Revoked
	RotatedFrom string   // id of the key this one replaced
	CreatedAt   time.Time
	LastUsedAt  time.Time // zero when never used
	ExpiresAt   time.Time // zero means never
	RetiresAt   time.Time // end of the grace of a key that was rotated; else zero
	RevokedAt   time.Time
}

// EndsAt returns when the key ends by itself, which is the earlier of ExpiresAt
// and RetiresAt; zero means never.
func (k APIKey) EndsAt() time.Time {
	if k.ExpiresAt.IsZero() || !k.RetiresAt.IsZero() && k.RetiresAt.Before(k.ExpiresAt) {
		return k.RetiresAt
	}
	return k.ExpiresAt
}

// StatusAt returns the status at t, Expired included.
func (k APIKey) StatusAt(t time.Time) Status {
	if end := k.EndsAt(); k.Status == Active && !end.IsZero() && !t.Before(end) {
		return Expired
	}
	return k.Status
}

// APIKeyHash is a key together with the SHA-256 of its secret, for the two
// places that move a key as a whole: creation, and deletion of its owner.
type APIKeyHash struct {
	APIKey
	Hash [32]byte
}

// KeyUse is when a key was last used.
type KeyUse struct {
	ID string
	At time.Time
}
