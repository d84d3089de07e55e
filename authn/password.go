package authn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"github.com/usermgmt/usermgmt/store"
)

// The password hashing algorithms.
const (
	AlgorithmBcrypt   = "bcrypt"
	AlgorithmArgon2id = "argon2id"
)

// MaxPasswordBytes is the length above which a password is refused before it
// is hashed.
const MaxPasswordBytes = 1024

const defaultHashQueue = 64

// PasswordConfig says how passwords are hashed. The zero value is the
// default.
type PasswordConfig struct {
	// Algorithm is AlgorithmBcrypt (also when empty) or AlgorithmArgon2id.
	// Passwords of more than 72 bytes are argon2id whatever is set here,
	// because bcrypt reads no further.
	Algorithm string
	// BcryptCost is from 4 to 16; zero means 12. Each step doubles the time.
	BcryptCost int
	// Argon2 are the costs of argon2id; each zero field means its default.
	Argon2 Argon2Params
	// Concurrency is how many hashes run at once; zero means the number of
	// processors, at least two.
	Concurrency int
	// Queue is how many more may wait; zero means 64. Beyond it a sign-in is
	// answered 503.
	Queue int
	// Floor is the least time a refused sign-in takes, beside its time in the
	// queue; zero means 1.25 times the slowest hash that is configured or stored,
	// as measured.
	Floor time.Duration
}

// withDefaults returns a copy with every zero field filled.
func (c PasswordConfig) withDefaults() PasswordConfig {
	c.Algorithm = cmp.Or(c.Algorithm, AlgorithmBcrypt)
	c.BcryptCost = cmp.Or(c.BcryptCost, defaultBcryptCost)
	c.Argon2.Memory = cmp.Or(c.Argon2.Memory, 19456)
	c.Argon2.Time = cmp.Or(c.Argon2.Time, 2)
	c.Argon2.Parallelism = cmp.Or(c.Argon2.Parallelism, 1)
	c.Concurrency = cmp.Or(c.Concurrency, max(2, runtime.NumCPU()))
	c.Queue = cmp.Or(c.Queue, defaultHashQueue)
	return c
}

// validate returns every fault at once, each naming field and rule.
func (c PasswordConfig) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("authn: PasswordConfig."+format, args...))
		}
	}
	check(c.Algorithm == AlgorithmBcrypt || c.Algorithm == AlgorithmArgon2id, "Algorithm must be %s or %s", AlgorithmBcrypt, AlgorithmArgon2id)
	check(c.BcryptCost >= bcrypt.MinCost && c.BcryptCost <= maxBcryptCost, "BcryptCost must be from %d to %d", bcrypt.MinCost, maxBcryptCost)
	check(c.Argon2.sane(), "Argon2 must have 1-%d lanes, 8-%d KiB a lane in all, and memory times passes of at most %d KiB", maxArgon2Lanes, maxArgon2Memory, maxArgon2Work)
	check(c.Concurrency > 0, "Concurrency must not be negative")
	check(c.Queue > 0, "Queue must not be negative")
	check(c.Floor >= 0, "Floor must not be negative")
	return errors.Join(errs...)
}

// scheme is how new passwords are hashed.
func (c PasswordConfig) scheme() scheme {
	if c.Algorithm == AlgorithmArgon2id {
		return scheme{algorithm: AlgorithmArgon2id, argon2: c.Argon2}
	}
	return scheme{algorithm: AlgorithmBcrypt, cost: c.BcryptCost}
}

// Hasher hashes passwords and, through an Attempt, verifies them. It bounds how
// much of that runs at once, so a flood of sign-ins cannot take the memory or
// the processors of the host. Methods are safe for concurrent use.
type Hasher struct {
	cfg  PasswordConfig
	gate *gate
	pace *pace
}

// NewHasher returns a Hasher, or an error that names every wrong field.
func NewHasher(cfg PasswordConfig) (*Hasher, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Hasher{cfg: cfg, gate: newGate(cfg.Concurrency, cfg.Queue), pace: newPace(cfg.scheme())}, nil
}

// Hash returns the encoded hash of a password. It fails with a validation
// error for more than MaxPasswordBytes, before any work, and with
// store.ErrUnavailable when too many hashes are under way or ctx ends while
// it waits.
func (h *Hasher) Hash(ctx context.Context, password string) (encoded string, err error) {
	if len(password) > MaxPasswordBytes {
		return "", store.Invalid("password", "max_length", "The password is too long.")
	}
	err = h.gate.run(ctx, func() (err error) {
		plain := normalize(password)
		s := h.schemeFor(plain)
		h.timed(s, func() { encoded, err = s.hash(plain) })
		return err
	})
	return encoded, err
}

// slowest is how long the slowest hash takes that is configured or stored. A
// scheme that was never met is measured, unless there is no room for it now.
func (h *Hasher) slowest(ctx context.Context, stored []string) time.Duration {
	slowest := h.measured(ctx, h.pace.own)
	for _, text := range stored {
		if s, ok := parseScheme(text); ok {
			slowest = max(slowest, h.measured(ctx, s))
		}
	}
	return slowest
}

func (h *Hasher) measured(ctx context.Context, s scheme) time.Duration {
	if took := h.pace.of(s); took > 0 {
		return took
	}
	_ = h.gate.run(ctx, func() (err error) { // what is not measured now is another time
		h.timed(s, func() { _, err = s.hash([]byte("floor")) })
		return err
	})
	return h.pace.of(s)
}

// timed runs one hash and notes how long it took.
func (h *Hasher) timed(s scheme, hash func()) {
	began := time.Now()
	hash()
	h.pace.note(s, time.Since(began))
}

// schemeFor returns the configured scheme, or argon2id where bcrypt would not
// read the whole password.
func (h *Hasher) schemeFor(plain []byte) scheme {
	if len(plain) > maxBcryptBytes {
		return scheme{algorithm: AlgorithmArgon2id, argon2: h.cfg.Argon2}
	}
	return h.pace.own
}

// normalize applies NFKC once (SP 800-63B, 3.1.1.2), so that a password typed
// on another keyboard is the same bytes.
func normalize(password string) []byte {
	return []byte(norm.NFKC.String(password))
}
