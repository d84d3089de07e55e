package account

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// errHashChanged says that a password was changed, or hashed anew, while it was
// compared.
var errHashChanged = errors.New("account: the password hash changed during the attempt")

// hashChanges is how often a password is compared again for that reason.
const hashChanges = 3

// knownFor is how long an address counts as a known device after a sign-in.
const knownFor = 30 * 24 * time.Hour

// prover finds out whether somebody who gives a name and a password is who he
// says, for the accounts of one kind.
type prover struct {
	cfg              Config
	kind             authn.Kind
	usernames, mails store.IdentifierKind
	unknown          string // before the counter of a name that nobody has
	login, failed    string // the actions of a sign-in and of one that failed

	// version is the version key of everything that depends on an account.
	version func(id string) string

	// nameOf returns the user name of an account, or ErrNotFound.
	nameOf func(ctx context.Context, id string) (string, error)
}

// claim is an attempt to be somebody. Its id is empty when there is nobody of
// that name who could sign in, its hash when there is no password.
type claim struct {
	counter  string // what its failures are counted under
	device   string // where it comes from; empty when unknown
	id       string // of the account
	username string
	hash     string
}

// claimName makes the claim of a sign-in with a user name or an e-mail address.
// A name that has not the shape of one is an unknown name.
func (p *prover) claimName(ctx context.Context, name string, from netip.Addr) (claim, error) {
	kind, value, ok := p.signInName(name)
	nobody := claim{counter: p.nameCounter(value), device: deviceOf(from)}
	if !ok {
		return nobody, nil
	}
	id, err := p.cfg.Store.IdentifierGet(ctx, kind, value)
	if errors.Is(err, store.ErrNotFound) {
		return nobody, nil
	}
	if err != nil {
		return claim{}, err
	}
	return p.claimID(ctx, id.Subject, from)
}

// claimID makes the claim to be an account. From a device that the account
// knows, failures have a counter of their own: whoever keeps failing elsewhere
// does not shut the owner out.
func (p *prover) claimID(ctx context.Context, id string, from netip.Addr) (claim, error) {
	c := claim{counter: accountCounter(p.kind, id), device: deviceOf(from)}
	username, err := p.nameOf(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return c, nil // deleted: the name is held still
	}
	if err != nil {
		return claim{}, err
	}
	c.id, c.username = id, username
	hash, err := p.cfg.Store.PasswordHashGet(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return claim{}, err
	}
	c.hash = hash.Hash
	if c.device == "" {
		return c, nil
	}
	known, err := p.cfg.Store.KnownDeviceSince(ctx, id, c.device, p.cfg.now().Add(-knownFor))
	if known {
		c.counter = deviceCounters(id) + c.device
	}
	return c, err
}

// prove runs act for whoever gives the password of a claim; rehash says that the
// password should be hashed anew. The attempt is counted once and before anything
// is compared, so that of any number of concurrent ones no more than the limit
// are looked at; act clears the counter of the claim that it gets. When act finds
// another hash than the one compared (errHashChanged), the account is looked up
// again. The claim that it returns is for the record of a failure, of which all
// take the same time.
//
// An attempt waits for its turn to hash before it looks anything up. So one that
// finds no room costs next to nothing and is alike for all names, and none counts
// that is not compared: a flood locks nobody out who was not guessed at.
func (p *prover) prove(ctx context.Context, look func() (claim, error), password string, act func(c claim, rehash bool) error) (claim, error) {
	try := p.cfg.Hasher.Begin()
	if err := try.Enter(ctx); err != nil {
		return claim{}, err
	}
	c, err := p.tryToProve(ctx, try, look, password, act)
	if err != nil {
		// Where the schemes cannot be read, those of this attempt have to do.
		schemes, _ := p.cfg.Store.PasswordSchemes(ctx)
		_ = try.Pad(ctx, schemes) // shorter only for a client that is gone
	}
	return c, err
}

// tryToProve takes over the turn of an attempt.
func (p *prover) tryToProve(ctx context.Context, try *authn.Attempt, look func() (claim, error), password string, act func(c claim, rehash bool) error) (claim, error) {
	c, rehash, err := p.compareCounted(ctx, try, look, password)
	counter := c.counter
	for compared := 1; err == nil; compared++ {
		err = act(c, rehash)
		if cutShort(err) {
			p.forgive(ctx, counter)
		}
		if !errors.Is(err, errHashChanged) {
			return c, err
		}
		if compared == hashChanges {
			return c, store.Unavailable(err)
		}
		if c, err = look(); err != nil {
			return c, err
		}
		c.counter = counter // where it was counted
		if rehash, err = compare(ctx, try, c, password); cutShort(err) {
			p.forgive(ctx, counter)
		}
	}
	return c, err
}

// cutShort reports whether an error says nothing of the password.
func cutShort(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// forgive takes back an attempt whose password was right and of which nothing
// came. It counts where this cannot be written.
func (p *prover) forgive(ctx context.Context, counter string) {
	_ = p.cfg.Store.SignInForgive(context.WithoutCancel(ctx), counter)
}

// compareCounted looks a claim up, counts the attempt and compares the password,
// in the turn of the attempt, which it ends.
func (p *prover) compareCounted(ctx context.Context, try *authn.Attempt, look func() (claim, error), password string) (c claim, rehash bool, err error) {
	defer try.Leave()
	if c, err = look(); err != nil {
		return c, false, err
	}
	if err := p.count(ctx, try, c, password); err != nil {
		return c, false, err
	}
	rehash, err = compare(ctx, try, c, password)
	return c, rehash, err
}

// count counts an attempt, and refuses it while its counter is locked.
func (p *prover) count(ctx context.Context, try *authn.Attempt, c claim, password string) error {
	now := p.cfg.now()
	failures, err := p.cfg.Store.SignInAttempt(ctx, c.counter, p.cfg.Lockout, now)
	if err != nil {
		return err
	}
	if !failures.LockedUntil.After(now) {
		return nil
	}
	if err := try.Pretend(ctx, password); err != nil {
		return err
	}
	return &store.Error{
		Code:       store.ErrLocked,
		Detail:     "There were too many failed attempts. Try again later.",
		RetryAfter: failures.LockedUntil.Sub(now),
	}
}

// compare compares a password with the hash of a claim. The work is the same
// whatever the answer is.
func compare(ctx context.Context, try *authn.Attempt, c claim, password string) (rehash bool, err error) {
	if c.hash == "" {
		if err := try.Pretend(ctx, password); err != nil {
			return false, err
		}
		return false, wrongPassword()
	}
	ok, rehash, err := try.Verify(ctx, c.hash, password)
	if err == nil && !ok {
		err = wrongPassword()
	}
	return rehash, err
}

// still sees inside a transaction that the password of a proven claim is what it
// was: deleted since is a wrong password, another hash has to be proven again.
func (c claim) still(ctx context.Context, q store.Queries) error {
	hash, err := q.PasswordHashGet(ctx, c.id)
	if err != nil {
		return goneIsWrong(err)
	}
	if hash.Hash != c.hash {
		return errHashChanged
	}
	return nil
}

func goneIsWrong(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return wrongPassword()
	}
	return err
}

// recordFailure puts an attempt that was refused into the trail. What was typed
// as a name stays out of it: it may be a password.
func (p *prover) recordFailure(action string, actor store.Actor, c claim, err error) {
	change := store.Change{Action: action, Actor: actor, Target: target(p.kind, c.id), At: p.cfg.now()}
	switch store.CodeOf(err) {
	case store.ErrInvalidCredentials:
		change.Result, change.Reason = store.Failed, "wrong name or password"
	case store.ErrLocked:
		change.Result, change.Reason = store.Denied, "locked"
	case store.ErrSuspended:
		change.Result, change.Reason = store.Denied, "suspended"
	default:
		return
	}
	p.cfg.Trail.Record(change)
}

// wrongPassword is the one answer to a wrong password and to a name that nobody
// has.
func wrongPassword() error {
	return store.Errorf(store.ErrInvalidCredentials, "The name or password is wrong.")
}

// signInName folds what was typed into the form that names are kept in.
func (p *prover) signInName(name string) (kind store.IdentifierKind, value string, ok bool) {
	if strings.Contains(name, "@") {
		email, err := ParseEmail(name)
		if err != nil {
			return p.mails, name, false
		}
		return p.mails, email.Key, true
	}
	username, err := ParseUsername(name)
	if err != nil {
		return p.usernames, name, false
	}
	return p.usernames, username, true
}

// forgetFailures lets the name of an account and every device that it knows try
// again at once.
func (p *prover) forgetFailures(ctx context.Context, q store.Queries, id string) error {
	_, err := q.SignInUnlock(ctx, accountCounter(p.kind, id), deviceCounters(id))
	return err
}

// nameCounters is how many counters the failures of unknown names share, so that
// no flood of names fills the database. It takes ten times as many attempts in
// one window to lock them all.
const nameCounters = 1 << 18

// nameCounter is what the failures of an unknown name are counted under: the
// name itself is nothing to keep. Which names share a counter cannot be told
// without the key.
func (p *prover) nameCounter(name string) string {
	mac := p.cfg.Keyring.Newest(authn.PurposeSignInName).MAC([]byte(name))
	return fmt.Sprintf("%s:%05x", p.unknown, binary.BigEndian.Uint32(mac[:])%nameCounters)
}

// deviceOf is the address that stands for a device: an IPv6 host has its whole
// /64. It is empty for no address.
func deviceOf(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.Is4():
		return ip.String()
	case ip.Is6():
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ""
}

// noteDevice remembers where an account signed in from.
func noteDevice(ctx context.Context, q store.Queries, id, device string, at time.Time) error {
	if device == "" {
		return nil
	}
	return q.KnownDevicePut(ctx, store.KnownDevice{Subject: id, Address: device, At: at})
}
