package store

import "time"

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
	RevokedAt   time.Time
}

// StatusAt returns the status at t, Expired included.
func (k APIKey) StatusAt(t time.Time) Status {
	if k.Status == Active && !k.ExpiresAt.IsZero() && !t.Before(k.ExpiresAt) {
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
