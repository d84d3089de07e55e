package store

import "time"

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
