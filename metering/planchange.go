package metering

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// PlanUpdate changes the fields that are not nil.
type PlanUpdate struct {
	Name                 *string
	Limits               *[]store.Limit      // replaces all
	CreditGrant          **store.CreditGrant // a pointer to nil ends it
	RateLimit            *string             // "" means the configured one
	OnInterrupt          *store.Interruption
	MessageTextRetention *time.Duration // 0 means for good
	MessageRetention     *time.Duration
}

func (up PlanUpdate) apply(p store.Plan) store.Plan {
	set(&p.Name, up.Name)
	set(&p.Limits, up.Limits)
	set(&p.CreditGrant, up.CreditGrant)
	set(&p.RateLimit, up.RateLimit)
	set(&p.OnInterrupt, up.OnInterrupt)
	set(&p.MessageTextRetention, up.MessageTextRetention)
	set(&p.MessageRetention, up.MessageRetention)
	return p
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Plans lists all plans.
func (s *Service) Plans(ctx context.Context, p store.Page) (store.List[store.Plan], error) {
	return s.cfg.Store.PlanList(ctx, p)
}

// CreatePlan adds a plan and returns it. Its times and FromConfig are set here;
// an empty OnInterrupt means store.ChargeDelivered. What breaks a rule is
// ErrValidation, naming every member at fault; an id that exists is ErrConflict.
func (s *Service) CreatePlan(ctx context.Context, actor store.Actor, p store.Plan) (store.Plan, error) {
	if p.OnInterrupt == "" {
		p.OnInterrupt = store.ChargeDelivered
	}
	p.FromConfig = false
	if err := checkPlan(p, s.limitable()); err != nil {
		return store.Plan{}, err
	}
	err := s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		p.CreatedAt, p.UpdatedAt = c.At, c.At
		describePlan(c, "plan.create", p.ID, differences(store.Plan{}, p))
		return q.PlanInsert(ctx, p)
	})
	if errors.Is(err, store.ErrConflict) && store.CodeOf(err) == store.ErrConflict {
		err = store.Errorf(store.ErrConflict, "There is a plan with this id. Choose another.")
	}
	if err != nil {
		return store.Plan{}, err
	}
	return p, nil
}

// UpdatePlan changes a plan and returns it, for all who have it and at once.
// What they used stays. Days are always counted; a limit of a week or month in
// which the meter was not limited before starts at zero. A plan that came from the configuration follows it no
// more. An update that changes nothing is not audited. An unknown plan is
// ErrNotFound, what breaks a rule ErrValidation.
func (s *Service) UpdatePlan(ctx context.Context, actor store.Actor, id string, in PlanUpdate) (store.Plan, error) {
	var plan store.Plan
	err := s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		old, err := q.PlanGet(ctx, id)
		if err != nil {
			return err
		}
		plan = in.apply(old)
		if err := checkPlan(plan, s.limitable()); err != nil {
			return err
		}
		changes := differences(old, plan)
		if len(changes) == 0 {
			return nil
		}
		plan.FromConfig, plan.UpdatedAt = false, c.At
		describePlan(c, "plan.update", id, changes)
		return q.PlanUpdate(ctx, plan)
	})
	if err != nil {
		return store.Plan{}, err
	}
	return plan, nil
}

// DeletePlan deletes a plan that nobody has. The default plan, or one that is
// used, is ErrConflict, an unknown one ErrNotFound.
func (s *Service) DeletePlan(ctx context.Context, actor store.Actor, id string) error {
	if id == s.cfg.DefaultPlan.ID {
		return store.Errorf(store.ErrConflict, "The default plan stays: new accounts have it.")
	}
	return s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		used, err := q.PlanInUse(ctx, id)
		if err != nil {
			return err
		}
		if used {
			return store.Errorf(store.ErrConflict, "Accounts have this plan. Give them another first.")
		}
		describePlan(c, "plan.delete", id, nil)
		return q.PlanDelete(ctx, id)
	})
}

func describePlan(c *store.Change, action, id string, changes map[string]store.Diff) {
	c.Action, c.Changes = action, changes
	c.Target = store.Target{Kind: "plan", ID: id}
	c.Affects = []string{store.PlanVersion(id)}
}
