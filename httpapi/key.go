package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Key is an API key without its secret.
type Key struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Prefix      string       `json:"prefix" doc:"How the key begins"`
	Last4       string       `json:"last4" doc:"How the key ends"`
	Scopes      []string     `json:"scopes"`
	AllowedIPs  []string     `json:"allowed_ips" doc:"Where it may be used from; empty means anywhere"`
	RateLimit   *string      `json:"rate_limit" doc:"Such as 20/s,burst=40; null means the plan's"`
	Limits      []Limit      `json:"limits" doc:"Limits of the key's own"`
	Status      store.Status `json:"status" enum:"active,expired,suspended,revoked"`
	RotatedFrom *string      `json:"rotated_from" doc:"The id of the key that this one replaced"`
	CreatedAt   time.Time    `json:"created_at"`
	LastUsedAt  *time.Time   `json:"last_used_at"`
	ExpiresAt   *time.Time   `json:"expires_at" doc:"Null means never; of a rotated key, the end of its grace"`
}

// KeyWithSecret is an API key just made: the one answer that shows the key
// itself.
type KeyWithSecret struct {
	Key
	Secret string `json:"key" doc:"The key itself, shown this once"`
}

func (a *API) key(k store.APIKey) Key {
	return Key{
		ID:          k.ID,
		Name:        k.Name,
		Prefix:      k.Prefix,
		Last4:       k.Last4,
		Scopes:      emptyNotNull(k.Scopes),
		AllowedIPs:  emptyNotNull(k.AllowedIPs),
		RateLimit:   textOrNull(k.RateLimit),
		Limits:      limits(k.Limits),
		Status:      k.StatusAt(a.cfg.Clock()),
		RotatedFrom: textOrNull(k.RotatedFrom),
		CreatedAt:   k.CreatedAt.UTC(),
		LastUsedAt:  timeOrNull(k.LastUsedAt),
		ExpiresAt:   timeOrNull(k.EndsAt()),
	}
}

func (a *API) listKeys(ctx context.Context, c *call, _ none) (List[Key], error) {
	return a.keysOf(ctx, c, c.subject())
}

func (a *API) keysOf(ctx context.Context, c *call, userID string) (List[Key], error) {
	list, err := a.cfg.Keys.List(ctx, userID, c.page)
	if err != nil {
		return List[Key]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, a.key), nil
}

func (a *API) getKey(ctx context.Context, c *call, _ none) (Key, error) {
	key, err := a.cfg.Keys.Get(ctx, c.subject(), c.id)
	if err != nil {
		return Key{}, err
	}
	return a.key(key), nil
}

type createKeyInput struct {
	Name       string       `json:"name"`
	Scopes     []string     `json:"scopes,omitempty" nullable:"false" doc:"Absent means the default scopes"`
	ExpiresAt  *time.Time   `json:"expires_at,omitempty" nullable:"true" doc:"Absent or null means never"`
	AllowedIPs []string     `json:"allowed_ips,omitempty" nullable:"false" doc:"Addresses and CIDR prefixes; none means anywhere"`
	RateLimit  string       `json:"rate_limit,omitempty" nullable:"true" doc:"Such as 20/s,burst=40; absent or null means the plan's"`
	Limits     []limitInput `json:"limits,omitempty" nullable:"false" maxItems:"64"`
}

func (a *API) createKey(ctx context.Context, c *call, in createKeyInput) (KeyWithSecret, error) {
	asked := authn.NewKey{
		Name:       in.Name,
		Scopes:     in.Scopes,
		AllowedIPs: in.AllowedIPs,
		RateLimit:  in.RateLimit,
		Limits:     storeLimits(in.Limits),
	}
	if in.ExpiresAt != nil {
		asked.ExpiresAt = *in.ExpiresAt
	}
	key, secret, err := a.cfg.Keys.Create(ctx, c.actor(), c.principal, asked)
	if err != nil {
		return KeyWithSecret{}, err
	}
	return KeyWithSecret{a.key(key), secret.Reveal()}, nil
}

type updateKeyInput struct {
	Name       optional[string]             `json:"name,omitzero"`
	Scopes     optional[[]string]           `json:"scopes,omitzero" nullable:"false"`
	ExpiresAt  optional[time.Time]          `json:"expires_at,omitzero" nullable:"true" doc:"Null means never"`
	AllowedIPs optional[[]string]           `json:"allowed_ips,omitzero" nullable:"true" doc:"Null means anywhere"`
	RateLimit  optional[string]             `json:"rate_limit,omitzero" nullable:"true" doc:"Null means the plan's"`
	Limits     optional[[]limitChangeInput] `json:"limits,omitzero" nullable:"true" maxItems:"64" doc:"Pairs of meter and window that are not named stay; null removes all"`
}

func (a *API) updateKey(ctx context.Context, c *call, in updateKeyInput) (Key, error) {
	update := authn.KeyUpdate{
		Name:       in.Name.pointer(),
		Scopes:     in.Scopes.pointer(),
		ExpiresAt:  in.ExpiresAt.pointer(),
		AllowedIPs: in.AllowedIPs.pointer(),
		RateLimit:  in.RateLimit.pointer(),
	}
	update.DropLimits = in.Limits.set && in.Limits.value == nil
	var err error
	if update.Limits, err = limitChanges(in.Limits.value); err != nil {
		return Key{}, err
	}
	key, err := a.cfg.Keys.Update(ctx, c.actor(), c.principal, c.id, update)
	if err != nil {
		return Key{}, err
	}
	return a.key(key), nil
}

func (a *API) revokeKey(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, a.cfg.Keys.Revoke(ctx, c.actor(), c.subject(), c.id, "")
}

type rotateKeyInput struct {
	GraceSeconds int64 `json:"grace_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long the old key lives on"`
}

func (a *API) rotateKey(ctx context.Context, c *call, in rotateKeyInput) (KeyWithSecret, error) {
	grace := time.Duration(in.GraceSeconds) * time.Second
	key, secret, err := a.cfg.Keys.Rotate(ctx, c.actor(), c.principal, c.id, grace)
	if err != nil {
		return KeyWithSecret{}, err
	}
	return KeyWithSecret{a.key(key), secret.Reveal()}, nil
}

func (a *API) enableKey(ctx context.Context, c *call, _ none) (Key, error) {
	key, err := a.cfg.Keys.Enable(ctx, c.actor(), c.principal, c.id)
	if err != nil {
		return Key{}, err
	}
	return a.key(key), nil
}

// emptyNotNull shows a list without items as one.
func emptyNotNull(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
