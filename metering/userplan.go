package metering

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// PresentUsage says what a change of plan does to what was used so far in the
// windows of this moment.
type PresentUsage string

// What becomes of present usage.
const (
	KeepUsage PresentUsage = "keep" // it counts against the new limits too
	ZeroUsage PresentUsage = "zero" // every window starts anew
)

// SetPlan gives a user another plan and returns the user. usage says what
// happens to what was used so far; empty means KeepUsage. With it, a limit of a
// week or month in which the meter was not limited before starts at what the
// days of that week or month counted since usage was last reset. Units that are held stay held. The new
// plan's credit grant of the present window is given at once.
//
// An unknown user is ErrNotFound, an unknown plan or usage ErrValidation. A user
// who has the plan keeps it, which is not audited unless usage is ZeroUsage.
func (s *Service) SetPlan(ctx context.Context, actor store.Actor, userID, plan string, usage PresentUsage, reason string) (store.User, error) {
	var user store.User
	err := s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		if user, err = q.UserGet(ctx, userID); err != nil {
			return err
		}
		changed, err := s.SetPlanIn(ctx, q, c, &user, plan, usage)
		if err != nil || !changed {
			return err
		}
		describeUser(c, "user.plan", userID, reason)
		return q.UserUpdate(ctx, user)
	})
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}

// SetPlanIn is SetPlan as a part of a larger change, and reports whether it
// changed anything. It changes user, whom the caller has read through q and
// stores, and adds to c.Changes what it did.
func (s *Service) SetPlanIn(ctx context.Context, q store.Queries, c *store.Change, user *store.User, plan string, usage PresentUsage) (changed bool, err error) {
	if usage != "" && usage != KeepUsage && usage != ZeroUsage {
		return false, store.Invalid("usage", "one_of", "must be keep or zero")
	}
	if user.Plan == plan && usage != ZeroUsage {
		return false, nil
	}
	next, err := q.PlanGet(ctx, plan)
	if errors.Is(err, store.ErrNotFound) {
		return false, store.Invalid("plan", "unknown", "must be the id of a plan")
	}
	if err != nil {
		return false, err
	}
	before := *user
	user.Plan, user.UpdatedAt = plan, c.At
	if c.Changes == nil {
		c.Changes = map[string]store.Diff{}
	}
	c.Changes["plan"] = store.Diff{From: before.Plan, To: plan}
	if usage == ZeroUsage {
		c.Changes["usage"] = store.Diff{From: KeepUsage, To: ZeroUsage}
		err = q.MeterReset(ctx, s.forgiven(*user, s.limitable(), c.At))
	} else {
		err = s.carry(ctx, q, before, next, c.At)
	}
	if err != nil {
		return false, err
	}
	return true, s.grantIn(ctx, q, *user, next, c.At)
}

// SetLimits changes the limits of a user's own, each of which stands in place of
// the plan's of its meter and window, and returns the user. Pairs that are not
// named stay as they are; one that is to be inherited is the plan's again. What
// was used stays, as with UpdatePlan. It needs a reason (ErrReasonRequired). What breaks a rule is ErrValidation, an
// unknown user ErrNotFound. Changing nothing is not audited.
func (s *Service) SetLimits(ctx context.Context, actor store.Actor, userID string, changes []authn.LimitChange, reason string) (store.User, error) {
	if err := change.CheckReason(reason); err != nil {
		return store.User{}, err
	}
	named := make([]store.Limit, len(changes))
	for i, l := range changes {
		named[i] = l.Limit
		if l.Inherit {
			named[i].Limit = store.Unlimited // not looked at
		}
	}
	if faults := limitFaults(named, s.limitable()); len(faults) > 0 {
		return store.User{}, &store.Error{Code: store.ErrValidation, Detail: "There are limits that are not valid.", Fields: faults}
	}
	var user store.User
	err := s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		if user, err = q.UserGet(ctx, userID); err != nil {
			return err
		}
		before := user.Limits
		user.Limits = slices.Clone(before)
		for _, l := range changes {
			user.Limits = l.Apply(user.Limits)
		}
		if slices.Equal(before, user.Limits) {
			return nil
		}
		if len(user.Limits) > maxPlanLimits {
			return store.Invalid("limits", "too_many", "must be at most 64 for a user")
		}
		user.UpdatedAt = c.At
		describeUser(c, "user.limits", userID, reason)
		c.Changes = map[string]store.Diff{"limits": {From: before, To: user.Limits}}
		return q.UserUpdate(ctx, user)
	})
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}

// ResetUsage starts the present windows of a user's meter anew, and forgives the
// days that the present week and month are made of; "" means of every meter. When
// windows end does not change, units that are held stay held, the history keeps
// what was counted, and limits of the user's keys keep what they have. It needs a reason (ErrReasonRequired). An unknown meter is
// ErrValidation, an unknown user ErrNotFound.
func (s *Service) ResetUsage(ctx context.Context, actor store.Actor, userID, meter, reason string) error {
	if err := change.CheckReason(reason); err != nil {
		return err
	}
	meters := s.limitable()
	if meter != "" {
		if err := s.declared(meter); err != nil {
			return err
		}
		meters = []string{meter}
	}
	return s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		user, err := q.UserGet(ctx, userID)
		if err != nil {
			return err
		}
		describeUser(c, "user.usage_reset", userID, reason)
		used, err := usedOf(ctx, q, s.present(user, meters, c.At), c.At)
		if err != nil {
			return err
		}
		c.Changes = used
		return q.MeterReset(ctx, s.forgiven(user, meters, c.At))
	})
}

func describeUser(c *store.Change, action, userID, reason string) {
	c.Action, c.Reason = action, reason
	c.Target = store.Target{Kind: "user", ID: userID}
	c.Affects = []string{store.UserVersion(userID)}
}

// present returns the counters of a user's meters in all windows of a moment.
func (s *Service) present(user store.User, meters []string, now time.Time) (counters []store.Counter) {
	for _, meter := range meters {
		for _, w := range windows {
			name, _ := windowAt(w, user.Zone, s.locations.load, now)
			counters = append(counters, store.Counter{Subject: user.ID, Meter: meter, Window: w, Start: name})
		}
	}
	return counters
}

// forgiven returns those counters and the days before that the present week and
// month are made of: a limit that a later plan brings starts at what they say.
func (s *Service) forgiven(user store.User, meters []string, now time.Time) []store.Counter {
	counters := s.present(user, meters, now)
	for _, meter := range meters {
		for _, w := range []store.Window{store.Week, store.Month} {
			counters = append(counters, s.daysOf(user, meter, w, now)...)
		}
	}
	return counters
}

// daysOf returns the days of the present week or month, to this one.
func (s *Service) daysOf(user store.User, meter string, w store.Window, now time.Time) (days []store.Counter) {
	start, _ := windowAt(w, user.Zone, s.locations.load, now)
	today, _ := windowAt(store.Day, user.Zone, s.locations.load, now)
	for day := start; !day.After(today); day = day.AddDate(0, 0, 1) {
		days = append(days, store.Counter{Subject: user.ID, Meter: meter, Window: store.Day, Start: day})
	}
	return days
}

// usedOf is what a reset takes from counters, for the audit trail.
func usedOf(ctx context.Context, q store.Queries, counters []store.Counter, now time.Time) (map[string]store.Diff, error) {
	states, err := q.MeterUsage(ctx, against(counters), now)
	diffs := map[string]store.Diff{}
	for _, c := range states {
		if c.Used > 0 {
			diffs[c.Meter+"-"+string(c.Window)] = store.Diff{From: c.Used, To: 0}
		}
	}
	return diffs, err
}

// against is counters without a limit, to be read.
func against(counters []store.Counter) []store.CounterLimit {
	limits := make([]store.CounterLimit, len(counters))
	for i, c := range counters {
		limits[i] = store.CounterLimit{Counter: c, Limit: store.Unlimited}
	}
	return limits
}

// carry makes what a user used count against limits of the next plan whose
// windows the last one did not count: they start at what their days counted.
func (s *Service) carry(ctx context.Context, q store.Queries, user store.User, next store.Plan, now time.Time) error {
	last, err := q.PlanGet(ctx, user.Plan)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	counted := append(slices.Clone(last.Limits), user.Limits...)
	for _, l := range next.Limits {
		if l.Window == store.Day || slices.ContainsFunc(counted, func(old store.Limit) bool { return samePair(old, l) }) {
			continue
		}
		if err := s.carryDays(ctx, q, user, l, now); err != nil {
			return err
		}
	}
	return nil
}

// carryDays brings a counter up to the sum of its days.
func (s *Service) carryDays(ctx context.Context, q store.Queries, user store.User, l store.Limit, now time.Time) error {
	start, _ := windowAt(l.Window, user.Zone, s.locations.load, now)
	window := store.Counter{Subject: user.ID, Meter: l.Meter, Window: l.Window, Start: start}
	counters := append([]store.Counter{window}, s.daysOf(user, l.Meter, l.Window, now)...)
	states, err := q.MeterUsage(ctx, against(counters), now)
	if err != nil {
		return err
	}
	var used int64
	for _, day := range states[1:] {
		used += day.Used
	}
	if used <= states[0].Used {
		return nil
	}
	return q.MeterAdd(ctx, []store.UsageAdd{{Counters: []store.Counter{window}, Amount: used - states[0].Used}})
}
