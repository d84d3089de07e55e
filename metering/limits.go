package metering

import (
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// counters returns what a unit of a meter counts against: each limit of the
// plan, or of the user's own in its place, under the user, each limit of the key under the key's family, and the
// user's day in any case, so that usage can be shown where nothing is limited.
func (s *Service) counters(p authn.Principal, plan store.Plan, meter string, now time.Time) []store.CounterLimit {
	var all []store.CounterLimit
	add := func(subject string, l store.Limit) {
		if l.Meter != meter {
			return
		}
		name, end := windowAt(l.Window, p.Zone, s.locations.load, now)
		c := store.CounterLimit{
			Counter: store.Counter{Subject: subject, Meter: meter, Window: l.Window, Start: name},
			Limit:   l.Limit,
			End:     end,
		}
		same := slices.IndexFunc(all, func(other store.CounterLimit) bool { return other.Counter == c.Counter })
		if same < 0 {
			all = append(all, c)
			return
		}
		all[same].Limit = stricter(all[same].Limit, c.Limit)
	}
	for _, l := range effective(plan.Limits, p.Overrides) {
		add(p.Subject, l)
	}
	add(p.Subject, store.Limit{Meter: meter, Window: store.Day, Limit: store.Unlimited})
	if p.KeyFamily != "" {
		for _, l := range p.Limits {
			add(p.KeyFamily, l)
		}
	}
	return all
}

// effective returns the limits of a plan, each with the user's own in its place,
// and those of the user's own that the plan has none for.
func effective(plan, own []store.Limit) []store.Limit {
	if len(own) == 0 {
		return plan
	}
	limits := slices.Clone(own)
	for _, l := range plan {
		if !slices.ContainsFunc(own, func(o store.Limit) bool { return samePair(o, l) }) {
			limits = append(limits, l)
		}
	}
	return limits
}

// stricter returns the limit that admits less.
func stricter(a, b int64) int64 {
	switch {
	case a == store.Unlimited:
		return b
	case b == store.Unlimited:
		return a
	default:
		return min(a, b)
	}
}
