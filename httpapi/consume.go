package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// Consumption is the answer to units that were admitted.
type Consumption struct {
	Allowed   bool       `json:"allowed" doc:"Always true: a refusal is a problem"`
	Remaining *int64     `json:"remaining" doc:"What is left of the tightest limit; null means unlimited"`
	ResetsAt  *time.Time `json:"resets_at" doc:"When that limit begins anew; null means that it does not by itself"`
}

type consumeInput struct {
	Subject string `json:"subject" doc:"The id of the user"`
	Meter   string `json:"meter" doc:"A declared meter, or credits in micro-units"`
	Amount  int64  `json:"amount" minimum:"1" maximum:"9007199254740991"`
}

func (a *API) consume(ctx context.Context, c *call, in consumeInput) (Consumption, error) {
	user, err := a.named(ctx, in.Subject)
	if err != nil {
		return Consumption{}, err
	}
	v, err := a.cfg.Metering.Consume(ctx, user, metering.Charge{Meter: in.Meter, Amount: in.Amount, Idempotency: &c.idempotency})
	c.counters, c.replayed = v.Counters, v.Replayed
	if err != nil {
		return Consumption{}, err
	}
	out := Consumption{Allowed: true}
	least, limited := v.Tightest()
	if limited {
		out.Remaining = amountOrNull(least.Remaining())
	} else if len(v.Counters) > 0 {
		least = v.Counters[0]
	}
	out.ResetsAt = timeOrNull(least.End)
	return out, nil
}

// named returns the user that a service names. One who is deleted is ErrNotFound
// like one who never was, one who is suspended ErrSuspended.
func (a *API) named(ctx context.Context, subject string) (authn.Principal, error) {
	user, err := a.cfg.Users.Get(ctx, subject)
	if err != nil {
		return authn.Principal{}, err
	}
	if user.Status == store.Suspended {
		return authn.Principal{}, store.Errorf(store.ErrSuspended, "The account is suspended.")
	}
	return authn.PrincipalOf(user), nil
}

// Reservation is a hold on units of a meter.
type Reservation struct {
	ID        string                  `json:"id"`
	Subject   string                  `json:"subject"`
	Meter     string                  `json:"meter"`
	Amount    int64                   `json:"amount"`
	Status    store.ReservationStatus `json:"status" enum:"held,settled,settled_late,released,expired"`
	Settled   int64                   `json:"settled" doc:"The actual amount, once settled"`
	Shortfall int64                   `json:"shortfall" doc:"Credits that the balance did not cover"`
	ExpiresAt time.Time               `json:"expires_at"`
	CreatedAt time.Time               `json:"created_at"`
}

func reservation(r store.Reservation) Reservation {
	return Reservation{
		ID:        r.ID,
		Subject:   r.Subject,
		Meter:     r.Meter,
		Amount:    r.Amount,
		Status:    r.Status,
		Settled:   r.Settled,
		Shortfall: r.Shortfall,
		ExpiresAt: r.ExpiresAt.UTC(),
		CreatedAt: r.CreatedAt.UTC(),
	}
}

// reserved answers with a reservation, or what went wrong.
func reserved(r store.Reservation, err error) (Reservation, error) {
	if err != nil {
		return Reservation{}, err
	}
	return reservation(r), nil
}

const defaultTTLSeconds = 60

type reserveInput struct {
	Subject    string `json:"subject" doc:"The id of the user"`
	Meter      string `json:"meter" doc:"A declared meter, or credits in micro-units"`
	Amount     int64  `json:"amount" minimum:"1" maximum:"9007199254740991"`
	TTLSeconds *int64 `json:"ttl_seconds,omitempty" minimum:"1" maximum:"3600" doc:"How long the hold lasts; absent means 60"`
}

func (a *API) reserve(ctx context.Context, c *call, in reserveInput) (Reservation, error) {
	user, err := a.named(ctx, in.Subject)
	if err != nil {
		return Reservation{}, err
	}
	ttl := int64(defaultTTLSeconds)
	if in.TTLSeconds != nil {
		ttl = *in.TTLSeconds
	}
	v, err := a.cfg.Metering.Hold(ctx, user, metering.Charge{
		Meter: in.Meter, Amount: in.Amount, TTL: time.Duration(ttl) * time.Second, Idempotency: &c.idempotency,
	})
	c.counters, c.replayed = v.Counters, v.Replayed
	return reserved(v.Reservation, err)
}

type settleInput struct {
	Amount int64 `json:"amount" minimum:"0" maximum:"9007199254740991" doc:"What was used; it may be more than was held"`
}

func (a *API) settle(ctx context.Context, c *call, in settleInput) (Reservation, error) {
	return reserved(a.cfg.Metering.Settle(ctx, c.id, in.Amount, store.OutcomeComplete))
}

type releaseInput struct{}

func (a *API) release(ctx context.Context, c *call, _ releaseInput) (Reservation, error) {
	return reserved(a.cfg.Metering.Release(ctx, c.id))
}

type extendInput struct {
	TTLSeconds int64 `json:"ttl_seconds" minimum:"1" maximum:"3600" doc:"How long the hold lasts from now"`
}

func (a *API) extend(ctx context.Context, c *call, in extendInput) (Reservation, error) {
	return reserved(a.cfg.Metering.Extend(ctx, c.id, time.Duration(in.TTLSeconds)*time.Second))
}
