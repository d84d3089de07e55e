package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// Ledger is one entry of a user's ledger of credits, in micro-units. The sum of
// the amounts is the balance.
type Ledger struct {
	ID            string           `json:"id"`
	Kind          store.LedgerKind `json:"kind" enum:"grant,spend,refund,expire"`
	Amount        int64            `json:"amount" doc:"Above 0 for grants and refunds, at most 0 otherwise"`
	BalanceAfter  int64            `json:"balance_after"`
	Source        string           `json:"source" doc:"Of a grant: where it comes from"`
	GrantID       *string          `json:"grant_id" doc:"The grant that the entry takes from or gives back to"`
	ReservationID *string          `json:"reservation_id"`
	Shortfall     int64            `json:"shortfall" doc:"Of a spend: what the balance did not cover"`
	Outcome       string           `json:"outcome" doc:"Of a spend: how what it pays for ended"`
	Reason        string           `json:"reason"`
	ExpiresAt     *time.Time       `json:"expires_at" doc:"Of a grant: when what is left of it goes; null means never"`
	CreatedAt     time.Time        `json:"created_at"`
}

func ledger(e store.LedgerEntry) Ledger {
	return Ledger{
		ID:            e.ID,
		Kind:          e.Kind,
		Amount:        e.Amount,
		BalanceAfter:  e.BalanceAfter,
		Source:        e.Source,
		GrantID:       textOrNull(e.GrantID),
		ReservationID: textOrNull(e.ReservationID),
		Shortfall:     e.Shortfall,
		Outcome:       e.Outcome,
		Reason:        e.Reason,
		ExpiresAt:     timeOrNull(e.ExpiresAt),
		CreatedAt:     e.CreatedAt.UTC(),
	}
}

func (a *API) listCredits(ctx context.Context, c *call, _ none) (List[Ledger], error) {
	return a.creditsOf(ctx, c, c.subject())
}

func (a *API) creditsOf(ctx context.Context, c *call, userID string) (List[Ledger], error) {
	list, err := a.cfg.Metering.Ledger(ctx, userID, c.page)
	if err != nil {
		return List[Ledger]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, ledger), nil
}

type grantInput struct {
	Because
	Amount    int64      `json:"amount" minimum:"1" maximum:"9007199254740991" doc:"Micro-units"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" nullable:"true" doc:"Absent or null means never"`
}

func (a *API) grantCredits(ctx context.Context, c *call, in grantInput) (Ledger, error) {
	grant := metering.NewGrant{Amount: in.Amount, Reason: in.Reason, Idempotency: &c.idempotency}
	day, err := a.cfg.Ceilings.CheckGrant(c.principal, in.Amount)
	if err != nil {
		return Ledger{}, err
	}
	if day >= 0 {
		grant.DayCeiling = &day
	}
	if in.ExpiresAt != nil {
		grant.ExpiresAt = *in.ExpiresAt
	}
	entry, replayed, err := a.cfg.Metering.GrantCredits(ctx, c.actor(), c.id, grant)
	if err != nil {
		return Ledger{}, err
	}
	c.replayed = replayed
	return ledger(entry), nil
}
