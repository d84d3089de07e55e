package authn

import (
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// KeyUpdate changes the fields that are not nil.
type KeyUpdate struct {
	Name       *string
	Scopes     *[]string
	ExpiresAt  *time.Time // zero means never; it also ends a grace
	AllowedIPs *[]string
	RateLimit  *string

	// DropLimits ends all limits of the key's own, before Limits are applied.
	// Pairs of meter and window that Limits do not name stay as they are.
	DropLimits bool
	Limits     []LimitChange
}

// LimitChange sets the limit of one meter and window or, with Inherit, ends it:
// then what holds for the user holds for a key alone, and what holds for the plan
// for a user.
type LimitChange struct {
	store.Limit
	Inherit bool
}

// limits returns what Limits name, for validate.
func (up KeyUpdate) limits() []store.Limit {
	var named []store.Limit
	for _, change := range up.Limits {
		named = append(named, change.Limit)
	}
	return named
}

// apply returns the key with the changes made.
func (up KeyUpdate) apply(key store.APIKey) store.APIKey {
	set(&key.Name, up.Name)
	set(&key.Scopes, up.Scopes)
	if up.ExpiresAt != nil {
		key.ExpiresAt, key.RetiresAt = *up.ExpiresAt, time.Time{}
	}
	set(&key.AllowedIPs, up.AllowedIPs)
	set(&key.RateLimit, up.RateLimit)
	key.Limits = slices.Clone(key.Limits)
	if up.DropLimits {
		key.Limits = nil
	}
	for _, change := range up.Limits {
		key.Limits = change.Apply(key.Limits)
	}
	return key
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Apply returns the limits with the change made, each in its place. It writes
// into the list it is given.
func (change LimitChange) Apply(limits []store.Limit) []store.Limit {
	i := slices.IndexFunc(limits, change.sameCounter)
	switch {
	case i < 0 && change.Inherit:
		return limits
	case i < 0:
		return append(limits, change.Limit)
	case change.Inherit:
		return slices.Delete(limits, i, i+1)
	}
	limits[i] = change.Limit
	return limits
}

func (change LimitChange) sameCounter(l store.Limit) bool {
	return l.Meter == change.Meter && l.Window == change.Window
}

// diffKeys lists what the audit trail shows of a change.
func diffKeys(before, after store.APIKey) map[string]store.Diff {
	changes := make(map[string]store.Diff)
	note := func(name string, from, to any, same bool) {
		if !same {
			changes[name] = store.Diff{From: from, To: to}
		}
	}
	note("name", before.Name, after.Name, before.Name == after.Name)
	note("status", before.Status, after.Status, before.Status == after.Status)
	note("scopes", before.Scopes, after.Scopes, slices.Equal(before.Scopes, after.Scopes))
	note("allowed_ips", before.AllowedIPs, after.AllowedIPs, slices.Equal(before.AllowedIPs, after.AllowedIPs))
	note("rate_limit", before.RateLimit, after.RateLimit, before.RateLimit == after.RateLimit)
	note("limits", before.Limits, after.Limits, slices.Equal(before.Limits, after.Limits))
	note("expires_at", before.EndsAt(), after.EndsAt(), before.EndsAt().Equal(after.EndsAt()))
	return changes
}
