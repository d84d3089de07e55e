package middleware

import (
	"net/http"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// setLimit puts a policy and what is left of it on the answer, beside policies
// of other names and in place of one of the same name. All stand in one line,
// since many clients read only the first.
func setLimit(h http.Header, item ratelimit.Item) {
	setMember(h, ratelimit.PolicyHeader, ratelimit.PolicyField(item))
	setMember(h, ratelimit.LimitHeader, ratelimit.LimitField(item))
}

func setMember(h http.Header, field, member string) {
	old := h.Get(field)
	if old == "" {
		h.Set(field, member)
		return
	}
	name, _, _ := strings.Cut(member, ";")
	members := strings.Split(old, ", ")
	for i := range members {
		if strings.HasPrefix(members[i], name+";") {
			members[i] = member
			member = ""
		}
	}
	if member != "" {
		members = append(members, member)
	}
	h.Set(field, strings.Join(members, ", "))
}

// setQuota puts the limits that counters are held against on the answer, named
// after meter and window: conversations-day. Where a user's and a key's limit
// share a name, the one with less left stands for both.
func setQuota(h http.Header, counters []store.CounterState, now time.Time) {
	tightest := make(map[string]int64, len(counters))
	for _, c := range counters {
		if c.Limit == store.Unlimited {
			continue
		}
		policy := c.Meter + "-" + string(c.Window)
		if least, ok := tightest[policy]; ok && least <= c.Remaining() {
			continue
		}
		tightest[policy] = c.Remaining()
		setLimit(h, ratelimit.Item{
			Policy:    policy,
			Quota:     c.Limit,
			Window:    c.End.Sub(c.Start),
			Remaining: c.Remaining(),
			Reset:     c.End.Sub(now),
		})
	}
}
