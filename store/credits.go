package store

import (
	"context"
	"time"
)

// CreditStore keeps balances and the ledger. What leases hold and spend of a
// balance is MeterStore's.
type CreditStore interface {
	// CreditGrant adds a grant and returns its entry, and whether it is that of
	// an earlier call with the same idempotency key. With GrantTopUp it adds only
	// what is missing to Amount in what is left of all grants of its Source; when
	// nothing is, the entry has the Amount 0. A balance above MaxAmount is
	// ErrConflict. Grants of the user that have expired are written down first.
	CreditGrant(ctx context.Context, g Grant) (entry LedgerEntry, replayed bool, err error)
	CreditBalance(ctx context.Context, userID string, now time.Time) (Balance, error)
	// CreditBalances is CreditBalance for many users; those who never had credits
	// may be left out.
	CreditBalances(ctx context.Context, userIDs []string, now time.Time) (map[string]Balance, error)
	// CreditEnded returns at most limit grants that ended at now or before, of
	// which something is left, in the order of ExpiresAt and ID; those are also
	// what after is: the place of the last one seen.
	CreditEnded(ctx context.Context, now time.Time, after Position, limit int) ([]LedgerEntry, error)
	// CreditExpire writes down, in one transaction, which grants of users ended
	// at now or before, and returns how many did. Until then they are spent no
	// more and do not count in a balance either.
	CreditExpire(ctx context.Context, users []string, now time.Time) (int, error)
	LedgerList(ctx context.Context, userID string, p Page) (List[LedgerEntry], error)
}

// Credits is the meter that is an account's balance, in micro-units. What is
// reserved of it is held back from the balance, and what is settled is spent
// from the grants.
const Credits = "credits"

// LedgerKind says what an entry of the ledger did to the balance.
type LedgerKind string

// The kinds of entry.
const (
	LedgerGrant  LedgerKind = "grant"
	LedgerSpend  LedgerKind = "spend"
	LedgerRefund LedgerKind = "refund"
	LedgerExpire LedgerKind = "expire"
)

// How what a spend paid for ended. Hosts may have words of their own.
const (
	OutcomeComplete    = "complete"
	OutcomeInterrupted = "interrupted" // the answer broke off
)

// LedgerEntry is one change of a balance. Entries are only added; of a grant
// alone, Remaining follows what is spent from it. The sum of all amounts of a
// user is the balance.
type LedgerEntry struct {
	ID             string
	UserID         string
	Kind           LedgerKind
	Amount         int64 // micro-units: at least 0 for grants and refunds, at most 0 otherwise
	BalanceAfter   int64
	Shortfall      int64     // of a spend: what the balance did not cover
	Source         string    // of a grant: where it comes from, such as "plan:free" or "admin"
	Priority       int       // of a grant: lower ones are spent first
	Remaining      int64     // of a grant: what is left of it
	ExpiresAt      time.Time // of a grant: when what is left of it goes; zero means never
	GrantID        string    // of the others: the grant that they take from or give back to
	ReservationID  string    // of a spend or refund: the lease, when there was one
	Outcome        string    // of a spend: how what it pays for ended, such as OutcomeComplete
	Reason         string
	IdempotencyKey string    // unique within a user, or empty
	CreatedAt      time.Time // grows from entry to entry of a user, by a microsecond where the clock does not
}

// Grant gives credits to a user.
type Grant struct {
	ID             string
	UserID         string
	Amount         int64 // 1 and more
	Mode           GrantMode
	Source         string
	Priority       int
	ExpiresAt      time.Time
	Reason         string
	IdempotencyKey string
	Now            time.Time
}

// Balance is what a user has at one moment: grants past their expiry do not
// count, whether or not that is written down yet.
type Balance struct {
	Amount   int64 // never below 0
	Reserved int64 // of which this much is held by leases
}

// Available is what can still be reserved or spent: at least 0.
func (b Balance) Available() int64 { return max(0, b.Amount-b.Reserved) }
