package authn

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/internal/network"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

const (
	maxKeyName    = 100 // code points
	maxAllowedIPs = 100
	maxKeyLimits  = 64
)

// validate checks the fields that clients set and that differ from before, and
// brings them into form: scopes sorted, addresses as canonical prefixes, times
// in UTC. Of the limits it checks those that the client named. What was stored
// stays good: a scope or a meter that the host dropped since, or an expiry that
// has passed, does not stop a change of name.
func (k *Keys) validate(key *store.APIKey, before store.APIKey, limits []store.Limit) error {
	var f keyFaults
	f.checkName(key.Name)
	f.checkScopes(&key.Scopes, before.Scopes, k.scopes)
	f.checkExpiry(&key.ExpiresAt, before.ExpiresAt, k.cfg.Clock())
	f.checkAddresses(&key.AllowedIPs)
	if key.RateLimit != "" {
		if _, err := ratelimit.ParseRate(key.RateLimit); err != nil {
			f.add("rate_limit", "format", `The rate must look like "20/s,burst=40".`)
		}
	}
	declared := func(meter string) bool {
		stored := func(l store.Limit) bool { return l.Meter == meter }
		return k.cfg.Meters == nil || slices.Contains(k.cfg.Meters, meter) || slices.ContainsFunc(before.Limits, stored)
	}
	if max(len(limits), len(key.Limits)) > maxKeyLimits {
		f.add("limits", "max_items", "There are more than 64 limits.")
	} else {
		f = append(f, limitFaults(limits, declared)...)
	}
	return f.err()
}

// keyFaults are what is wrong with the fields of a key.
type keyFaults []store.FieldError

func (f *keyFaults) add(field, rule, message string) {
	*f = append(*f, store.FieldError{Field: field, Rule: rule, Message: message})
}

func (f *keyFaults) checkName(name string) {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxKeyName || !printable(name) {
		f.add("name", "length", "The name must have 1 to 100 printable characters.")
	}
}

// checkScopes sorts scopes, of which each must exist or have been there before.
func (f *keyFaults) checkScopes(scopes *[]string, before, existing []string) {
	*scopes = slices.Compact(slices.Sorted(slices.Values(*scopes)))
	unknown := func(scope string) bool {
		return !slices.Contains(existing, scope) && !slices.Contains(before, scope)
	}
	if slices.ContainsFunc(*scopes, unknown) {
		f.add("scopes", "unknown", "There is a scope that does not exist. These do: "+strings.Join(existing, ", ")+".")
	}
}

func (f *keyFaults) checkExpiry(at *time.Time, before, now time.Time) {
	*at = at.UTC().Truncate(time.Microsecond)
	if !at.IsZero() && !at.Equal(before) && !at.After(now) {
		f.add("expires_at", "future", "The time must be in the future.")
	}
}

func (f *keyFaults) checkAddresses(list *[]string) {
	prefixes, ok := canonicalPrefixes(*list)
	if *list = prefixes; !ok {
		f.add("allowed_ips", "format", "There must be at most 100 entries, each an address or a CIDR prefix.")
	}
}

func (f keyFaults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &store.Error{Code: store.ErrValidation, Detail: "The key has a member that is not valid.", Fields: f}
}

func limitFaults(limits []store.Limit, declared func(meter string) bool) []store.FieldError {
	var errs []store.FieldError
	for i, l := range limits {
		fault := func(member, rule, message string) {
			errs = append(errs, store.FieldError{Field: fmt.Sprintf("limits[%d]%s", i, member), Rule: rule, Message: message})
		}
		switch {
		case l.Meter == "" || len(l.Meter) > 64 || !printable(l.Meter):
			fault(".meter", "format", "The meter must be the name of one.")
		case !declared(l.Meter):
			fault(".meter", "unknown", "There is no such meter.")
		}
		if l.Window != store.Day && l.Window != store.Week && l.Window != store.Month {
			fault(".window", "enum", "The window must be day, week or month.")
		}
		if l.Limit < store.Unlimited || l.Limit > store.MaxAmount {
			fault(".limit", "range", "The limit must be from 0 to 9007199254740991, or null.")
		}
		if _, twice := limitOf(limits[:i], l); twice {
			fault("", "unique", "The meter and window are named already.")
		}
	}
	return errs
}

// canonicalPrefixes reads addresses and prefixes and writes each as the one
// prefix it means: masked, IPv4 never in IPv6 form, sorted, none twice.
func canonicalPrefixes(list []string) ([]string, bool) {
	if len(list) > maxAllowedIPs {
		return nil, false
	}
	var out []string
	for _, text := range list {
		prefix, err := network.Parse(text)
		if err != nil {
			return nil, false
		}
		out = append(out, prefix.String())
	}
	slices.Sort(out)
	return slices.Compact(out), true
}

// parsePrefixes reads a stored list. An entry that cannot be read admits
// nobody.
func parsePrefixes(list []string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i], _ = network.Parse(text)
	}
	return out
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
