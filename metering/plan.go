package metering

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

const (
	planCacheSize = 1024

	// planTTL bounds how long a changed plan is not seen while the feed of
	// changes is cut.
	planTTL = 5 * time.Second
)

// cachedPlan is a plan with what has to be unchanged for it to hold.
type cachedPlan struct {
	plan    store.Plan
	version uint64
	epoch   uint64
	until   time.Time
}

// ValidPlanID reports whether s can name a plan: 1 to 64 of a-z, 0-9 and -, the
// first and the last a letter or digit.
func ValidPlanID(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && slug(s, "-") && !strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-")
}

// Plan returns a plan, or ErrNotFound. It is kept for a while; a change made
// through this instance is seen at once, one of another instance within a
// second, or 5 when the instances cannot reach each other.
func (s *Service) Plan(ctx context.Context, id string) (store.Plan, error) {
	p, err := s.plan(ctx, id)
	p.Limits = slices.Clone(p.Limits)
	if p.CreditGrant != nil {
		grant := *p.CreditGrant
		p.CreditGrant = &grant
	}
	return p, err
}

// plan returns a plan whose members belong to the cache.
func (s *Service) plan(ctx context.Context, id string) (store.Plan, error) {
	stripe, now := version.Stripe(store.PlanVersion(id)), s.cfg.Clock()
	// The versions are read before the plan, so that a change in between makes
	// the entry stale at once.
	fresh := cachedPlan{version: s.cfg.Versions.Load(stripe), epoch: s.cfg.Versions.Epoch(), until: now.Add(planTTL)}
	old, ok := s.plans.Get(id)
	if ok && old.version == fresh.version && old.epoch == fresh.epoch && now.Before(old.until) {
		return old.plan, nil
	}
	var err error
	if fresh.plan, err = s.cfg.Store.PlanGet(ctx, id); err != nil {
		return store.Plan{}, err
	}
	s.plans.Add(id, fresh)
	return fresh.plan, nil
}

// planOf returns the plan of a principal. A plan that does not exist admits
// nothing: it is a fault of ours, not a limit that is missing.
func (s *Service) planOf(ctx context.Context, p authn.Principal) (store.Plan, error) {
	plan, err := s.plan(ctx, p.Plan)
	if errors.Is(err, store.ErrNotFound) {
		return plan, &store.Error{
			Code:   store.ErrInternal,
			Detail: "The plan of the account does not exist.",
			Err:    fmt.Errorf("metering: there is no plan %q; PrincipalOf names the plan of a user", p.Plan),
		}
	}
	return plan, err
}

// OnInterrupt returns what a stream of a principal that broke off is charged:
// the policy of the plan, or store.ChargeDelivered when the plan cannot be read.
func (s *Service) OnInterrupt(p authn.Principal) store.Interruption {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	plan, err := s.plan(ctx, p.Plan)
	if err != nil || plan.OnInterrupt == "" {
		return store.ChargeDelivered
	}
	return plan.OnInterrupt
}

// EnsureDefaultPlan makes the default plan, or brings it up to the configuration
// as long as nobody has edited it. Any number of instances may call it at once.
func (s *Service) EnsureDefaultPlan(ctx context.Context) error {
	err := s.ensureDefaultPlan(ctx)
	if errors.Is(err, store.ErrConflict) { // another instance made it first
		err = s.ensureDefaultPlan(ctx)
	}
	return err
}

func (s *Service) ensureDefaultPlan(ctx context.Context) error {
	return s.cfg.Door.Do(ctx, store.System(), func(ctx context.Context, q store.Queries, c *store.Change) error {
		want := s.cfg.DefaultPlan
		want.FromConfig, want.CreatedAt, want.UpdatedAt = true, c.At, c.At
		old, err := q.PlanGet(ctx, want.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			c.Action, c.Changes = "plan.create", differences(store.Plan{}, want)
			err = q.PlanInsert(ctx, want)
		case err == nil && old.FromConfig && len(differences(old, want)) > 0:
			c.Action, c.Changes = "plan.update", differences(old, want)
			want.CreatedAt = old.CreatedAt
			err = q.PlanUpdate(ctx, want)
		default:
			return err
		}
		c.Target = store.Target{Kind: "plan", ID: want.ID}
		c.Affects = []string{store.PlanVersion(want.ID)}
		return err
	})
}

// differences returns what differs between two versions of a plan, by field.
func differences(from, to store.Plan) map[string]store.Diff {
	diffs := map[string]store.Diff{}
	add := func(field string, differ bool, from, to any) {
		if differ {
			diffs[field] = store.Diff{From: from, To: to}
		}
	}
	add("name", from.Name != to.Name, from.Name, to.Name)
	add("limits", !slices.Equal(from.Limits, to.Limits), from.Limits, to.Limits)
	add("credit_grant", !sameGrant(from.CreditGrant, to.CreditGrant), from.CreditGrant, to.CreditGrant)
	add("rate_limit", from.RateLimit != to.RateLimit, from.RateLimit, to.RateLimit)
	add("on_interrupt", from.OnInterrupt != to.OnInterrupt, from.OnInterrupt, to.OnInterrupt)
	add("message_text_retention", from.MessageTextRetention != to.MessageTextRetention,
		from.MessageTextRetention.String(), to.MessageTextRetention.String())
	add("message_retention", from.MessageRetention != to.MessageRetention,
		from.MessageRetention.String(), to.MessageRetention.String())
	return diffs
}

func sameGrant(a, b *store.CreditGrant) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// validatePlan reports every fault of a plan at once, by field.
func validatePlan(p store.Plan, meters []string) error {
	var faults []error
	check := func(ok bool, field, rule string) {
		if !ok {
			faults = append(faults, fmt.Errorf("DefaultPlan.%s %s", field, rule))
		}
	}
	check(ValidPlanID(p.ID), "ID", "must be 1 to 64 of a-z, 0-9 and -, the first and the last a letter or digit")
	check(slices.Contains([]store.Interruption{store.ChargeDelivered, store.ChargeEstimate, store.ChargeNothing}, p.OnInterrupt),
		"OnInterrupt", "must be charge_delivered, charge_estimate or charge_nothing")
	if p.RateLimit != "" {
		_, err := ratelimit.ParseRate(p.RateLimit)
		check(err == nil, "RateLimit", "must be a rate such as 20/s,burst=40")
	}
	check(p.MessageTextRetention >= 0 && p.MessageRetention >= 0, "MessageRetention", "must not be negative")
	for i, l := range p.Limits {
		field := fmt.Sprintf("Limits[%d]", i)
		check(slices.Contains(meters, l.Meter), field, "must name a meter that is declared")
		check(slices.Contains([]store.Window{store.Day, store.Week, store.Month}, l.Window), field, "must have the window day, week or month")
		check(l.Limit >= store.Unlimited && l.Limit <= store.MaxAmount, field, "must have a limit of 0 or more, or Unlimited")
	}
	return errors.Join(faults...)
}
