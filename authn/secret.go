package authn

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

// hidden stands in for a secret wherever one would be printed.
const hidden = "[hidden]"

// Secret is a credential in plain form: an API key or a refresh token as the
// client sends it. Every way of printing, logging or encoding it shows a
// placeholder; only Reveal gives the text. It is never stored: records hold
// HashSecret of it.
type Secret string

// Reveal returns the secret itself, for the one answer that hands it out.
func (s Secret) Reveal() string { return string(s) }

// String returns a placeholder.
func (s Secret) String() string { return hidden }

// Format writes a placeholder whatever the verb, so that a mistaken one
// cannot leak the text.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns a placeholder, so that encoders cannot leak the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// HashSecret returns the SHA-256 of a random credential: what is stored of it
// and what it is looked up by. No pepper or slow hash is needed, because a
// credential has at least 131 random bits.
func HashSecret(s string) [sha256.Size]byte {
	// Credentials up to this length are hashed without a copy on the heap.
	var buf [512]byte
	if len(s) <= len(buf) {
		return sha256.Sum256(buf[:copy(buf[:], s)])
	}
	return sha256.Sum256([]byte(s))
}
