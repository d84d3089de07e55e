package authn

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// The built-in scopes. A host adds its own.
const (
	ScopeAccountRead  = "account:read"
	ScopeAccountWrite = "account:write"
	ScopeKeysManage   = "keys:manage"
	ScopeUsageRead    = "usage:read"
	ScopeMessagesRead = "messages:read"
)

// BuiltinScopes are the scopes that our own routes ask a key for. Hosts add
// scopes of other names.
func BuiltinScopes() []string {
	return []string{ScopeAccountRead, ScopeAccountWrite, ScopeKeysManage, ScopeUsageRead, ScopeMessagesRead}
}

// keyRights is what somebody may confer on a key: everything of the account
// with a token, no more than its own rights with a key.
type keyRights struct {
	key   *store.APIKey // nil for a token
	stale bool          // the password of the token's session was given too long ago
}

// reauthWithin is how long a password that was given serves for what a stolen
// access token must not do alone.
const reauthWithin = 10 * time.Minute

// rightsOf reads the rights of a user, or answers ErrForbidden to a key that
// may not manage keys and to other kinds of account.
func rightsOf(ctx context.Context, q store.Queries, creator Principal, now time.Time) (keyRights, error) {
	if creator.Kind != KindUser || !creator.HasScope(ScopeKeysManage) {
		return keyRights{}, store.Errorf(store.ErrForbidden, "The credential may not manage keys.")
	}
	if _, err := q.UserGet(ctx, creator.Subject); err != nil {
		return keyRights{}, err
	}
	if creator.KeyID == "" {
		return tokenRights(ctx, q, creator.SessionID, now)
	}
	key, err := q.APIKeyGet(ctx, creator.Subject, creator.KeyID)
	if err != nil {
		return keyRights{}, unknownIsInvalid(err)
	}
	if key.StatusAt(now) != store.Active {
		return keyRights{}, invalidToken()
	}
	return keyRights{key: &key}, nil
}

// tokenRights are those of a session. A host that acts for a user names none.
func tokenRights(ctx context.Context, q store.Queries, sessionID string, now time.Time) (keyRights, error) {
	if sessionID == "" {
		return keyRights{}, nil
	}
	session, err := q.SessionGet(ctx, sessionID)
	if err != nil {
		return keyRights{}, unknownIsInvalid(err)
	}
	if !session.Live(now) {
		return keyRights{}, invalidToken()
	}
	return keyRights{stale: now.Sub(session.ReauthAt) > reauthWithin}, nil
}

// fill gives a new key the restrictions of its creator where it was asked for
// without any.
func (r keyRights) fill(key store.APIKey) store.APIKey {
	if r.key == nil {
		return key
	}
	if key.ExpiresAt.IsZero() {
		key.ExpiresAt = r.key.EndsAt()
	}
	if len(key.AllowedIPs) == 0 {
		key.AllowedIPs = r.key.AllowedIPs
	}
	if key.RateLimit == "" {
		key.RateLimit = r.key.RateLimit
	}
	key.Limits = slices.Clone(key.Limits)
	for _, own := range r.key.Limits {
		if _, found := limitOf(key.Limits, own); !found {
			key.Limits = append(key.Limits, own)
		}
	}
	return key
}

// admit answers ErrForbidden when the key could do anything that its creator
// cannot, and ErrReauthRequired when it would newly manage keys and the password
// was given too long ago. A new key has no before.
func (r keyRights) admit(before, key store.APIKey) error {
	manages := func(k store.APIKey) bool { return slices.Contains(k.Scopes, ScopeKeysManage) }
	if r.stale && manages(key) && !manages(before) {
		return store.Errorf(store.ErrReauthRequired, "Sign in again to issue a key that manages keys.")
	}
	if r.key == nil {
		return nil
	}
	own, end := *r.key, r.key.EndsAt()
	for _, rule := range []struct {
		within bool
		what   string
	}{
		{isSubset(key.Scopes, own.Scopes), "scopes"},
		{end.IsZero() || !key.EndsAt().IsZero() && !key.EndsAt().After(end), "lifetime"},
		{addressesWithin(key.AllowedIPs, own.AllowedIPs), "addresses"},
		{rateWithin(key.RateLimit, own.RateLimit), "rate limit"},
		{limitsWithin(key.Limits, own.Limits), "limits"},
	} {
		if !rule.within {
			return store.Errorf(store.ErrForbidden, "The %s of the key would go beyond those of the credential.", rule.what)
		}
	}
	return nil
}

func isSubset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// addressesWithin compares lists that validate has brought into form.
func addressesWithin(some, all []string) bool {
	if len(all) == 0 {
		return true
	}
	outer := parsePrefixes(all)
	for _, inner := range parsePrefixes(some) {
		contains := func(p netip.Prefix) bool { return p.Bits() <= inner.Bits() && p.Contains(inner.Addr()) }
		if !slices.ContainsFunc(outer, contains) {
			return false
		}
	}
	return len(some) > 0
}

func rateWithin(text, limit string) bool {
	if limit == "" {
		return true
	}
	rate, err := ratelimit.ParseRate(text)
	most, errMost := ratelimit.ParseRate(limit)
	return err == nil && errMost == nil && rate == slower(rate, most)
}

// slower returns a rate that is in no way above either.
func slower(a, b ratelimit.Rate) ratelimit.Rate {
	return ratelimit.Rate{PerSecond: min(a.PerSecond, b.PerSecond), Burst: min(a.Burst, b.Burst)}
}

func limitsWithin(some, all []store.Limit) bool {
	for _, own := range all {
		if own.Limit == store.Unlimited {
			continue
		}
		limit, found := limitOf(some, own)
		if !found || limit == store.Unlimited || limit > own.Limit {
			return false
		}
	}
	return true
}

// limitOf finds the limit of the same meter and window.
func limitOf(limits []store.Limit, like store.Limit) (int64, bool) {
	for _, l := range limits {
		if l.Meter == like.Meter && l.Window == like.Window {
			return l.Limit, true
		}
	}
	return 0, false
}
