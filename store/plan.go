package store

import (
	"context"
	"time"
)

// PlanStore keeps plans.
type PlanStore interface {
	PlanInsert(ctx context.Context, p Plan) error
	PlanGet(ctx context.Context, id string) (Plan, error)
	// PlanUpdate replaces every field but ID and CreatedAt.
	PlanUpdate(ctx context.Context, p Plan) error
	PlanDelete(ctx context.Context, id string) error
	PlanList(ctx context.Context, p Page) (List[Plan], error)
	// PlanInUse reports whether any user has the plan.
	PlanInUse(ctx context.Context, id string) (bool, error)
	// PlanUsers lists the users of a plan.
	PlanUsers(ctx context.Context, id string, p Page) (List[User], error)
}

// GrantMode says what a periodic credit grant does with what is left.
type GrantMode string

// The grant modes.
const (
	GrantAdd   GrantMode = "add"
	GrantTopUp GrantMode = "top_up"
)

// CreditGrant is what a plan grants at the start of each window, in micro-units.
type CreditGrant struct {
	Amount int64     `json:"amount"`
	Window Window    `json:"window"`
	Mode   GrantMode `json:"mode"`
}

// Interruption says what a stream that broke off is charged.
type Interruption string

// The interruption policies.
const (
	ChargeDelivered Interruption = "charge_delivered"
	ChargeEstimate  Interruption = "charge_estimate"
	ChargeNothing   Interruption = "charge_nothing"
)

// Plan is what a group of users may use.
type Plan struct {
	ID                   string // a slug chosen by whoever made it
	Name                 string
	Limits               []Limit
	CreditGrant          *CreditGrant // nil for none
	RateLimit            string       // such as "20/s,burst=40"; empty means the configured one
	OnInterrupt          Interruption
	MessageTextRetention time.Duration // zero means for good
	MessageRetention     time.Duration // zero means for good
	FromConfig           bool          // made from the configuration and not edited since
	CreatedAt            time.Time
	UpdatedAt            time.Time
}
