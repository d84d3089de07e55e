package store

import "time"

// Window is the calendar period a limit counts over, in the account's time
// zone.
type Window string

// The windows. A week begins on Monday (ISO 8601).
const (
	Day   Window = "day"
	Week  Window = "week"
	Month Window = "month"
)

// Length is how long the window that begins on a date is, on the calendar: a
// day is 24 hours also when clocks are changed in it. No window has no length.
func (w Window) Length(start time.Time) time.Duration {
	switch w {
	case Day:
		return 24 * time.Hour
	case Week:
		return 7 * 24 * time.Hour
	case Month:
		return start.AddDate(0, 1, 0).Sub(start)
	default:
		return 0
	}
}

// Unlimited as the value of a limit means that the meter only counts.
const Unlimited int64 = -1

// MaxAmount is the largest amount, limit or balance: 2^53-1, the largest
// integer that every JSON reader keeps exact.
const MaxAmount int64 = 1<<53 - 1

// Limit is the most units of a meter that may be used in a window.
type Limit struct {
	Meter  string `json:"meter"`
	Window Window `json:"window"`
	Limit  int64  `json:"limit"` // Unlimited, or 0 and more
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

// Counter is one running total: what one limit of one subject counts in one
// window. Counters are found by the start of their window, so that a new
// window begins without any job.
type Counter struct {
	Subject string // id of a user, or of a key's family
	Meter   string
	Window  Window
	Start   time.Time // names the window: its first local day, as midnight UTC of that date
}

// CounterLimit is a counter with the limit it is held against.
type CounterLimit struct {
	Counter
	Limit int64     // Unlimited, or 0 and more
	End   time.Time // first instant of the next window
}

// CounterState is a counter as the database has it.
type CounterState struct {
	CounterLimit
	Used     int64 // settled units; may pass the limit by late or excess settles
	Reserved int64 // units of leases that are held and not past their deadline
}

// Remaining is how many units can still be admitted: at least 0, and Unlimited
// when there is no limit.
func (s CounterState) Remaining() int64 {
	if s.Limit == Unlimited {
		return Unlimited
	}
	return max(0, s.Limit-s.Used-s.Reserved)
}

// ReservationStatus is the state of a lease.
type ReservationStatus string

// The states of a reservation. A held one past its deadline reads as expired,
// which is no ending: it can still be settled late.
const (
	ReservationHeld        ReservationStatus = "held"
	ReservationSettled     ReservationStatus = "settled"
	ReservationSettledLate ReservationStatus = "settled_late"
	ReservationReleased    ReservationStatus = "released"
	ReservationExpired     ReservationStatus = "expired"
)

// Reservation is a lease on units of a meter: an amount held until a deadline,
// to be settled with the actual amount or released.
type Reservation struct {
	ID        string
	Subject   string // id of the user
	Meter     string
	Amount    int64
	Status    ReservationStatus
	Settled   int64 // the actual amount, once settled
	Shortfall int64 // credits that the balance did not cover
	Refunded  int64 // what was given back after it was settled
	ExpiresAt time.Time
	CreatedAt time.Time
	EndedAt   time.Time // zero while held
}

// Reserve asks for a lease, or with Consume for units at once. All Limits must
// admit the amount, and for the meter Credits the balance too. What is consumed
// can be given back only when it is credits: units leave no row to find it by.
type Reserve struct {
	ID          string
	Subject     string
	Meter       string
	Amount      int64
	Limits      []CounterLimit
	Now         time.Time
	ExpiresAt   time.Time    // of the lease; ignored with Consume
	Consume     bool         // count the amount as used, without a lease
	Idempotency *Idempotency // nil for a request that may be repeated by mistake
}

// ReserveResult is the verdict on one Reserve.
type ReserveResult struct {
	Reservation Reservation    // set when admitted; with Consume it is settled already
	Counters    []CounterState // after the verdict, in the order of Reserve.Limits; none with RefusedMismatch
	Balance     *Balance       // after the verdict, for the meter Credits only
	Refused     int            // index into Counters of the limit that refused, or one of the values below
	Replayed    bool           // it is the verdict on an earlier request with the same idempotency key
}

// What Refused is when no limit refused.
const (
	Admitted         = -1
	RefusedByBalance = -2 // the balance does not cover the amount
	RefusedMismatch  = -3 // the idempotency key was used with another body
)

// Settle ends a lease with the actual amount, or returns it whole.
type Settle struct {
	ID      string
	Amount  int64 // 0 and more; ignored when Release
	Release bool
	Outcome string // how what it pays for ended, for the ledger
	Now     time.Time
}

// Refund gives back what a settled lease, or a consumed amount of credits, was
// charged.
type Refund struct {
	ID     string // of the reservation, or of the ledger entry of the spend
	Reason string
	Now    time.Time
	Since  time.Time // what ended before is not refunded any more
}

// UsagePoint is what was counted of a meter on one day.
type UsagePoint struct {
	Meter string
	Date  time.Time // the local day, as midnight UTC of that date
	Used  int64     // resets do not take from it
}

// UserUsage is what one user used of a meter.
type UserUsage struct {
	UserID string
	Used   int64 // resets do not take from it
}

// UsageAdd counts units after the fact, without a limit.
type UsageAdd struct {
	Counters []Counter
	Amount   int64
}
