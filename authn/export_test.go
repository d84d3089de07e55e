package authn

import (
	"hash/maphash"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// OccupySlot takes one hashing slot until release is called.
func (h *Hasher) OccupySlot(t *testing.T) (release func()) {
	t.Helper()
	if err := h.gate.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h.gate.leave
}

// Waiting returns how many calls wait for a slot.
func (h *Hasher) Waiting() int64 { return h.gate.waiting.Load() }

// MeasureSlowly takes a first measure that says a hash costs this much.
func (h *Hasher) MeasureSlowly(cost time.Duration) {
	h.measure()
	h.fastest.Store(int64(cost))
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
	_, isBcrypt := parseBcrypt(stored)
	_, isArgon2 := parseArgon2(stored)
	return isBcrypt || isArgon2
}
