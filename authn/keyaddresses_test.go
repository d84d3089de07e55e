package authn_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/network"
)

// FuzzKeyAddresses reads the lists of two keys, one of which is to confer no more
// than the other. A list in form stays as it is, whatever its order was, and
// whatever address a list within another admits, the other admits.
func FuzzKeyAddresses(f *testing.F) {
	f.Add("10.0.0.0/8", "10.0.0.0/9 10.128.0.0/9")
	f.Add("10.1.2.3 10.1.2.3/32", "10.0.0.5/8")
	f.Add("::ffff:10.0.0.0/104", "10.0.0.0/8")
	f.Add("0.0.0.0/0", "::/0")
	f.Add("::ffff:0:0/96", "0.0.0.0/0")
	f.Add("2001:db8::/32 192.0.2.1", "2001:db8:1::/48 192.0.2.0/24")
	f.Add("", "10.0.0.0/8")
	f.Add("fe80::1%eth0", "fe80::/10")
	f.Fuzz(func(t *testing.T, inner, outer string) {
		some, all := inForm(t, inner), inForm(t, outer)
		if some == nil || all == nil {
			return
		}
		if !authn.AddressesWithin(*all, *all) {
			t.Errorf("%v is not within itself", *all)
		}
		if !authn.AddressesWithin(*some, *all) || len(*all) == 0 {
			return
		}
		if len(*some) == 0 {
			t.Errorf("any address is within %v", *all)
		}
		networks := parsed(t, *all)
		for _, p := range parsed(t, *some) {
			for _, addr := range []netip.Addr{p.Addr(), lastOf(p)} {
				if !network.Contains(networks, addr) {
					t.Errorf("%v is within %v, which does not hold %v", *some, *all, addr)
				}
			}
		}
	})
}

// inForm brings a list into form, or returns nil for one that is refused.
func inForm(t *testing.T, text string) *[]string {
	t.Helper()
	fields := strings.Fields(text)
	form, ok := authn.CanonicalPrefixes(fields)
	if !ok {
		return nil
	}
	if again, ok := authn.CanonicalPrefixes(form); !ok || !slices.Equal(again, form) {
		t.Errorf("%q: %v, and again %v", text, form, again)
	}
	slices.Reverse(fields)
	if other, _ := authn.CanonicalPrefixes(fields); !slices.Equal(other, form) {
		t.Errorf("%q: %v, in another order %v", text, form, other)
	}
	return &form
}

func parsed(t *testing.T, list []string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil || p != p.Masked() || p.Addr().Is4In6() {
			t.Errorf("%q is not in form: %v", s, err)
		}
		out = append(out, p)
	}
	return out
}

// lastOf returns the last address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}
