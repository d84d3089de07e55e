package metering

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// How long a lease may last before it has to be renewed.
const (
	minTTL = time.Second
	maxTTL = time.Hour
)

// idempotencyTTL is how long a charge is remembered by its idempotency key.
const idempotencyTTL = 24 * time.Hour

// Charge is a request for units of a meter, or for micro-units of Credits.
type Charge struct {
	Meter  string
	Amount int64         // 1 to store.MaxAmount
	TTL    time.Duration // of a lease: 1 s to 1 h; Consume ignores it

	// Idempotency makes the charge harmless to repeat: of all charges with one
	// caller, route and key, the first that is admitted counts, and the others
	// get its verdict. Nil means that each counts. A zero ExpiresAt means that it
	// is remembered for 24 hours.
	Idempotency *store.Idempotency
}

// Verdict is what became of a Charge.
type Verdict struct {
	Reservation store.Reservation // of Consume: settled already

	// Counters are all that the charge counts against, as they are then. Of
	// Credits the last one is the balance: it has no window, and its Limit is
	// what the user has.
	Counters []store.CounterState

	Replayed bool // it is the verdict on an earlier charge with the same idempotency key
}

// Tightest returns the counter with the least left, and false when nothing is
// limited.
func (v Verdict) Tightest() (least store.CounterState, limited bool) {
	for _, c := range v.Counters {
		if c.Limit != store.Unlimited && (!limited || c.Remaining() < least.Remaining()) {
			least, limited = c, true
		}
	}
	return least, limited
}

// Consume counts units at once, against every limit that applies to the
// principal or against none. Credits are also spent from the balance.
//
// A limit that does not admit the amount is ErrQuotaExceeded: the error names
// the limit and how long to wait for its window to end, and the counters are
// returned with it. A balance that does not cover it is ErrInsufficientCredits.
// A meter that is not declared, or an amount out of range, is ErrValidation; an
// idempotency key that was used with another body is ErrIdempotencyMismatch.
// Other kinds of account than users are ErrInvalidToken. A cancelled ctx ends
// the call as long as nothing is counted.
func (s *Service) Consume(ctx context.Context, p authn.Principal, c Charge) (Verdict, error) {
	c.TTL = minTTL
	return s.charge(ctx, p, c, true)
}

// Hold is Consume under a lease: the amount is held for c.TTL, to be settled
// with what was used or released.
func (s *Service) Hold(ctx context.Context, p authn.Principal, c Charge) (Verdict, error) {
	return s.charge(ctx, p, c, false)
}

// Reserve is Hold without an idempotency key. It returns the lease and the
// counters as they are then.
func (s *Service) Reserve(ctx context.Context, p authn.Principal, meter string, amount int64, ttl time.Duration) (store.Reservation, []store.CounterState, error) {
	v, err := s.Hold(ctx, p, Charge{Meter: meter, Amount: amount, TTL: ttl})
	return v.Reservation, v.Counters, err
}

func (s *Service) charge(ctx context.Context, p authn.Principal, c Charge, consume bool) (Verdict, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return Verdict{}, err
	}
	if err := s.admissible(p, c); err != nil {
		return Verdict{}, err
	}
	plan, err := s.planOf(ctx, p)
	if err != nil {
		return Verdict{}, err
	}
	now := s.now()
	if c.Meter == Credits {
		if err := s.grantPresent(ctx, p, plan, now); err != nil {
			return Verdict{}, err
		}
	}
	result, err := s.reserves.Do(ctx, store.Reserve{
		ID:          ids.New(ids.Reservation),
		Subject:     p.Subject,
		Meter:       c.Meter,
		Amount:      c.Amount,
		Limits:      s.counters(p, plan, c.Meter, now),
		Now:         now,
		ExpiresAt:   now.Add(c.TTL),
		Consume:     consume,
		Idempotency: c.remembered(now),
	})
	if err != nil {
		return Verdict{}, verdict(ctx, err)
	}
	return s.answer(p, plan, c, result, now)
}

// answer is what the caller is told of the store's verdict.
func (s *Service) answer(p authn.Principal, plan store.Plan, c Charge, result store.ReserveResult, now time.Time) (Verdict, error) {
	v := Verdict{Reservation: result.Reservation, Counters: result.Counters, Replayed: result.Replayed}
	if result.Balance != nil {
		v.Counters = append(v.Counters, s.balanceState(p, plan, *result.Balance, now))
	}
	switch result.Refused {
	case store.Admitted:
		return v, nil
	case store.RefusedByBalance:
		return v, insufficient(v.Counters[len(v.Counters)-1], now)
	case store.RefusedMismatch:
		return v, errMismatch()
	default:
		return v, refusal(v.Counters[result.Refused], c.Amount, now)
	}
}

// remembered is how a charge that was made now is remembered.
func (c Charge) remembered(now time.Time) *store.Idempotency {
	if c.Idempotency == nil {
		return nil
	}
	id := *c.Idempotency
	if id.ExpiresAt.IsZero() {
		id.ExpiresAt = now.Add(idempotencyTTL)
	}
	return &id
}

// admissible checks a request before anything is asked of the store.
func (s *Service) admissible(p authn.Principal, c Charge) error {
	if err := isUser(p); err != nil {
		return err
	}
	if err := s.declared(c.Meter); err != nil {
		return err
	}
	if err := inRange(c.Amount, 1); err != nil {
		return err
	}
	return validTTL(c.TTL)
}

func isUser(p authn.Principal) error {
	if p.Kind == authn.KindUser && p.Subject != "" {
		return nil
	}
	return store.Errorf(store.ErrInvalidToken, "Only users have limits. Use a user's credential.")
}

func validTTL(ttl time.Duration) error {
	if ttl >= minTTL && ttl <= maxTTL {
		return nil
	}
	return store.Invalid("ttl_seconds", "range", "must be from 1 to 3600 seconds")
}

// balanceState shows a balance as a counter without a window. It ends when the
// plan's next grant is due.
func (s *Service) balanceState(p authn.Principal, plan store.Plan, b store.Balance, now time.Time) store.CounterState {
	c := store.CounterState{
		CounterLimit: store.CounterLimit{Counter: store.Counter{Subject: p.Subject, Meter: Credits}, Limit: b.Amount},
		Reserved:     b.Reserved,
	}
	if plan.CreditGrant != nil {
		_, c.End = windowAt(plan.CreditGrant.Window, p.Zone, s.locations.load, now)
	}
	return c
}

// insufficient is the error for a balance that does not cover an amount.
func insufficient(c store.CounterState, now time.Time) error {
	err := quotaError(store.ErrInsufficientCredits, "The balance does not cover the amount.", c, now)
	if c.End.IsZero() {
		err.RetryAfter = 0 // nothing is granted by itself
	}
	return err
}

// refusal is the error for a limit that does not admit an amount.
func refusal(c store.CounterState, amount int64, now time.Time) error {
	detail := "The limit of this " + string(c.Window) + " is used up. Wait for the next one."
	switch {
	case amount > c.Limit && c.Limit > 0:
		detail = "The amount is more than any " + string(c.Window) + " admits. Ask for less."
	case c.Remaining() > 0:
		detail = "The amount is more than is left of this " + string(c.Window) + ". Ask for less, or wait for the next one."
	}
	return quotaError(store.ErrQuotaExceeded, detail, c, now)
}

func quotaError(code store.Code, detail string, c store.CounterState, now time.Time) *store.Error {
	return &store.Error{
		Code:       code,
		Detail:     detail,
		RetryAfter: c.End.Sub(now),
		Quota: &store.QuotaRefusal{
			Meter:     c.Meter,
			Window:    c.Window,
			Limit:     c.Limit,
			Remaining: c.Remaining(),
			ResetsAt:  c.End,
		},
	}
}
