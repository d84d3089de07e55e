package middleware

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
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
		p, err := ParsePrefix(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// Contains reports whether addr is within one of the networks. An IPv4
// address carried in IPv6 counts as IPv4 and a zone is disregarded, so that no
// way of writing an address gets around a list.
func Contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// errNotPrefix hides the cause on purpose: netip's errors quote their input.
var errNotPrefix = errors.New("not an IP address or network such as 192.0.2.0/24")

// ParsePrefix reads one element of such a list, without surrounding space.
func ParsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, errNotPrefix
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s) // refuses zones itself
	if err != nil {
		return netip.Prefix{}, errNotPrefix
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errNotPrefix
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// isNetwork reports whether p can match an address in the form in which
// addresses are compared.
func isNetwork(p netip.Prefix) bool { return p.IsValid() && !p.Addr().Is4In6() }
