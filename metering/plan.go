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
	// Most starts have nothing to write, and need not wait for those who do.
	if kept, err := s.cfg.Store.PlanGet(ctx, s.cfg.DefaultPlan.ID); err == nil && s.asConfigured(kept) {
		return nil
	}
	err := s.ensureDefaultPlan(ctx)
	if errors.Is(err, store.ErrConflict) { // another instance made it first
		err = s.ensureDefaultPlan(ctx)
	}
	return err
}

// asConfigured reports whether a plan needs no change: it is somebody else's, or
// what the configuration says.
func (s *Service) asConfigured(kept store.Plan) bool {
	return !kept.FromConfig || len(differences(kept, s.cfg.DefaultPlan)) == 0
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
		case err == nil && !s.asConfigured(old):
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
