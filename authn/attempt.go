package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Attempt is one try at a password, from its beginning to its answer. It sees to
// it that a refusal takes as long whatever the reason is, so that time does not
// tell which names there are:
//
//   - A name that is unknown, or must not sign in, costs one hash as configured
//     (Pretend). A stored hash that is cheaper than that, because it was
//     imported, is followed by the work that it lacks.
//   - What is left, look-ups and stored hashes that are dearer, is hidden by
//     waiting (Pad) rather than by work, which a flood of attempts would have to
//     be paid with.
//
// An Attempt is for one goroutine.
type Attempt struct {
	hasher   *Hasher
	inside   bool // it has its turn
	began    time.Time
	slowdown float64       // of the machine before this attempt, alike for all
	queued   time.Duration // waiting for a turn, alike for all too
	slowest  time.Duration // of the hashes it met, as they are when nothing else runs
}

// Begin begins an attempt, before anything is looked up. What a client can
// measure is real time, so no injected clock here.
func (h *Hasher) Begin() *Attempt {
	return &Attempt{hasher: h, began: time.Now(), slowdown: h.pace.lately()}
}

// Enter waits for a turn to hash, which lasts until Leave: what has to be done
// right before a comparison is done then, and only for attempts that are compared.
// It fails with store.ErrUnavailable like Hash, at once where the queue is full.
// Whoever enters before anything is looked up need not pad that refusal: it knows
// of no name.
func (a *Attempt) Enter(ctx context.Context) error {
	asked := time.Now()
	if err := a.hasher.gate.admit(ctx); err != nil {
		return err
	}
	a.queued += time.Since(asked)
	a.inside = true
	return nil
}

// Leave ends the turn that Enter began.
func (a *Attempt) Leave() {
	a.inside = false
	a.hasher.gate.dismiss()
}

// Verify reports whether the password belongs to the stored hash, and if so
// whether it should be hashed again because the stored hash is not of the
// configured algorithm and cost. A stored hash that cannot be read matches
// nothing. It fails with store.ErrUnavailable like Hash.
func (a *Attempt) Verify(ctx context.Context, stored, password string) (ok, rehash bool, err error) {
	if len(password) > MaxPasswordBytes {
		return false, false, nil
	}
	err = a.inTurn(ctx, func() error {
		plain := normalize(password)
		hash, readable := parseStored(stored)
		if !readable {
			return a.pretend(plain)
		}
		used := hash.scheme()
		a.spend(used, func() { ok = hash.matches(plain) })
		if !ok {
			return a.topUp(used, plain)
		}
		rehash = used != a.hasher.schemeFor(plain)
		return nil
	})
	return ok, rehash, err
}

// Pretend spends what Verify spends, for a name that is unknown or must not sign
// in. It fails with store.ErrUnavailable like Hash.
func (a *Attempt) Pretend(ctx context.Context, password string) error {
	if len(password) > MaxPasswordBytes {
		return nil
	}
	return a.inTurn(ctx, func() error { return a.pretend(normalize(password)) })
}

// Pad waits until the attempt has taken as long as any refusal does: 1.25 times
// the slowest hash that is configured or stored, and as much more as hashes were
// slower lately, beside the time in the queue. stored are the schemes that
// are stored; one that was never met is measured first, at this attempt's
// expense. It returns early with ctx's error when ctx ends.
func (a *Attempt) Pad(ctx context.Context, stored []string) error {
	floor := a.hasher.cfg.Floor
	if floor == 0 {
		slowest := max(a.slowest, a.hasher.slowest(ctx, stored))
		floor = time.Duration(1.25 * a.slowdown * float64(slowest))
	}
	blur()
	wait := floor + a.queued - time.Since(a.began)
	if wait <= 0 {
		return ctx.Err()
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

// blur spends about a millisecond or two, more or less by chance. A timer ends some
// whole number of milliseconds after it was set, so an answer would come in the
// same part of a millisecond as the look-ups before it ended. Sums of a few random
// numbers are spread so that no part is more likely than another.
func blur() {
	var random [8]byte
	rand.Read(random[:])
	rounds := 0
	for i := 0; i < len(random); i += 2 {
		rounds += int(binary.BigEndian.Uint16(random[i:])) / 4
	}
	var sum [sha256.Size]byte
	for range rounds {
		sum = sha256.Sum256(sum[:])
	}
}

// inTurn hashes once there is a slot, which may be had already.
func (a *Attempt) inTurn(ctx context.Context, hash func() error) error {
	if !a.inside {
		if err := a.Enter(ctx); err != nil {
			return err
		}
		defer a.Leave()
	}
	return hash()
}

// pretend makes a hash as configured, and drops it. Which password it is makes
// no difference: neither does it to a stored hash.
func (a *Attempt) pretend(plain []byte) (err error) {
	own := a.hasher.pace.own
	a.spend(own, func() { _, err = own.hash(plain) })
	return err
}

// topUp spends what a hash of another scheme was cheaper than one as configured.
func (a *Attempt) topUp(used scheme, plain []byte) error {
	own := a.hasher.pace.own
	if used == own {
		return nil
	}
	took, whole := a.hasher.pace.of(used), a.hasher.pace.of(own)
	if whole == 0 {
		return a.pretend(plain)
	}
	for _, piece := range own.pieces(1 - float64(took)/float64(whole)) {
		if _, err := piece.hash(plain); err != nil {
			return err
		}
	}
	return nil
}

// spend runs one hash and notes how long it took.
func (a *Attempt) spend(s scheme, hash func()) {
	a.hasher.timed(s, hash)
	a.slowest = max(a.slowest, a.hasher.pace.of(s))
}
