package audit

import (
	"net/netip"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	crowdWindow = time.Minute
	crowdFrom   = 60   // events of one origin in a window that are kept one by one
	crowdSize   = 1000 // origins told apart in a window: a flood from everywhere costs a row each
)

// crowd keeps a flood of like events from filling the trail: from the 61st a
// minute of one address (IPv6: one /64), action and result on, they become one
// event with a count.
type crowd struct {
	window time.Time
	groups map[origin]*group
	over   int // groups that have something to tell
}

// origin is what makes events alike. The result is part of it: how many guesses
// were compared must not drown in those that a lock refused.
type origin struct {
	ip, action string
	result     store.Result
}

// group is the like events of one window.
type group struct {
	seen  int          // all of them
	count int64        // those that were not kept one by one
	last  store.Change // one that stands for these
}

// admit reports whether an event is kept by itself. It also returns the groups
// of the window before, if this event begins a new one.
func (c *crowd) admit(change store.Change) (passed bool, ended []group) {
	if window := change.At.Truncate(crowdWindow); !window.Equal(c.window) {
		ended = c.end()
		c.window, c.groups = window, make(map[origin]*group)
	}
	from := origin{near(change.Actor.IP), change.Action, change.Result}
	g, known := c.groups[from]
	if !known {
		if len(c.groups) >= crowdSize {
			from.ip = "" // the many share what is left
			change.Actor.IP = ""
		}
		if g = c.groups[from]; g == nil {
			g = new(group)
			c.groups[from] = g
		}
	}
	g.seen++
	if g.seen <= crowdFrom {
		return true, ended
	}
	if g.count == 0 {
		c.over++
	}
	g.count++
	g.last = change
	return false, ended
}

// near is what one customer has: an IPv4 address, or the /64 of an IPv6 one.
func near(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Unmap().Is4() {
		return ip
	}
	prefix, _ := addr.WithZone("").Prefix(64) // an IPv6 address has one
	return prefix.String()
}

// waiting reports whether any group has something to tell.
func (c *crowd) waiting() bool { return c.over > 0 }

// end returns the groups that have something to tell. Their windows go on: what
// follows in them is another crowd.
func (c *crowd) end() []group {
	var ended []group
	for _, g := range c.groups {
		if g.count > 0 {
			ended = append(ended, *g)
			g.count = 0
		}
	}
	c.over = 0
	return ended
}
