package authn

import (
	"errors"
	"hash/maphash"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// OccupySlot takes one hashing slot until release is called.
func (h *Hasher) OccupySlot(t *testing.T) (release func()) {
	t.Helper()
	if err := errors.Join(h.gate.take(), h.gate.enter(t.Context())); err != nil {
		t.Fatal(err)
	}
	return func() {
		h.gate.leave()
		h.gate.giveBack()
	}
}

// Waiting returns how many calls wait for a slot.
func (h *Hasher) Waiting() int64 { return h.gate.taken.Load() - int64(len(h.gate.slots)) }

// Takes says how long a hash of a scheme takes.
func (h *Hasher) Takes(text string, took time.Duration) {
	s, ok := parseScheme(text)
	if !ok {
		panic(text)
	}
	h.pace.note(s, took)
}

// Met reports whether a hash of a scheme was ever made or checked.
func (h *Hasher) Met(text string) bool {
	s, _ := parseScheme(text)
	return h.pace.of(s) > 0
}

// Pieces names the schemes that together are a share of the work of another.
func Pieces(text string, share float64) (pieces []string) {
	s, _ := parseScheme(text)
	for _, piece := range s.pieces(share) {
		pieces = append(pieces, piece.String())
	}
	return pieces
}

// RecognizesScheme reports whether text names a scheme.
func RecognizesScheme(text string) bool {
	_, ok := parseScheme(text)
	return ok
}

// VerifyCompact runs the primitives below Tokens.Verify that know nothing of
// our header and claims: splitting, decoding and the signature.
func VerifyCompact(token string, method jwt.SigningMethod, key any) bool {
	c, ok := splitCompact(token)
	return ok && c.verifies(method, key)
}

// LookUpSlowly leads a look-up for the credential, and calls between when the
// verdict is made but nobody knows of it yet.
func (v *Verifier) LookUpSlowly(t *testing.T, credential string, now time.Time, between func()) {
	t.Helper()
	hash := maphash.String(v.seed, credential)
	s := &v.shards[hash>>(64-shardBits)]
	f, leads := s.board(hash, credential)
	if !leads {
		t.Fatal("somebody else leads")
	}
	defer s.land(f)
	d, err := v.examine(t.Context(), credential, now)
	if err != nil {
		t.Fatal(err)
	}
	between()
	f.verdict = d
	s.remember(hash, d)
}

// Recognizes reports whether stored is a hash that Verify can check.
func Recognizes(stored string) bool {
	_, ok := parseStored(stored)
	return ok
}
