package authn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
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
	// Floor is the least time a refused sign-in takes; zero means 1.25 times
	// one hash, as measured.
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

// Hasher hashes and verifies passwords. It bounds how much of that runs at
// once, so a flood of sign-ins cannot take the memory or the processors of
// the host. Methods are safe for concurrent use.
type Hasher struct {
	cfg     PasswordConfig
	gate    *gate
	measure func()       // hashes once, at its first call
	fastest atomic.Int64 // hash of all so far, in nanoseconds; 0 before the first
}

// NewHasher returns a Hasher, or an error that names every wrong field.
func NewHasher(cfg PasswordConfig) (*Hasher, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	h := &Hasher{cfg: cfg, gate: newGate(cfg.Concurrency, cfg.Queue)}
	h.measure = sync.OnceFunc(func() { _, _ = h.hash([]byte("floor")) })
	return h, nil
}

// Hash returns the encoded hash of a password. It fails with a validation
// error for more than MaxPasswordBytes, before any work, and with
// store.ErrUnavailable when too many hashes are under way or ctx ends while
// it waits.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxPasswordBytes {
		return "", store.Invalid("password", "max_length", "The password is too long.")
	}
	if err := h.gate.enter(ctx); err != nil {
		return "", err
	}
	defer h.gate.leave()
	return h.hash(normalize(password))
}

// Verify reports whether the password belongs to the stored hash, and if so
// whether it should be hashed again because the stored hash is not of the
// configured algorithm and cost. A stored hash that cannot be read matches
// nothing. It fails with store.ErrUnavailable like Hash.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (ok, rehash bool, err error) {
	if len(password) > MaxPasswordBytes {
		return false, false, nil
	}
	if err := h.gate.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.gate.leave()
	plain := normalize(password)
	if hash, ok := parseBcrypt(stored); ok {
		current := h.algorithmFor(plain) == AlgorithmBcrypt && hash.cost == h.cfg.BcryptCost
		ok = hash.matches(plain)
		return ok, ok && !current, nil
	}
	if hash, ok := parseArgon2(stored); ok {
		current := h.algorithmFor(plain) == AlgorithmArgon2id && hash.params == h.cfg.Argon2
		ok = hash.matches(plain)
		return ok, ok && !current, nil
	}
	_, err = h.hash(plain) // as slow as a hash that can be read
	return false, false, err
}

// VerifyDummy spends what Verify spends, for a name that is unknown or must
// not sign in, so that the answer's time tells nothing.
func (h *Hasher) VerifyDummy(ctx context.Context, password string) error {
	if len(password) > MaxPasswordBytes {
		return nil
	}
	_, err := h.Hash(ctx, password)
	return err
}

// Floor is the least time a refused sign-in takes: PasswordConfig.Floor, or
// 1.25 times the cost of one hash. The first call measures that; hashes after it
// that take less bring it down, so that a floor measured under load does not
// stay.
func (h *Hasher) Floor() time.Duration {
	if h.cfg.Floor > 0 {
		return h.cfg.Floor
	}
	h.measure()
	return time.Duration(h.fastest.Load()) * 5 / 4
}

// PadToFloor waits until Floor has passed since start, which the caller took
// from time.Now when the sign-in began. It hides which of the checks refused.
// It returns early with ctx's error when ctx ends.
func (h *Hasher) PadToFloor(ctx context.Context, start time.Time) error {
	// What the client can measure is real time, so no injected clock here.
	wait := h.Floor() - time.Since(start)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hash does the work, without the gate, and notes how long it took.
func (h *Hasher) hash(plain []byte) (string, error) {
	algorithm, start := h.algorithmFor(plain), time.Now()
	if algorithm == h.cfg.Algorithm {
		defer func() { h.note(time.Since(start)) }()
	}
	if algorithm == AlgorithmArgon2id {
		return newArgon2Hash(h.cfg.Argon2, plain).String(), nil
	}
	encoded, err := bcrypt.GenerateFromPassword(plain, h.cfg.BcryptCost)
	if err != nil {
		return "", fmt.Errorf("authn: hash password: %w", err)
	}
	return string(encoded), nil
}

// note keeps the time of the fastest hash: load only ever adds to it.
func (h *Hasher) note(took time.Duration) {
	for {
		fastest := h.fastest.Load()
		if fastest != 0 && fastest <= int64(took) || h.fastest.CompareAndSwap(fastest, int64(took)) {
			return
		}
	}
}

// algorithmFor returns the configured algorithm, or argon2id where bcrypt
// would not read the whole password.
func (h *Hasher) algorithmFor(plain []byte) string {
	if len(plain) > maxBcryptBytes {
		return AlgorithmArgon2id
	}
	return h.cfg.Algorithm
}

// normalize applies NFKC once (SP 800-63B, 3.1.1.2), so that a password typed
// on another keyboard is the same bytes.
func normalize(password string) []byte {
	return []byte(norm.NFKC.String(password))
}
