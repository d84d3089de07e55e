package store

import "time"

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
