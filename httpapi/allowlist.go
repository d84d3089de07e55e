package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/internal/network"
	"github.com/usermgmt/usermgmt/store"
)

// Allowlist is the networks that requests are taken from.
type Allowlist struct {
	Allow []string `json:"allow" doc:"Networks and addresses; empty means everybody"`
}

func networkList(networks []netip.Prefix) Allowlist {
	out := Allowlist{Allow: make([]string, len(networks))}
	for i, n := range networks {
		out.Allow[i] = n.String()
	}
	return out
}

func (a *API) settingsRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/settings/ip-allowlist", id: "get-ip-allowlist", tag: "settings", action: authz.ReadAllowlist,
		summary: "Show where requests are taken from, beside what the configuration says", status: http.StatusOK,
	}, a.getAllowlist)
	handle(r, route{
		method: "PUT", path: "/settings/ip-allowlist", id: "put-ip-allowlist", tag: "settings", action: authz.SetAllowlist,
		summary: "Set where requests are taken from, on every instance and at once", status: http.StatusOK,
		query:    []parameter{forceParameter},
		refusals: []store.Code{store.ErrWouldLockOut},
	}, a.putAllowlist)
}

var forceParameter = parameter{"force", "true sets a list that excludes the caller"}

func (a *API) getAllowlist(ctx context.Context, _ *call, _ none) (Allowlist, error) {
	networks, err := a.cfg.Allowlist.Get(ctx)
	if err != nil {
		return Allowlist{}, err
	}
	return networkList(networks), nil
}

type putAllowlistInput struct {
	Allow []string `json:"allow" nullable:"false" maxItems:"1000" doc:"Networks such as 10.0.0.0/8, and addresses; empty means everybody"`
}

func (a *API) putAllowlist(ctx context.Context, c *call, in putAllowlistInput) (Allowlist, error) {
	force, err := c.flag(forceParameter)
	if err != nil {
		return Allowlist{}, err
	}
	networks, err := readNetworks(in.Allow)
	if err != nil {
		return Allowlist{}, err
	}
	if len(networks) > 0 && !force && !network.Contains(networks, c.origin.IP) {
		return Allowlist{}, store.Errorf(store.ErrWouldLockOut,
			"The list does not hold the address that you call from. Add it, or send force=true to be shut out.")
	}
	if err := a.cfg.Allowlist.Set(ctx, c.actor(), networks); err != nil {
		return Allowlist{}, err
	}
	return networkList(networks), nil
}

// readNetworks reads networks and addresses, each once.
func readNetworks(texts []string) (networks []netip.Prefix, err error) {
	var faults []store.FieldError
	for i, text := range texts {
		n, err := network.Parse(text)
		if err != nil {
			faults = append(faults, store.FieldError{
				Field: fmt.Sprintf("allow[%d]", i), Rule: "format", Message: "It must be an address or a network such as 192.0.2.0/24.",
			})
		} else if !slices.Contains(networks, n) {
			networks = append(networks, n)
		}
	}
	if len(faults) > 0 {
		return nil, invalidMembers(faults)
	}
	return networks, nil
}
