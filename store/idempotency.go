package store

import (
	"context"
	"time"
)

// IdempotencyStore remembers requests that must not be carried out twice.
type IdempotencyStore interface {
	// IdempotencyGet finds what is remembered at now, or ErrNotFound.
	IdempotencyGet(ctx context.Context, caller, route, key string, now time.Time) (IdempotencyRecord, error)
	// IdempotencyPut remembers a request. One that is remembered already, at
	// CreatedAt, is ErrConflict; one that has expired is replaced.
	IdempotencyPut(ctx context.Context, r IdempotencyRecord) error
	// IdempotencyPurge deletes at most limit records that expired before a time.
	IdempotencyPurge(ctx context.Context, before time.Time, limit int) (int, error)
}

// Idempotency makes a request harmless to repeat: who sent it, on which route,
// under which key, and the hash of its body.
type Idempotency struct {
	Caller    string
	Route     string
	Key       string
	BodyHash  [32]byte
	ExpiresAt time.Time // when it is forgotten
}

// IdempotencyRecord is an Idempotency with the outcome of the first request.
type IdempotencyRecord struct {
	Idempotency
	Outcome   []byte // in the words of whoever stored it
	CreatedAt time.Time
}
