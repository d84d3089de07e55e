package store

import (
	"context"
	"time"
)

// ServiceKeyStore keeps the keys of services.
type ServiceKeyStore interface {
	ServiceKeyInsert(ctx context.Context, k ServiceKeyHash) error
	ServiceKeyGet(ctx context.Context, id string) (ServiceKey, error)
	// ServiceKeyByHash finds a key by the hash of its secret.
	ServiceKeyByHash(ctx context.Context, hash [32]byte) (ServiceKey, error)
	// ServiceKeyUpdate replaces Name, Scopes, AllowedIPs, Status, ExpiresAt and
	// RevokedAt.
	ServiceKeyUpdate(ctx context.Context, k ServiceKey) error
	// ServiceKeyList lists all keys, revoked ones included.
	ServiceKeyList(ctx context.Context, p Page) (List[ServiceKey], error)
	// ServiceKeyUsed sets LastUsedAt of many keys at once, never back in time.
	ServiceKeyUsed(ctx context.Context, uses []KeyUse) error
}

// ServiceKey is the credential of a service that asks over HTTP, without its
// secret.
type ServiceKey struct {
	ID         string
	Name       string
	Prefix     string // the brand and the first characters, for people
	Last4      string
	Scopes     []string
	AllowedIPs []string // CIDR prefixes; none means any address
	Status     Status   // Active or Revoked
	CreatedBy  string   // id of the admin
	CreatedAt  time.Time
	LastUsedAt time.Time // zero when never used
	ExpiresAt  time.Time // zero means never
	RevokedAt  time.Time
}

// StatusAt returns the status at t, Expired included.
func (k ServiceKey) StatusAt(t time.Time) Status {
	if k.Status == Active && !k.ExpiresAt.IsZero() && !t.Before(k.ExpiresAt) {
		return Expired
	}
	return k.Status
}

// ServiceKeyHash is a key together with the SHA-256 of its secret, for its
// creation.
type ServiceKeyHash struct {
	ServiceKey
	Hash [32]byte
}
