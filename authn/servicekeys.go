package authn

import (
	"cmp"
	"context"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

const defaultServiceKeyPrefix = "ums_"

// The scopes of service keys.
const (
	ScopeIntrospect = "introspect" // ask whose a credential is
	ScopeAuthz      = "authz"      // ask whether a request may pass
	ScopeMeter      = "meter"      // consume and reserve for users
	ScopeMessages   = "messages"   // log messages of users
)

// ServiceScopes are the scopes that a service key may have, sorted.
func ServiceScopes() []string {
	return []string{ScopeAuthz, ScopeIntrospect, ScopeMessages, ScopeMeter}
}

// ServiceKeysConfig is what ServiceKeys need. Store and Door are required.
type ServiceKeysConfig struct {
	Store store.Store
	Door  *change.Door
	// Prefix begins every key; empty means "ums_".
	Prefix string
	Clock  func() time.Time // nil means time.Now
}

// NewServiceKey describes a key to make.
type NewServiceKey struct {
	Name       string
	Scopes     []string  // of ServiceScopes; none means all of them
	ExpiresAt  time.Time // zero means never
	AllowedIPs []string  // addresses and CIDR prefixes; none means any address
}

// ServiceKeys makes, lists and revokes the keys of services, which act for every
// user within their scopes. Methods are safe for concurrent use.
type ServiceKeys struct{ cfg ServiceKeysConfig }

// NewServiceKeys makes the service.
func NewServiceKeys(cfg ServiceKeysConfig) *ServiceKeys {
	cfg.Prefix = cmp.Or(cfg.Prefix, defaultServiceKeyPrefix)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &ServiceKeys{cfg: cfg}
}

// Create makes a key and returns it with its secret, which is shown this once. A
// field that is not valid is ErrValidation.
func (k *ServiceKeys) Create(ctx context.Context, actor store.Actor, in NewServiceKey) (store.ServiceKey, Secret, error) {
	if len(in.Scopes) == 0 {
		in.Scopes = ServiceScopes()
	}
	var f keyFaults
	f.checkName(in.Name)
	f.checkScopes(&in.Scopes, nil, ServiceScopes())
	f.checkExpiry(&in.ExpiresAt, time.Time{}, k.cfg.Clock())
	f.checkAddresses(&in.AllowedIPs)
	if err := f.err(); err != nil {
		return store.ServiceKey{}, "", err
	}
	secret := GenerateAPIKey(k.cfg.Prefix)
	made := store.ServiceKey{
		ID:         ids.New(ids.ServiceKey),
		Name:       in.Name,
		Scopes:     in.Scopes,
		AllowedIPs: in.AllowedIPs,
		Status:     store.Active,
		CreatedBy:  actor.ID,
		ExpiresAt:  in.ExpiresAt,
	}
	made.Prefix, made.Last4 = displayKey(secret)
	err := k.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		made.CreatedAt = c.At
		c.Action, c.Target = "service_key.create", store.Target{Kind: "service_key", ID: made.ID}
		c.Changes = map[string]store.Diff{"name": {To: made.Name}, "scopes": {To: made.Scopes}}
		if len(made.AllowedIPs) > 0 {
			c.Changes["allowed_ips"] = store.Diff{To: made.AllowedIPs}
		}
		if !made.ExpiresAt.IsZero() {
			c.Changes["expires_at"] = store.Diff{To: made.ExpiresAt}
		}
		c.Affects = append(c.Affects, store.ServiceKeyVersion(made.ID))
		return q.ServiceKeyInsert(ctx, store.ServiceKeyHash{ServiceKey: made, Hash: HashSecret(secret.Reveal())})
	})
	if err != nil {
		return store.ServiceKey{}, "", err
	}
	return made, secret, nil
}

// List lists all keys, revoked ones included.
func (k *ServiceKeys) List(ctx context.Context, p store.Page) (store.List[store.ServiceKey], error) {
	return k.cfg.Store.ServiceKeyList(ctx, p)
}

// Revoke ends a key for good; it stays listed. It is refused from when Revoke
// returns, on other instances within a second. Revoking a revoked key is nil.
func (k *ServiceKeys) Revoke(ctx context.Context, actor store.Actor, id string) error {
	return k.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		key, err := q.ServiceKeyGet(ctx, id)
		if err != nil || key.Status == store.Revoked {
			return err
		}
		c.Action, c.Target = "service_key.revoke", store.Target{Kind: "service_key", ID: id}
		c.Changes = map[string]store.Diff{"status": {From: key.Status, To: store.Revoked}}
		c.Affects = append(c.Affects, store.ServiceKeyVersion(id))
		key.Status, key.RevokedAt = store.Revoked, c.At
		return q.ServiceKeyUpdate(ctx, key)
	})
}
