package middleware

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/usermgmt/usermgmt/internal/network"
)

// ParsePrefixes reads a comma-separated list of networks, such as
// "10.0.0.0/8, 2001:db8::/32, 192.0.2.7". A single address is a network of
// one. Host bits are cleared (10.0.0.5/8 is 10.0.0.0/8) and IPv4 networks
// written inside IPv6 become IPv4, since addresses are compared in that form.
// The empty list is allowed; an empty element, a zone, or anything else that
// is not a network is an error that names the element's position, never its
// text.
func ParsePrefixes(csv string) ([]netip.Prefix, error) {
	if strings.TrimSpace(csv) == "" {
		return nil, nil
	}
	var prefixes []netip.Prefix
	for i, entry := range strings.Split(csv, ",") {
		p, err := network.Parse(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// isNetwork reports whether p can match an address in the form in which
// addresses are compared.
func isNetwork(p netip.Prefix) bool { return p.IsValid() && !p.Addr().Is4In6() }
