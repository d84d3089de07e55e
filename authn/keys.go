package authn

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

const (
	// MaxKeys is how many keys a user may have that are neither revoked nor
	// expired.
	MaxKeys = 100

	// MaxRotationGrace is how long a rotated key may live on at most.
	MaxRotationGrace = 7 * 24 * time.Hour

	defaultKeyPrefix = "um_"
)

// KeysConfig is what Keys need. Store and Door are required.
type KeysConfig struct {
	Store store.Store
	Door  *change.Door
	// Prefix begins every key; empty means "um_".
	Prefix string
	Clock  func() time.Time // nil means time.Now
	// HostScopes are the scopes the host knows beside the built-in ones.
	HostScopes []string
	// DefaultScopes are those of a key that is made without any.
	DefaultScopes []string
	// Meters are what a key can have limits of. A limit of anything else would
	// look like protection and be none, so it is refused. Nil means any name.
	Meters []string
}

// NewKey describes a key to make. What is empty does not restrict the key,
// except that nil Scopes are the default ones.
type NewKey struct {
	Name       string
	Scopes     []string
	ExpiresAt  time.Time // zero means never
	AllowedIPs []string  // addresses and CIDR prefixes
	RateLimit  string    // such as "20/s,burst=40"
	Limits     []store.Limit
}

// Keys makes, changes and revokes users' API keys. A caller that is a
// key needs the scope keys:manage, and neither makes nor changes a key into one
// with more rights than its own. Methods are safe for concurrent use.
type Keys struct {
	cfg    KeysConfig
	scopes []string // all that exist, sorted
}

// NewKeys makes the service.
func NewKeys(cfg KeysConfig) *Keys {
	cfg.Prefix = cmp.Or(cfg.Prefix, defaultKeyPrefix)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	scopes := slices.Concat(BuiltinScopes(), cfg.HostScopes)
	slices.Sort(scopes)
	return &Keys{cfg: cfg, scopes: slices.Compact(scopes)}
}

// Create makes a key for the creator, who is its owner, and returns it with its
// secret, which is shown this once. A field that is not valid is ErrValidation, a
// right that the creator lacks ErrForbidden, more than MaxKeys keys ErrConflict. A
// key with ScopeKeysManage by a session whose password was given more than ten
// minutes ago is ErrReauthRequired; so it is in Update and Rotate.
func (k *Keys) Create(ctx context.Context, actor store.Actor, creator Principal, in NewKey) (store.APIKey, Secret, error) {
	if in.Scopes == nil {
		in.Scopes = k.cfg.DefaultScopes
	}
	asked := store.APIKey{
		Family:     ids.New(ids.KeyFamily),
		UserID:     creator.Subject,
		Name:       in.Name,
		Scopes:     in.Scopes,
		AllowedIPs: in.AllowedIPs,
		RateLimit:  in.RateLimit,
		Limits:     in.Limits,
		ExpiresAt:  in.ExpiresAt,
	}
	if err := k.validate(&asked, store.APIKey{}, in.Limits); err != nil {
		return store.APIKey{}, "", err
	}
	secret := GenerateAPIKey(k.cfg.Prefix)
	var made store.APIKey
	err := k.change(ctx, actor, creator, func(ctx context.Context, tx keyTx) error {
		made = tx.rights.fill(asked)
		if err := tx.insert(ctx, &made, secret); err != nil {
			return err
		}
		tx.record("key.create", made.UserID, made.ID, diffKeys(store.APIKey{}, made))
		return nil
	})
	return made, secret, err
}

// Get returns a key of a user.
func (k *Keys) Get(ctx context.Context, userID, id string) (store.APIKey, error) {
	return k.cfg.Store.APIKeyGet(ctx, userID, id)
}

// List lists a user's keys, revoked ones included.
func (k *Keys) List(ctx context.Context, userID string, p store.Page) (store.List[store.APIKey], error) {
	return k.cfg.Store.APIKeyList(ctx, userID, p)
}

// Update changes a key of the creator. A revoked key is ErrConflict, as is an
// expired one that there is no room to bring back; an outcome beyond the
// creator's rights is ErrForbidden. Verdicts made before are forgotten when
// Update returns.
func (k *Keys) Update(ctx context.Context, actor store.Actor, creator Principal, id string, up KeyUpdate) (store.APIKey, error) {
	var key store.APIKey
	err := k.change(ctx, actor, creator, func(ctx context.Context, tx keyTx) error {
		before, err := tx.q.APIKeyGet(ctx, creator.Subject, id)
		if err != nil {
			return err
		}
		if before.Status == store.Revoked {
			return errRevokedKey()
		}
		key = up.apply(before)
		if err := k.validate(&key, before, up.limits()); err != nil {
			return err
		}
		return tx.update(ctx, "key.update", before, key)
	})
	return key, err
}

// Enable makes a suspended key active again: keys come back suspended with a
// restored account. An active key stays as it is, a revoked one is
// ErrConflict.
func (k *Keys) Enable(ctx context.Context, actor store.Actor, creator Principal, id string) (store.APIKey, error) {
	var key store.APIKey
	err := k.change(ctx, actor, creator, func(ctx context.Context, tx keyTx) error {
		before, err := tx.q.APIKeyGet(ctx, creator.Subject, id)
		if err != nil {
			return err
		}
		if before.Status == store.Revoked {
			return errRevokedKey()
		}
		key = before
		key.Status = store.Active
		return tx.update(ctx, "key.enable", before, key)
	})
	return key, err
}

// Revoke ends a key of a user for good; it stays listed. It is refused from
// when Revoke returns, on other instances within a second. Revoking a revoked
// key is nil. The reason is as in Sessions.RevokeAll.
func (k *Keys) Revoke(ctx context.Context, actor store.Actor, userID, id, reason string) error {
	if err := checkReason(actor, userID, reason); err != nil {
		return err
	}
	return k.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		before, err := q.APIKeyGet(ctx, userID, id)
		if err != nil || before.Status == store.Revoked {
			return err
		}
		after := before
		after.Status, after.RevokedAt = store.Revoked, c.At
		c.Reason = reason
		return keyTx{q: q, c: c}.write(ctx, "key.revoke", before, after)
	})
}

// Rotate makes a new key with the rights and the expiry of an active one, in the
// same family, and returns it with its secret. The old key lives until grace has
// passed, or ends at once when grace is zero; both share limits and usage. Grace
// is at most MaxRotationGrace. A key that is not active is ErrConflict.
//
// Whoever lost the new key rotates the old one again during its grace: that is
// not prolonged, and does not shorten the life of what comes out.
func (k *Keys) Rotate(ctx context.Context, actor store.Actor, creator Principal, id string, grace time.Duration) (store.APIKey, Secret, error) {
	if grace < 0 || grace > MaxRotationGrace {
		return store.APIKey{}, "", store.Invalid("grace_seconds", "range", "The grace must be from 0 to 604800 seconds.")
	}
	secret := GenerateAPIKey(k.cfg.Prefix)
	var made store.APIKey
	err := k.change(ctx, actor, creator, func(ctx context.Context, tx keyTx) error {
		before, err := tx.q.APIKeyGet(ctx, creator.Subject, id)
		if err != nil {
			return err
		}
		if before.StatusAt(tx.c.At) != store.Active {
			return store.Errorf(store.ErrConflict, "Only an active key can be rotated.")
		}
		after := retired(before, tx.c.At, grace)
		if err := tx.q.APIKeyUpdate(ctx, after); err != nil {
			return err
		}
		made = before
		made.RotatedFrom, made.LastUsedAt, made.RetiresAt = before.ID, time.Time{}, time.Time{}
		if err := tx.insert(ctx, &made, secret); err != nil {
			return err
		}
		changes := diffKeys(before, after)
		changes["successor"] = store.Diff{To: made.ID}
		tx.record("key.rotate", before.UserID, before.ID, changes)
		return nil
	})
	return made, secret, err
}

// retired is a key once it was rotated: it ends after grace, if not before.
func retired(key store.APIKey, now time.Time, grace time.Duration) store.APIKey {
	if grace == 0 {
		key.Status, key.RevokedAt = store.Revoked, now
	} else if end, own := now.Add(grace), key.EndsAt(); own.IsZero() || end.Before(own) {
		key.RetiresAt = end
	}
	return key
}

// keyTx is one change of keys: the transaction, what it tells the audit trail
// and the caches, and what whoever asked for it may confer.
type keyTx struct {
	q      store.Queries
	c      *store.Change
	rights keyRights
}

// change runs fn with the rights of the creator, read in the transaction.
func (k *Keys) change(ctx context.Context, actor store.Actor, creator Principal, fn func(ctx context.Context, tx keyTx) error) error {
	return k.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		rights, err := rightsOf(ctx, q, creator, c.At)
		if err != nil {
			return err
		}
		return fn(ctx, keyTx{q: q, c: c, rights: rights})
	})
}

// insert stores a new key under an id of its own.
func (tx keyTx) insert(ctx context.Context, key *store.APIKey, secret Secret) error {
	if err := tx.rights.admit(store.APIKey{}, *key); err != nil {
		return err
	}
	if err := tx.checkRoom(ctx, key.UserID); err != nil {
		return err
	}
	key.ID = ids.New(ids.Key)
	key.Prefix, key.Last4 = displayKey(secret)
	key.Status = store.Active
	key.CreatedAt = tx.c.At
	return tx.q.APIKeyInsert(ctx, store.APIKeyHash{APIKey: *key, Hash: HashSecret(secret.Reveal())})
}

// update writes what differs, when the creator may confer the outcome. A key
// that comes back from its end needs room like a new one.
func (tx keyTx) update(ctx context.Context, action string, before, after store.APIKey) error {
	if err := tx.rights.admit(before, after); err != nil {
		return err
	}
	if tx.ended(before) && !tx.ended(after) {
		if err := tx.checkRoom(ctx, after.UserID); err != nil {
			return err
		}
	}
	return tx.write(ctx, action, before, after)
}

// write stores and records what differs, if anything does.
func (tx keyTx) write(ctx context.Context, action string, before, after store.APIKey) error {
	changes := diffKeys(before, after)
	if len(changes) == 0 {
		return nil
	}
	tx.record(action, after.UserID, after.ID, changes)
	return tx.q.APIKeyUpdate(ctx, after)
}

func (tx keyTx) record(action, owner, id string, changes map[string]store.Diff) {
	tx.c.Action = action
	tx.c.Target = store.Target{Kind: "key", ID: id, Owner: owner}
	tx.c.Changes = changes
	tx.c.Affects = append(tx.c.Affects, store.KeyVersion(id))
}

func (tx keyTx) ended(key store.APIKey) bool {
	end := key.EndsAt()
	return !end.IsZero() && !tx.c.At.Before(end)
}

// checkRoom refuses one key more than MaxKeys.
func (tx keyTx) checkRoom(ctx context.Context, userID string) error {
	live, err := tx.q.APIKeyCount(ctx, userID, tx.c.At)
	if err == nil && live >= MaxKeys {
		return store.Errorf(store.ErrConflict, "There are %d keys already. Revoke one first.", MaxKeys)
	}
	return err
}

func errRevokedKey() error {
	return store.Errorf(store.ErrConflict, "A revoked key stays revoked.")
}
