package network_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/internal/network"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"10.0.0.5/8": "10.0.0.0/8", "192.0.2.7": "192.0.2.7/32", "2001:db8::1/32": "2001:db8::/32", "::1": "::1/128",
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:10.0.0.1": "10.0.0.1/32",
		"::ffff:0:0/64": "", "10.0.0.0/33": "", "fe80::1%eth0": "", "fe80::1%eth0/64": "", "010.0.0.1": "", "localhost": "", "": "", " ::1": "",
	} {
		p, err := network.Parse(in)
		switch {
		case want == "" && err == nil:
			t.Errorf("Parse(%q) = %v, want an error", in, p)
		case want == "" && in != "" && strings.Contains(err.Error(), in):
			t.Errorf("Parse(%q): the error holds the text: %v", in, err)
		case want != "" && (err != nil || p.String() != want):
			t.Errorf("Parse(%q) = %v, %v, want %s", in, p, err, want)
		}
	}
}

func TestContains(t *testing.T) {
	t.Parallel()
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("2001:db8::1/128")}
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "fe80::1%eth0": true, "2001:db8::1": true,
		"11.0.0.1": false, "2001:db8::2": false, "::10.1.2.3": false,
	} {
		if got := network.Contains(networks, netip.MustParseAddr(addr)); got != want {
			t.Errorf("Contains(%s) = %v, want %v", addr, got, want)
		}
	}
	if network.Contains(networks, netip.Addr{}) {
		t.Error("no address is within a network")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "10.0.0.0/8", "::1", "::ffff:1.2.3.4/120", "fe80::1%eth0/64", "1.2.3.4/-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := network.Parse(s)
		if err != nil {
			return
		}
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || !network.Contains([]netip.Prefix{p}, p.Addr()) {
			t.Errorf("Parse(%q) = %v", s, p)
		}
	})
}
