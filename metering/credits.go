package metering

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// NewGrant is credits to be given to a user.
type NewGrant struct {
	Amount    int64 // in micro-units, 1 to store.MaxAmount
	Reason    string
	ExpiresAt time.Time // zero means never
	Source    string    // where they come from; empty means the kind of the actor
	Priority  int       // lower ones are spent first; those of plans have PlanPriority

	// Key makes the grant happen once for a user, for good: such as the id of an
	// order. Empty means that each call grants.
	Key string

	// Idempotency makes a request harmless to repeat, as in Charge.
	Idempotency *store.Idempotency

	// DayCeiling is the most micro-units that the actor grants in a day, in UTC,
	// with this grant and to whomever. Nil does not bound them; what was granted
	// without a ceiling does not count.
	DayCeiling *int64
}

// Balance returns what a user has, and how much of it is held.
func (s *Service) Balance(ctx context.Context, userID string) (store.Balance, error) {
	return s.cfg.Store.CreditBalance(ctx, userID, s.now())
}

// Balances returns what many users have, by id. Those who never had credits may be
// left out.
func (s *Service) Balances(ctx context.Context, userIDs []string) (map[string]store.Balance, error) {
	return s.cfg.Store.CreditBalances(ctx, userIDs, s.now())
}

// Ledger lists the entries of a user's ledger.
func (s *Service) Ledger(ctx context.Context, userID string, p store.Page) (store.List[store.LedgerEntry], error) {
	return s.cfg.Store.LedgerList(ctx, userID, p)
}

// GrantCredits adds credits to a user's balance and returns the entry, and
// whether it is that of an earlier call with the same Key or Idempotency. It
// needs a reason (ErrReasonRequired). An unknown user is ErrNotFound; an amount
// out of range or an expiry that is not ahead ErrValidation; a balance that
// would pass store.MaxAmount ErrConflict; more than DayCeiling
// ErrCeilingExceeded; an idempotency key that was used with another body
// ErrIdempotencyMismatch.
func (s *Service) GrantCredits(ctx context.Context, actor store.Actor, userID string, in NewGrant) (entry store.LedgerEntry, replayed bool, err error) {
	if err := errors.Join(change.CheckReason(in.Reason), inRange(in.Amount, 1)); err != nil {
		return entry, false, err
	}
	in.ExpiresAt = in.ExpiresAt.UTC().Truncate(time.Microsecond)
	err = s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		entry, replayed, err = s.grantOnce(ctx, q, actor, userID, in, c.At)
		if err != nil || replayed {
			return err
		}
		if !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(c.At) { // a repeat may come later than that
			return store.Invalid("expires_at", "future", "must be in the future")
		}
		describeUser(c, "user.credits", userID, in.Reason)
		c.Affects = nil // no verdict holds a balance
		c.Changes = map[string]store.Diff{"credits": {From: entry.BalanceAfter - entry.Amount, To: entry.BalanceAfter}}
		return nil
	})
	if err != nil {
		return store.LedgerEntry{}, false, err
	}
	return entry, replayed, nil
}

// grantOnce grants unless an earlier request did, and remembers this one.
func (s *Service) grantOnce(ctx context.Context, q store.Queries, actor store.Actor, userID string, in NewGrant, now time.Time) (store.LedgerEntry, bool, error) {
	id := in.remembered(now)
	if id != nil {
		record, err := q.IdempotencyGet(ctx, id.Caller, id.Route, id.Key, now)
		if err == nil {
			entry, err := replayOf(record, *id)
			entry.Reason = in.Reason
			return entry, true, err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return store.LedgerEntry{}, false, err
		}
	}
	if _, err := q.UserGet(ctx, userID); err != nil {
		return store.LedgerEntry{}, false, err
	}
	entry, replayed, err := q.CreditGrant(ctx, store.Grant{
		ID:             ids.New(ids.Ledger),
		UserID:         userID,
		Amount:         in.Amount,
		Mode:           store.GrantAdd,
		Source:         cmp.Or(in.Source, string(actor.Kind)),
		Priority:       in.Priority,
		ExpiresAt:      in.ExpiresAt,
		Reason:         in.Reason,
		IdempotencyKey: in.Key,
		Now:            now,
	})
	if err == nil && !replayed {
		err = countGranted(ctx, q, actor.ID, in, now)
	}
	if err != nil || id == nil {
		return entry, replayed, err
	}
	outcome, err := outcomeOf(entry)
	if err != nil {
		return entry, replayed, err
	}
	return entry, replayed, q.IdempotencyPut(ctx, store.IdempotencyRecord{Idempotency: *id, Outcome: outcome, CreatedAt: now})
}

// meterGranted is the meter of what an actor granted under a ceiling. No user has
// it: it is counted under the id of the actor.
const meterGranted = "granted"

// countGranted counts a grant against the day of whoever gives it. The counter
// is read and moved by one call that locks it, so that of any number of grants
// at once, on any instance, no more than the ceiling are given.
func countGranted(ctx context.Context, q store.Queries, actorID string, in NewGrant, now time.Time) error {
	if in.DayCeiling == nil {
		return nil
	}
	today := now.Truncate(24 * time.Hour)
	verdicts, err := q.MeterReserve(ctx, []store.Reserve{{
		ID: ids.New(ids.Reservation), Subject: actorID, Meter: meterGranted, Amount: in.Amount, Now: now, Consume: true,
		Limits: []store.CounterLimit{{
			Counter: store.Counter{Subject: actorID, Meter: meterGranted, Window: store.Day, Start: today},
			Limit:   *in.DayCeiling,
			End:     today.AddDate(0, 0, 1),
		}},
	}})
	if err != nil || verdicts[0].Refused == store.Admitted {
		return err
	}
	return store.Errorf(store.ErrCeilingExceeded,
		"Of the %d micro-units that may be granted in a day, %d are left until midnight UTC. Ask an admin.",
		*in.DayCeiling, verdicts[0].Counters[0].Remaining())
}

func (in NewGrant) remembered(now time.Time) *store.Idempotency {
	return Charge{Idempotency: in.Idempotency}.remembered(now)
}

// entryText is a ledger entry as an idempotency record keeps it: the names
// outlive those of the fields.
type entryText struct {
	ID             string           `json:"id"`
	UserID         string           `json:"user_id"`
	Kind           store.LedgerKind `json:"kind"`
	Amount         int64            `json:"amount"`
	BalanceAfter   int64            `json:"balance_after"`
	Shortfall      int64            `json:"shortfall"`
	Source         string           `json:"source"`
	Priority       int              `json:"priority"`
	Remaining      int64            `json:"remaining"`
	ExpiresAt      time.Time        `json:"expires_at"`
	GrantID        string           `json:"grant_id"`
	ReservationID  string           `json:"reservation_id"`
	Outcome        string           `json:"outcome"`
	Reason         string           `json:"reason,omitempty"` // not kept
	IdempotencyKey string           `json:"idempotency_key"`
	CreatedAt      time.Time        `json:"created_at"`
}

// outcomeOf leaves out the reason, which may name a person: a purge erases the
// ledger, and not what is remembered of requests. Whoever repeats one says it again.
func outcomeOf(entry store.LedgerEntry) ([]byte, error) {
	entry.Reason = ""
	return json.Marshal(entryText(entry))
}

func replayOf(record store.IdempotencyRecord, asked store.Idempotency) (store.LedgerEntry, error) {
	if record.BodyHash != asked.BodyHash {
		return store.LedgerEntry{}, errMismatch()
	}
	var entry entryText
	err := json.Unmarshal(record.Outcome, &entry)
	return store.LedgerEntry(entry), err
}

func errMismatch() error {
	return store.Errorf(store.ErrIdempotencyMismatch, "The idempotency key was used for another request. Use a new one.")
}
