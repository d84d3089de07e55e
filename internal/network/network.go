// Package network reads and matches lists of IP networks, the same way wherever
// an address is held against one.
package network

import (
	"errors"
	"net/netip"
	"strings"
)

// errNotNetwork hides the cause on purpose: netip's errors quote their input.
var errNotNetwork = errors.New("not an IP address or network such as 192.0.2.0/24")

// Parse reads a network, or an address as a network of one. Host bits are
// cleared (10.0.0.5/8 is 10.0.0.0/8) and IPv4 written inside IPv6 becomes IPv4,
// since addresses are compared in that form. A zone, or anything else, is an
// error that does not hold the text.
func Parse(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, errNotNetwork
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s) // refuses zones itself
	if err != nil {
		return netip.Prefix{}, errNotNetwork
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errNotNetwork
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// Contains reports whether addr is within one of the networks. An IPv4
// address carried in IPv6 counts as IPv4 and a zone is disregarded, so that no
// way of writing an address gets around a list.
func Contains(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}
