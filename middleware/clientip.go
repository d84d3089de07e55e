package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/usermgmt/usermgmt/internal/network"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// unixPeer is the word by which a list trusts peers on Unix sockets.
const unixPeer = "unix"

// TrustedProxies are the peers whose X-Forwarded-For counts. The zero value
// trusts nobody, and that is the only safe default.
type TrustedProxies struct {
	Prefixes []netip.Prefix // networks the proxies connect from
	Unix     bool           // peers on a Unix socket, which have no address, are proxies
}

// ParseTrustedProxies reads a comma-separated list as [ParsePrefixes] does;
// the word "unix" in it trusts peers on Unix sockets. A network of all
// addresses (0.0.0.0/0, ::/0) is an error: it lets every client choose its
// own address.
func ParseTrustedProxies(csv string) (TrustedProxies, error) {
	var t TrustedProxies
	if strings.TrimSpace(csv) == "" {
		return t, nil
	}
	for i, entry := range strings.Split(csv, ",") {
		entry = strings.TrimSpace(entry)
		if entry == unixPeer {
			t.Unix = true
			continue
		}
		p, err := network.Parse(entry)
		if err == nil {
			err = checkTrusted(p)
		}
		if err != nil {
			return TrustedProxies{}, fmt.Errorf("entry %d: %w", i+1, err)
		}
		t.Prefixes = append(t.Prefixes, p)
	}
	return t, nil
}

// Validate checks networks that were given in code by the rules of
// ParseTrustedProxies.
func (t TrustedProxies) Validate() error {
	for i, p := range t.Prefixes {
		if err := checkTrusted(p); err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	return nil
}

func checkTrusted(p netip.Prefix) error {
	switch {
	case !isNetwork(p):
		return errors.New("not a network")
	case p.Bits() == 0:
		return errors.New("trusts every address")
	}
	return nil
}

// ResolveClientIP finds the address of the client behind a request. Read it with
// [ClientIP]; allowlist, rate limits, logs and audit go by it.
//
// With no trusted proxies it is the peer's address, the one thing in a request
// that a client cannot make up, and no header is looked at.
//
// With trusted proxies, X-Forwarded-For counts when the peer is one of them.
// All its lines are read as one list from the right, past the addresses of
// trusted proxies; the first other address is the client. What stands left of
// it was written by the client and is never looked at. When every address is
// a trusted one, or there is no header, the peer is the client.
//
// Safe when: the listed networks hold nothing but proxies of yours, each of
// which appends the address of its own peer to X-Forwarded-For (nginx
// $proxy_add_x_forwarded_for, Caddy, Traefik, AWS ALB), and the service
// cannot be reached from those networks in any other way. A network that also
// holds clients lets those clients choose their address.
//
// Check by: from outside, curl -H 'X-Forwarded-For: 192.0.2.66' your service
// and read client_ip in the access log. It must be your own address: 192.0.2.66
// means a listed network is too wide, the proxy's address means one is missing.
//
// It fails closed: an element that must be read and is not an address, is
// empty or is unspecified is answered 400 invalid_request, since a trusted
// proxy never writes one. So is a peer without an address (a Unix socket)
// unless those are trusted. IPv4 carried in IPv6 is read as IPv4, and a zone is
// kept only on a peer's own address.
//
// Forwarded (RFC 7239), X-Real-IP, CF-Connecting-IP, True-Client-IP and the
// like are never read: a proxy that passes them through unchecked would hand
// the choice to the client. r.RemoteAddr is never changed.
//
// ResolveClientIP panics when a network is not valid or holds every address.
func ResolveClientIP(trusted TrustedProxies) func(http.Handler) http.Handler {
	if err := trusted.Validate(); err != nil {
		panic("middleware.ResolveClientIP: " + err.Error())
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			addr, err := trusted.client(r)
			if err != nil {
				problem.Write(w, r, err)
				return
			}
			r, x := withExchange(r)
			x.setClientIP(addr)
			next.ServeHTTP(w, r)
		})
	}
}

// ClientIP returns the client's address that [ResolveClientIP] found, or the zero
// Addr.
func ClientIP(ctx context.Context) netip.Addr {
	if x := exchangeOf(ctx); x != nil {
		return x.facts().clientIP
	}
	return netip.Addr{}
}

// client finds the client's address of r.
func (t TrustedProxies) client(r *http.Request) (netip.Addr, error) {
	peer := peerAddr(r)
	switch {
	case peer.IsValid() && !network.Contains(t.Prefixes, peer):
		return peer, nil
	case !peer.IsValid() && !t.Unix:
		return netip.Addr{}, store.Errorf(store.ErrInvalidRequest, "The address of the caller is not known.")
	}
	addr, err := t.forwarded(r.Header["X-Forwarded-For"])
	switch {
	case err != nil:
		return netip.Addr{}, err
	case addr.IsValid():
		return addr, nil
	case peer.IsValid():
		return peer, nil
	}
	return netip.Addr{}, errForwarded()
}

// forwarded walks the lines of X-Forwarded-For from the right and returns the
// first address that is not a trusted proxy's, or the zero Addr when there is
// none. It parses as it goes, so that a list of any length costs what its
// trusted tail costs.
func (t TrustedProxies) forwarded(lines []string) (netip.Addr, error) {
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more {
			var element string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				element, rest = rest[comma+1:], rest[:comma]
			} else {
				element, more = rest, false
			}
			addr, ok := parseForwarded(strings.Trim(element, " \t"))
			if !ok {
				return netip.Addr{}, errForwarded()
			}
			if !network.Contains(t.Prefixes, addr) {
				return addr, nil
			}
		}
	}
	return netip.Addr{}, nil
}

func errForwarded() error {
	return store.Errorf(store.ErrInvalidRequest, "The X-Forwarded-For header cannot be read.")
}

// parseForwarded reads one element: an address, with a port or without, IPv6
// in brackets or without.
func parseForwarded(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		if ap, apErr := netip.ParseAddrPort(s); apErr == nil {
			addr, err = ap.Addr(), nil
		} else if inner, ok := strings.CutPrefix(s, "["); ok {
			inner, ok = strings.CutSuffix(inner, "]")
			if addr, err = netip.ParseAddr(inner); !ok || !addr.Is6() {
				return netip.Addr{}, false
			}
		}
	}
	addr = addr.Unmap().WithZone("")
	return addr, err == nil && !addr.IsUnspecified()
}

// peerAddr returns the address of whoever opened the connection, or the zero
// Addr for one that has none, such as a Unix socket. A zone stays: a
// link-local address means nothing without its interface.
func peerAddr(r *http.Request) netip.Addr {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().Unmap()
	}
	addr, err := netip.ParseAddr(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// ClientAddr returns the client's address that [ResolveClientIP] found or, where
// none stands before, the peer's; the zero Addr when the peer has none.
func ClientAddr(r *http.Request) netip.Addr {
	if addr := ClientIP(r.Context()); addr.IsValid() {
		return addr
	}
	return peerAddr(r)
}
