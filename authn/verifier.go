package authn

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"net/netip"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/usermgmt/usermgmt/internal/network"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

const (
	shardBits = 7 // 128 shards: their locks are not waited for

	// indexedBytes is how much of a credential's end its place in the cache is
	// made of: in tokens it is of the signature, in keys of the random part.
	indexedBytes = 32
	maxPlans     = 1024

	defaultCacheSize   = 100_000
	defaultVerdictTTL  = 5 * time.Second
	defaultNegativeTTL = time.Second

	// maxNegatives bounds the refused credentials that are remembered, in a
	// cache of their own: a flood of wrong ones drives no good one out.
	maxNegatives = 8192

	// fillAttempts is how often a verdict is made anew when the world keeps
	// changing meanwhile; the last one is used once and not remembered.
	fillAttempts = 3
)

// VerifierConfig is what a Verifier needs. Store, Tokens, Versions and Fresh
// are required.
type VerifierConfig struct {
	Store    store.Store // the primary, never a replica that may lag
	Tokens   *Tokens
	Versions *version.Table
	// Fresh reports whether changes made elsewhere have been heard of lately
	// enough to trust what is remembered.
	Fresh func(now time.Time) bool
	// KeyPrefix begins API keys; empty means "um_". ServiceKeyPrefix begins
	// service keys; empty means "ums_".
	KeyPrefix, ServiceKeyPrefix string
	// TTL is how long a good verdict is remembered; zero means 5 s.
	TTL time.Duration
	// NegativeTTL is how long a refusal is remembered; zero means 1 s.
	NegativeTTL time.Duration
	// Size is how many good verdicts are remembered for certain; zero means
	// 100,000. The table in front, which has two to four times as many places,
	// holds others until they are overwritten.
	Size int
	// Rate is the configured rate of principals, which no key's own exceeds
	// where the plan sets none; zero means that there is none.
	Rate ratelimit.Rate
	// OnKeyUse is told of the use of a key, at most once a second and key. It
	// must not block. It may be nil.
	OnKeyUse func(keyID string, at time.Time)
}

// Verifier turns credentials into principals and remembers the answers. A
// remembered answer ends with the credential, and at once when anything that
// it rests on changes. Methods are safe for concurrent use; a remembered
// answer costs no allocation.
type Verifier struct {
	cfg    VerifierConfig
	seed   maphash.Seed
	front  front
	shards [1 << shardBits]shard
	plans  *lru.Cache[string, planRate]
}

// NewVerifier makes a verifier with an empty cache.
func NewVerifier(cfg VerifierConfig) *Verifier {
	cfg.KeyPrefix = cmp.Or(cfg.KeyPrefix, defaultKeyPrefix)
	cfg.ServiceKeyPrefix = cmp.Or(cfg.ServiceKeyPrefix, defaultServiceKeyPrefix)
	cfg.TTL = cmp.Or(cfg.TTL, defaultVerdictTTL)
	cfg.NegativeTTL = cmp.Or(cfg.NegativeTTL, defaultNegativeTTL)
	cfg.Size = cmp.Or(cfg.Size, defaultCacheSize)
	v := &Verifier{cfg: cfg, seed: maphash.MakeSeed(), front: newFront(cfg.Size), plans: newCache[string, planRate](maxPlans)}
	for i := range v.shards {
		v.shards[i].init(cfg.Size>>shardBits, maxNegatives>>shardBits)
	}
	return v
}

// Caller tells the address that a credential is used from. It is asked only for
// keys that are bound to addresses.
type Caller interface{ ClientAddr() netip.Addr }

// At is a Caller at an address.
type At netip.Addr

// ClientAddr returns the address.
func (a At) ClientAddr() netip.Addr { return netip.Addr(a) }

// Verify returns who stands behind a credential, an access token, an API key or a
// service key, that the caller uses at now. The principal is shared: nobody changes
// it. A credential that is malformed, unknown, expired, revoked or of a
// suspended or deleted account is ErrInvalidToken; a good key used from
// another address than it allows is ErrIPNotAllowed; ErrUnavailable means that
// nobody can tell at the moment.
//
// Concurrent calls for one credential that is not remembered are one look-up.
// A change that was committed through the door before Verify was called is
// never overlooked, whatever was remembered or under way.
func (v *Verifier) Verify(ctx context.Context, credential string, from Caller, now time.Time) (*Principal, error) {
	hash := v.index(credential)
	if d := v.front.at(hash); d != nil && d.credential == credential && v.cfg.Fresh(now) && d.holds(now, v.cfg.Versions) {
		return v.answer(d, from, now)
	}
	return v.verify(ctx, hash, credential, from, now)
}

// index is the keyed hash by which a credential is found. Nobody outside can
// aim at one, but for credentials with the same end: of those, one is good at
// most, and the wrong ones push out each other.
func (v *Verifier) index(credential string) uint64 {
	return maphash.String(v.seed, credential[max(0, len(credential)-indexedBytes):])
}

// verify is Verify for a credential that is not in front.
func (v *Verifier) verify(ctx context.Context, hash uint64, credential string, from Caller, now time.Time) (*Principal, error) {
	if len(credential) > maxTokenBytes {
		return nil, invalidToken()
	}
	s := &v.shards[hash>>(64-shardBits)]
	for {
		if d := v.remembered(s, hash, credential, now); d != nil {
			return v.answer(d, from, now)
		}
		f, leads := s.board(hash, credential)
		if leads {
			d, err := v.lead(ctx, s, f, now)
			if err != nil {
				return nil, err
			}
			return v.answer(d, from, now)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, store.Unavailable(ctx.Err())
		}
		if f.err != nil {
			return nil, f.err
		}
		// The look-up may have begun before this request did: what it found
		// counts only if nothing has changed since. Else look again.
		if f.verdict != nil && f.verdict.holds(now, v.cfg.Versions) {
			return v.answer(f.verdict, from, now)
		}
	}
}

// remembered returns a verdict that still holds, or nil.
func (v *Verifier) remembered(s *shard, hash uint64, credential string, now time.Time) *verdict {
	if !v.cfg.Fresh(now) {
		return nil
	}
	for _, cache := range [...]*lru.Cache[uint64, *verdict]{s.good, s.bad} {
		// The comparison makes a chance collision a miss. Peek moves nothing: a
		// verdict in use is made anew every TTL, and is the latest then.
		if d, ok := cache.Peek(hash); ok && d.credential == credential && d.holds(now, v.cfg.Versions) {
			return d
		}
	}
	return nil
}

// answer applies what differs from request to request.
func (v *Verifier) answer(d *verdict, from Caller, now time.Time) (*Principal, error) {
	if d.principal == nil {
		return nil, invalidToken()
	}
	if d.addrs != nil && !network.Contains(*d.addrs, from.ClientAddr()) {
		return nil, store.Errorf(store.ErrIPNotAllowed, "The key may not be used from this address.")
	}
	if d.byKey && v.cfg.OnKeyUse != nil {
		second := now.Unix()
		if last := d.noted.Load(); last != second && d.noted.CompareAndSwap(last, second) {
			v.cfg.OnKeyUse(d.principal.KeyID, now)
		}
	}
	return d.principal, nil
}

// lead makes the verdict for everybody aboard and remembers it.
func (v *Verifier) lead(ctx context.Context, s *shard, f *flight, now time.Time) (*verdict, error) {
	defer s.land(f)
	if d := v.remembered(s, f.hash, f.credential, now); d != nil {
		f.verdict = d // another flight landed after this caller had looked
		return d, nil
	}
	d, err := v.examine(ctx, f.credential, now)
	if err != nil {
		err = unavailable(err)
		if ctx.Err() == nil {
			f.err = err
		} // else only this caller is gone, and another one aboard leads
		return nil, err
	}
	f.verdict = d
	s.remember(f.hash, d)
	if d.principal != nil {
		v.front.put(f.hash, d)
	}
	return d, nil
}

// examine makes a verdict and finds the basis it rests on.
//
// The counters must be read before the database: then a change that commits in
// between makes the verdict stale from the start. But which counters is known
// only from the database. So they are read afterwards, and taken when nothing
// at all has changed meanwhile; else the database is asked again, now that
// they are known.
func (v *Verifier) examine(ctx context.Context, credential string, now time.Time) (*verdict, error) {
	proof, ok := v.prove(credential)
	if !ok {
		return &verdict{credential: credential, expires: now.Add(v.cfg.NegativeTTL), basis: basisOf(v.cfg.Versions, [3]uint32{})}, nil
	}
	var before basis
	for attempt := 1; ; attempt++ {
		changes := v.cfg.Versions.Changes()
		before = basisOf(v.cfg.Versions, before.stripes)
		d, err := v.look(ctx, proof, now)
		if err != nil {
			return nil, err
		}
		d.credential = credential
		if d.basis.stripes == before.stripes {
			d.basis = before
			return d, nil
		}
		before = basisOf(v.cfg.Versions, d.basis.stripes)
		if v.cfg.Versions.Changes() == changes {
			d.basis = before
			return d, nil
		}
		if attempt == fillAttempts {
			d.expires = now
			return d, nil
		}
	}
}

// proof is what can be told of a credential without the database.
type proof struct {
	kind   Kind     // of the account it would be good for
	key    bool     // it is an API or service key, no token
	hash   [32]byte // of a key
	claims Claims   // of a token
}

func (v *Verifier) prove(credential string) (proof, bool) {
	switch {
	case strings.HasPrefix(credential, v.cfg.KeyPrefix):
		err := ParseAPIKey(v.cfg.KeyPrefix, credential)
		return proof{kind: KindUser, key: true, hash: HashSecret(credential)}, err == nil
	case strings.HasPrefix(credential, v.cfg.ServiceKeyPrefix):
		err := ParseAPIKey(v.cfg.ServiceKeyPrefix, credential)
		return proof{kind: KindService, key: true, hash: HashSecret(credential)}, err == nil
	}
	claims, err := v.cfg.Tokens.Verify(credential)
	return proof{kind: claims.Kind, claims: claims}, err == nil
}

// look asks the database. The verdict's basis has its stripes only, and no
// principal when the credential is not good.
func (v *Verifier) look(ctx context.Context, p proof, now time.Time) (*verdict, error) {
	d := &verdict{expires: now.Add(v.cfg.TTL)}
	look := v.lookUserSession
	switch {
	case p.kind == KindService:
		look = v.lookServiceKey
	case p.kind == KindAdmin:
		look = v.lookAdminSession
	case p.kind == KindStaff:
		look = v.lookStaffSession
	case p.key:
		look = v.lookAPIKey
	}
	if err := look(ctx, d, p, now); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if d.principal == nil {
		d.expires = now.Add(v.cfg.NegativeTTL)
	}
	return d, nil
}

func (v *Verifier) lookUserSession(ctx context.Context, d *verdict, p proof, now time.Time) error {
	d.concerns(store.UserVersion(p.claims.Subject), store.SessionVersion(p.claims.SessionID))
	session, user, err := v.cfg.Store.SessionWithUser(ctx, p.claims.SessionID)
	if err != nil || !d.restsOn(session, p.claims, now) || user.SuspendedAt(now) {
		return err
	}
	return v.admit(ctx, d, Principal{SessionID: session.ID, AllScopes: true}, user, now)
}

func (v *Verifier) lookAdminSession(ctx context.Context, d *verdict, p proof, now time.Time) error {
	d.concerns(store.AdminVersion(p.claims.Subject), store.SessionVersion(p.claims.SessionID))
	session, admin, err := v.cfg.Store.SessionWithAdmin(ctx, p.claims.SessionID)
	if err != nil || !d.restsOn(session, p.claims, now) || admin.Status != store.Active {
		return err
	}
	d.principal = &Principal{
		Subject: admin.ID, Kind: KindAdmin, Username: admin.Username, SessionID: session.ID,
		AllScopes: true, Permissions: admin.Permissions,
	}
	return nil
}

func (v *Verifier) lookStaffSession(ctx context.Context, d *verdict, p proof, now time.Time) error {
	d.concerns(store.StaffVersion(p.claims.Subject), store.SessionVersion(p.claims.SessionID))
	session, staff, err := v.cfg.Store.SessionWithStaff(ctx, p.claims.SessionID)
	if err != nil || !d.restsOn(session, p.claims, now) || staff.Status != store.Active {
		return err
	}
	d.principal = &Principal{
		Subject: staff.ID, Kind: KindStaff, Username: staff.Username, SessionID: session.ID,
		AllScopes: true, Level: staff.Level,
	}
	return nil
}

func (v *Verifier) lookAPIKey(ctx context.Context, d *verdict, shown proof, now time.Time) error {
	key, user, err := v.cfg.Store.APIKeyWithUser(ctx, shown.hash)
	if err != nil {
		d.concerns(store.SecretVersion(shown.hash)) // the key of a deleted user may come back
		return err
	}
	d.concerns(store.UserVersion(user.ID), store.KeyVersion(key.ID))
	if key.StatusAt(now) != store.Active || user.SuspendedAt(now) {
		return nil
	}
	own, _ := ratelimit.ParseRate(key.RateLimit) // zero for none
	d.byKeyFrom(key.AllowedIPs)
	d.endBy(key.EndsAt())
	p := Principal{KeyID: key.ID, KeyFamily: key.Family, Scopes: key.Scopes, Limits: key.Limits, Rate: own}
	return v.admit(ctx, d, p, user, now)
}

func (v *Verifier) lookServiceKey(ctx context.Context, d *verdict, p proof, now time.Time) error {
	key, err := v.cfg.Store.ServiceKeyByHash(ctx, p.hash)
	if err != nil {
		return err
	}
	d.concerns(store.ServiceKeyVersion(key.ID))
	if key.StatusAt(now) != store.Active {
		return nil
	}
	d.principal = &Principal{Subject: key.ID, Kind: KindService, Username: key.Name, KeyID: key.ID, Scopes: key.Scopes}
	d.byKeyFrom(key.AllowedIPs)
	d.endBy(key.ExpiresAt)
	return nil
}

// admit makes the verdict that the credential is a user's, with what the account
// says of the principal.
func (v *Verifier) admit(ctx context.Context, d *verdict, p Principal, user store.User, now time.Time) error {
	d.basis.stripes[2] = version.Stripe(store.PlanVersion(user.Plan))
	rate, err := v.rateOf(ctx, user.Plan, now)
	if err != nil {
		return err
	}
	p.Subject, p.Kind, p.Username = user.ID, KindUser, user.Username
	p.Plan, p.Zone, p.Overrides = user.Plan, user.Zone, user.Limits
	p.Rate = effectiveRate(p.Rate, rate, v.cfg.Rate)
	d.principal = &p
	return nil
}

// effectiveRate is a key's own rate, but never above the plan's or else the
// configured one: a key is not faster than the account it belongs to. Each key
// has a bucket of its own all the same.
func effectiveRate(own, plan, configured ratelimit.Rate) ratelimit.Rate {
	most := cmp.Or(plan, configured)
	switch {
	case !own.Valid():
		return plan
	case !most.Valid():
		return own
	default:
		return slower(own, most)
	}
}

// planRate is the remembered rate of one plan.
type planRate struct {
	rate    ratelimit.Rate
	basis   basis
	expires time.Time
}

// rateOf returns the rate of a plan, zero when it has none or does not exist.
func (v *Verifier) rateOf(ctx context.Context, plan string, now time.Time) (ratelimit.Rate, error) {
	r, ok := v.plans.Get(plan)
	if ok && now.Before(r.expires) && r.basis.holds(v.cfg.Versions) && v.cfg.Fresh(now) {
		return r.rate, nil
	}
	r = planRate{
		basis:   basisOf(v.cfg.Versions, [3]uint32{version.Stripe(store.PlanVersion(plan))}),
		expires: now.Add(v.cfg.TTL),
	}
	found, err := v.cfg.Store.PlanGet(ctx, plan)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return ratelimit.Rate{}, err
	}
	r.rate, _ = ratelimit.ParseRate(found.RateLimit) // zero for none
	v.plans.Add(plan, r)
	return r.rate, nil
}

// unavailable makes a fault of the database an answer to send.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed) {
		return err
	}
	return store.Unavailable(err)
}
