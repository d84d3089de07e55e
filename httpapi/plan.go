package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// Plan is what a group of users may use.
type Plan struct {
	ID                   string              `json:"id"`
	Name                 string              `json:"name"`
	Limits               []Limit             `json:"limits"`
	CreditGrant          orNull[CreditGrant] `json:"credit_grant" doc:"What is granted at the start of each window; null means nothing"`
	RateLimit            *string             `json:"rate_limit" doc:"Such as 20/s,burst=40; null means the configured one"`
	OnInterrupt          store.Interruption  `json:"on_interrupt" enum:"charge_delivered,charge_estimate,charge_nothing" doc:"What a stream that broke off is charged"`
	MessageTextRetention *string             `json:"message_text_retention" doc:"How long the text of messages is kept, such as 720h; null means for good"`
	MessageRetention     *string             `json:"message_retention" doc:"How long messages are kept, such as 8760h; null means for good"`
	CreatedAt            time.Time           `json:"created_at"`
	UpdatedAt            time.Time           `json:"updated_at"`
}

// CreditGrant is what a plan grants at the start of each window.
type CreditGrant struct {
	Amount int64           `json:"amount" minimum:"1" maximum:"9007199254740991" doc:"Micro-units"`
	Window store.Window    `json:"window" enum:"day,week,month"`
	Mode   store.GrantMode `json:"mode" enum:"add,top_up" doc:"Whether the amount is added to the balance, or fills it up"`
}

func plan(p store.Plan) Plan {
	return Plan{
		ID:                   p.ID,
		Name:                 p.Name,
		Limits:               limits(p.Limits),
		CreditGrant:          orNull[CreditGrant]{(*CreditGrant)(p.CreditGrant)},
		RateLimit:            textOrNull(p.RateLimit),
		OnInterrupt:          p.OnInterrupt,
		MessageTextRetention: durationOrNull(p.MessageTextRetention),
		MessageRetention:     durationOrNull(p.MessageRetention),
		CreatedAt:            p.CreatedAt.UTC(),
		UpdatedAt:            p.UpdatedAt.UTC(),
	}
}

func (a *API) planRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/plans", id: "list-plans", tag: "plans", action: authz.ReadPlans,
		summary: "List the plans", status: http.StatusOK, list: &listing{sorts: byCreation},
	}, a.listPlans)
	handle(r, route{
		method: "POST", path: "/plans", id: "create-plan", tag: "plans", action: authz.CreatePlan,
		summary: "Make a plan", status: http.StatusCreated, refusals: []store.Code{store.ErrConflict},
	}, a.createPlan)
	handle(r, route{
		method: "GET", path: "/plans/{id}", id: "get-plan", tag: "plans", action: authz.ReadPlans,
		summary: "Show a plan", status: http.StatusOK,
	}, a.getPlan)
	handle(r, route{
		method: "PATCH", path: "/plans/{id}", id: "update-plan", tag: "plans", action: authz.UpdatePlan,
		summary: "Change a plan, for all who have it and at once", status: http.StatusOK,
	}, a.updatePlan)
	for _, rt := range deletions("/plans/{id}", "delete-plan") {
		rt.tag, rt.action, rt.summary = "plans", authz.DeletePlan, "Delete a plan that nobody has and that is not the default one"
		rt.refusals = []store.Code{store.ErrConflict}
		handle(r, rt, a.deletePlan)
	}
}

func (a *API) listPlans(ctx context.Context, c *call, _ none) (List[Plan], error) {
	list, err := a.cfg.Metering.Plans(ctx, c.page)
	if err != nil {
		return List[Plan]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, plan), nil
}

func (a *API) getPlan(ctx context.Context, c *call, _ none) (Plan, error) {
	p, err := a.cfg.Metering.Plan(ctx, c.id)
	if err != nil {
		return Plan{}, err
	}
	return plan(p), nil
}

type createPlanInput struct {
	ID                   string              `json:"id" doc:"1 to 64 of a-z, 0-9 and -, the first and the last a letter or digit"`
	Name                 string              `json:"name,omitempty" doc:"Absent means the id"`
	Limits               []limitInput        `json:"limits,omitempty" nullable:"false" maxItems:"64" doc:"One for each pair of meter and window"`
	CreditGrant          orNull[CreditGrant] `json:"credit_grant,omitzero" doc:"Absent or null means none"`
	RateLimit            *string             `json:"rate_limit,omitempty" nullable:"true" doc:"Such as 20/s,burst=40; absent or null means the configured one"`
	OnInterrupt          store.Interruption  `json:"on_interrupt,omitempty" enum:"charge_delivered,charge_estimate,charge_nothing" doc:"Absent means charge_delivered"`
	MessageTextRetention *string             `json:"message_text_retention,omitempty" nullable:"true" doc:"Such as 720h; absent or null means for good"`
	MessageRetention     *string             `json:"message_retention,omitempty" nullable:"true" doc:"Such as 8760h; absent or null means for good"`
}

func (a *API) createPlan(ctx context.Context, c *call, in createPlanInput) (Plan, error) {
	var faults []store.FieldError
	p := store.Plan{
		ID:                   in.ID,
		Name:                 cmp.Or(in.Name, in.ID),
		Limits:               storeLimits(in.Limits),
		CreditGrant:          (*store.CreditGrant)(in.CreditGrant.value),
		OnInterrupt:          in.OnInterrupt,
		MessageTextRetention: readDuration(&faults, "message_text_retention", in.MessageTextRetention),
		MessageRetention:     readDuration(&faults, "message_retention", in.MessageRetention),
	}
	if in.RateLimit != nil {
		p.RateLimit = *in.RateLimit
	}
	if len(faults) > 0 {
		return Plan{}, invalidMembers(faults)
	}
	p, err := a.cfg.Metering.CreatePlan(ctx, c.actor(), p)
	if err != nil {
		return Plan{}, err
	}
	return plan(p), nil
}

type updatePlanInput struct {
	Name                 optional[string]              `json:"name,omitzero"`
	Limits               optional[[]limitInput]        `json:"limits,omitzero" nullable:"false" maxItems:"64" doc:"Replaced whole"`
	CreditGrant          optional[orNull[CreditGrant]] `json:"credit_grant,omitzero" doc:"Replaced whole; null means none"`
	RateLimit            optional[string]              `json:"rate_limit,omitzero" nullable:"true" doc:"Null means the configured one"`
	OnInterrupt          optional[store.Interruption]  `json:"on_interrupt,omitzero" enum:"charge_delivered,charge_estimate,charge_nothing"`
	MessageTextRetention optional[*string]             `json:"message_text_retention,omitzero" nullable:"true" doc:"Such as 720h; null means for good"`
	MessageRetention     optional[*string]             `json:"message_retention,omitzero" nullable:"true" doc:"Such as 8760h; null means for good"`
}

func (in updatePlanInput) update() (up metering.PlanUpdate, faults []store.FieldError) {
	up = metering.PlanUpdate{
		Name:        in.Name.pointer(),
		RateLimit:   in.RateLimit.pointer(),
		OnInterrupt: in.OnInterrupt.pointer(),
	}
	if in.Limits.set {
		up.Limits = new(storeLimits(in.Limits.value))
	}
	if in.CreditGrant.set {
		up.CreditGrant = new((*store.CreditGrant)(in.CreditGrant.value.value))
	}
	if in.MessageTextRetention.set {
		up.MessageTextRetention = new(readDuration(&faults, "message_text_retention", in.MessageTextRetention.value))
	}
	if in.MessageRetention.set {
		up.MessageRetention = new(readDuration(&faults, "message_retention", in.MessageRetention.value))
	}
	return up, faults
}

func (a *API) updatePlan(ctx context.Context, c *call, in updatePlanInput) (Plan, error) {
	up, faults := in.update()
	if len(faults) > 0 {
		return Plan{}, invalidMembers(faults)
	}
	p, err := a.cfg.Metering.UpdatePlan(ctx, c.actor(), c.id, up)
	if err != nil {
		return Plan{}, err
	}
	return plan(p), nil
}

func (a *API) deletePlan(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, a.cfg.Metering.DeletePlan(ctx, c.actor(), c.id)
}
