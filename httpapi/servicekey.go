package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// ServiceKey is the key of a service, without its secret.
type ServiceKey struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Prefix     string       `json:"prefix" doc:"How the key begins"`
	Last4      string       `json:"last4" doc:"How the key ends"`
	Scopes     []string     `json:"scopes" enum:"authz,introspect,messages,meter"`
	AllowedIPs []string     `json:"allowed_ips" doc:"Where it may be used from; empty means anywhere"`
	Status     store.Status `json:"status" enum:"active,expired,revoked"`
	CreatedAt  time.Time    `json:"created_at"`
	LastUsedAt *time.Time   `json:"last_used_at"`
	ExpiresAt  *time.Time   `json:"expires_at" doc:"Null means never"`
}

// ServiceKeyWithSecret is a service key just made: the one answer that shows the
// key itself.
type ServiceKeyWithSecret struct {
	ServiceKey
	Secret string `json:"key" doc:"The key itself, shown this once"`
}

func (a *API) serviceKey(k store.ServiceKey) ServiceKey {
	return ServiceKey{
		ID:         k.ID,
		Name:       k.Name,
		Prefix:     k.Prefix,
		Last4:      k.Last4,
		Scopes:     emptyNotNull(k.Scopes),
		AllowedIPs: emptyNotNull(k.AllowedIPs),
		Status:     k.StatusAt(a.cfg.Clock()),
		CreatedAt:  k.CreatedAt.UTC(),
		LastUsedAt: timeOrNull(k.LastUsedAt),
		ExpiresAt:  timeOrNull(k.ExpiresAt),
	}
}

func (a *API) listServiceKeys(ctx context.Context, c *call, _ none) (List[ServiceKey], error) {
	list, err := a.cfg.Services.List(ctx, c.page)
	if err != nil {
		return List[ServiceKey]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, a.serviceKey), nil
}

type createServiceKeyInput struct {
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes,omitempty" nullable:"false" enum:"authz,introspect,messages,meter" doc:"Absent or empty means all"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty" nullable:"true" doc:"Absent or null means never"`
	AllowedIPs []string   `json:"allowed_ips,omitempty" nullable:"false" doc:"Addresses and CIDR prefixes; none means anywhere"`
}

func (a *API) createServiceKey(ctx context.Context, c *call, in createServiceKeyInput) (ServiceKeyWithSecret, error) {
	asked := authn.NewServiceKey{Name: in.Name, Scopes: in.Scopes, AllowedIPs: in.AllowedIPs}
	if in.ExpiresAt != nil {
		asked.ExpiresAt = *in.ExpiresAt
	}
	key, secret, err := a.cfg.Services.Create(ctx, c.actor(), asked)
	if err != nil {
		return ServiceKeyWithSecret{}, err
	}
	return ServiceKeyWithSecret{a.serviceKey(key), secret.Reveal()}, nil
}

func (a *API) revokeServiceKey(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, a.cfg.Services.Revoke(ctx, c.actor(), c.id)
}
