package authn

import (
	"testing"

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

// VerifyCompact runs the primitives below Tokens.Verify that know nothing of
// our header and claims: splitting, decoding and the signature.
func VerifyCompact(token string, method jwt.SigningMethod, key any) bool {
	c, ok := splitCompact(token)
	return ok && c.verifies(method, key)
}
