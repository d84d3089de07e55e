package middleware

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// The fields in the form in which http.Header keeps them, which saves making
// it on each request.
var (
	policyField = http.CanonicalHeaderKey(ratelimit.PolicyHeader)
	limitField  = http.CanonicalHeaderKey(ratelimit.LimitHeader)
)

// setLimit puts a policy and what is left of it on the answer, beside policies
// of other names and in place of one of the same name. All stand in one line,
// since many clients read only the first.
func setLimit(h http.Header, item ratelimit.Item) {
	setMembers(h, ratelimit.PolicyField(item), ratelimit.LimitField(item))
}

func setMembers(h http.Header, policy, limit string) {
	if len(h[policyField]) == 0 && len(h[limitField]) == 0 {
		values := []string{policy, limit} // one allocation
		h[policyField], h[limitField] = values[:1:1], values[1:]
		return
	}
	setMember(h, policyField, policy)
	setMember(h, limitField, limit)
}

func setMember(h http.Header, field, member string) {
	if len(h[field]) == 0 {
		h[field] = []string{member}
		return
	}
	line := &h[field][0]
	name := member[:strings.IndexByte(member, ';')+1]
	if !strings.Contains(*line, ", ") && strings.HasPrefix(*line, name) {
		*line = member // the limit of the address gives way to the principal's
		return
	}
	members := strings.Split(*line, ", ")
	i := slices.IndexFunc(members, func(m string) bool { return strings.HasPrefix(m, name) })
	if i < 0 {
		members = append(members, member)
	} else {
		members[i] = member
	}
	*line = strings.Join(members, ", ")
}

// SetQuota puts the limits that counters are held against on the answer, named
// after meter and window, conversations-day, or after the meter alone where it
// has no window, credits. Where a user's and a key's limit
// share a name, the one with less left stands for both.
func SetQuota(h http.Header, counters []store.CounterState, now time.Time) {
	tightest := make(map[string]int64, len(counters))
	for _, c := range counters {
		if c.Limit == store.Unlimited {
			continue
		}
		policy := c.Meter
		if c.Window != "" {
			policy += "-" + string(c.Window)
		}
		if least, ok := tightest[policy]; ok && least <= c.Remaining() {
			continue
		}
		tightest[policy] = c.Remaining()
		setLimit(h, ratelimit.Item{
			Policy:    policy,
			Quota:     c.Limit,
			Window:    c.Window.Length(c.Start),
			Remaining: c.Remaining(),
			Reset:     c.End.Sub(now),
		})
	}
}
