package authn

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/usermgmt/usermgmt/store"
)

// scheme is what the cost of a password hash depends on: the algorithm and its
// parameters. Two are the same when they are equal.
type scheme struct {
	algorithm string
	cost      int          // of bcrypt
	argon2    Argon2Params // of argon2id
}

// String is how schemes are stored: "bcrypt:12", "argon2id:m=19456,t=2,p=1".
func (s scheme) String() string {
	if s.algorithm == AlgorithmArgon2id {
		return fmt.Sprintf("%s:m=%d,t=%d,p=%d", s.algorithm, s.argon2.Memory, s.argon2.Time, s.argon2.Parallelism)
	}
	return fmt.Sprintf("%s:%d", s.algorithm, s.cost)
}

// parseScheme reads what String wrote. Costs above the caps are refused, as
// they are in a hash.
func parseScheme(text string) (scheme, bool) {
	s := scheme{algorithm: AlgorithmBcrypt}
	if _, err := fmt.Sscanf(text, AlgorithmBcrypt+":%d", &s.cost); err == nil {
		return s, s.cost >= bcrypt.MinCost && s.cost <= maxBcryptCost && s.String() == text
	}
	s = scheme{algorithm: AlgorithmArgon2id}
	p := &s.argon2
	_, err := fmt.Sscanf(text, AlgorithmArgon2id+":m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Parallelism)
	return s, err == nil && p.sane() && s.String() == text
}

// hash makes a new hash. Of what bcrypt does not read it makes none: the caller
// has seen to it that there is no more, or wants the work alone.
func (s scheme) hash(plain []byte) (string, error) {
	if s.algorithm == AlgorithmArgon2id {
		return newArgon2Hash(s.argon2, plain).String(), nil
	}
	encoded, err := bcrypt.GenerateFromPassword(plain[:min(len(plain), maxBcryptBytes)], s.cost)
	if err != nil {
		return "", fmt.Errorf("authn: hash password: %w", err)
	}
	return string(encoded), nil
}

// pieces are schemes that together are a share of the work of s, from 0 to 1.
// Every step of bcrypt's cost halves the work, so its pieces are the binary
// digits of the share, rounded to the smallest there is. Argon2id's work is
// proportional to its memory.
func (s scheme) pieces(share float64) []scheme {
	if share >= 1 {
		return []scheme{s}
	}
	var all []scheme
	if s.algorithm == AlgorithmArgon2id {
		s.argon2.Memory = uint32(max(0, share) * float64(s.argon2.Memory))
		if s.argon2.sane() {
			all = append(all, s)
		}
		return all
	}
	share += math.Exp2(float64(bcrypt.MinCost-s.cost)) / 2
	for part := 0.5; s.cost > bcrypt.MinCost; part /= 2 {
		s.cost--
		if share >= part {
			share -= part
			all = append(all, s)
		}
	}
	return all
}

// storedHash is a stored hash that can be checked.
type storedHash interface {
	scheme() scheme
	matches(password []byte) bool // in constant time
}

// parseStored reads a stored hash, and fails for one that no password is
// compared with: it is no bcrypt or argon2id, or would cost too much.
func parseStored(stored string) (storedHash, bool) {
	if hash, ok := parseBcrypt(stored); ok {
		return hash, true
	}
	hash, ok := parseArgon2(stored)
	return hash, ok
}

// NewPasswordHash makes the record of an encoded hash that Hash made or that is
// imported: bcrypt ($2a$, $2b$, $2y$) up to a cost of 16, or argon2id as a PHC
// string of at most 256 MiB and 1 GiB times passes. Anything else is
// store.ErrValidation, because nobody could ever sign in with it.
func NewPasswordHash(subject, encoded string, at time.Time) (store.PasswordHash, error) {
	hash, ok := parseStored(encoded)
	if !ok {
		return store.PasswordHash{}, store.Invalid("password_hash", "scheme",
			"A password hash is bcrypt of a cost up to 16, or argon2id of at most 256 MiB, in its usual form.")
	}
	return store.PasswordHash{Subject: subject, Hash: encoded, Scheme: hash.scheme().String(), UpdatedAt: at}, nil
}
