package middleware

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/network"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// AllowlistConfig says from where requests are taken. Its zero value admits
// everybody.
type AllowlistConfig struct {
	// Prefixes is the fixed list; empty admits every address.
	Prefixes []netip.Prefix

	// Current returns a list that changes while the program runs; nil, or an
	// empty list, admits every address. Both lists must admit. It is called
	// for each request, with the time at which that is held to be, and must be
	// quick and safe for concurrent use. The slice it returns must not be
	// changed afterwards.
	Current func(now time.Time) []netip.Prefix

	// Clock is asked for that time. Nil means time.Now.
	Clock func() time.Time

	// Exempt reports whether a request is taken from anywhere, as probes of
	// health are. Nil exempts none.
	Exempt func(*http.Request) bool

	// Denied is told of each refusal, for the audit trail. It must not
	// block. May be nil.
	Denied func(*http.Request, error)
}

// Allowlist refuses requests from addresses outside the lists with 403
// ip_not_allowed. The address is that of [ResolveClientIP] or, without one before
// it, the peer's; a request whose address is not known is refused as soon as
// either list has an entry. It panics when a fixed network is not valid.
func Allowlist(list AllowlistConfig) func(http.Handler) http.Handler {
	if i := slices.IndexFunc(list.Prefixes, func(p netip.Prefix) bool { return !isNetwork(p) }); i >= 0 {
		panic(fmt.Sprintf("middleware.Allowlist: network %d is not valid", i+1))
	}
	list.Prefixes = slices.Clone(list.Prefixes)
	if list.Clock == nil {
		list.Clock = time.Now
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !list.admits(r) {
				err := store.Errorf(store.ErrIPNotAllowed, "Requests from this address are not taken.")
				if list.Denied != nil {
					list.Denied(r, err)
				}
				problem.Write(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (l *AllowlistConfig) admits(r *http.Request) bool {
	var current []netip.Prefix
	if l.Current != nil {
		current = l.Current(exchangeOf(r.Context()).at(l.Clock))
	}
	if len(l.Prefixes) == 0 && len(current) == 0 {
		return true
	}
	if l.Exempt != nil && l.Exempt(r) {
		return true
	}
	addr := ClientAddr(r)
	return (len(l.Prefixes) == 0 || network.Contains(l.Prefixes, addr)) &&
		(len(current) == 0 || network.Contains(current, addr))
}
