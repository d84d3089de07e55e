package authn

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2Params are the costs of argon2id (RFC 9106). The zero value means
// the defaults, 19456 KiB, two passes and one lane.
type Argon2Params struct {
	Memory      uint32 // KiB
	Time        uint32 // passes over the memory
	Parallelism uint8  // lanes
}

const (
	argon2Prefix  = "$argon2id$"
	argon2SaltLen = 16
	argon2TagLen  = 32

	// What a stored or configured hash may ask for. An imported row is a
	// stranger's input: without a bound one sign-in could take the machine.
	maxArgon2Memory  = 256 << 10 // KiB
	maxArgon2Time    = 64
	maxArgon2Lanes   = 16
	maxArgon2Work    = 1 << 20 // KiB times passes
	maxArgon2Encoded = 256
)

// sane reports whether the costs are within RFC 9106 and our caps.
func (p Argon2Params) sane() bool {
	return p.Time >= 1 && p.Time <= maxArgon2Time &&
		p.Parallelism >= 1 && p.Parallelism <= maxArgon2Lanes &&
		p.Memory >= 8*uint32(p.Parallelism) && p.Memory <= maxArgon2Memory &&
		uint64(p.Memory)*uint64(p.Time) <= maxArgon2Work
}

// argon2Hash is a decoded PHC string.
type argon2Hash struct {
	params    Argon2Params
	salt, tag []byte
}

// newArgon2Hash hashes the password under a fresh salt.
func newArgon2Hash(p Argon2Params, password []byte) argon2Hash {
	salt := make([]byte, argon2SaltLen)
	rand.Read(salt)
	h := argon2Hash{params: p, salt: salt}
	h.tag = h.sum(password, argon2TagLen)
	return h
}

func (h argon2Hash) sum(password []byte, n uint32) []byte {
	return argon2.IDKey(password, h.salt, h.params.Time, h.params.Memory, h.params.Parallelism, n)
}

func (h argon2Hash) scheme() scheme { return scheme{algorithm: AlgorithmArgon2id, argon2: h.params} }

func (h argon2Hash) matches(password []byte) bool {
	return subtle.ConstantTimeCompare(h.sum(password, uint32(len(h.tag))), h.tag) == 1
}

// String encodes the hash in the PHC format.
func (h argon2Hash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", argon2Prefix, argon2.Version,
		h.params.Memory, h.params.Time, h.params.Parallelism,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.tag))
}

// parseArgon2 decodes a PHC string. Only the canonical spelling is taken, and
// only costs under the caps.
func parseArgon2(s string) (argon2Hash, bool) {
	if len(s) > maxArgon2Encoded {
		return argon2Hash{}, false
	}
	parts := strings.Split(s, "$")
	if len(parts) != 6 {
		return argon2Hash{}, false
	}
	var h argon2Hash
	p := &h.params
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Parallelism); n != 3 || err != nil || !p.sane() {
		return argon2Hash{}, false
	}
	strict := base64.RawStdEncoding.Strict()
	var err error
	if h.salt, err = strict.DecodeString(parts[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return argon2Hash{}, false
	}
	if h.tag, err = strict.DecodeString(parts[5]); err != nil || len(h.tag) < 16 || len(h.tag) > 64 {
		return argon2Hash{}, false
	}
	// Encoding again catches every other spelling: signs, leading zeros,
	// line breaks, another version, text after a number.
	return h, h.String() == s
}
