package store

import (
	"context"
	"time"
)

// MeterStore keeps counts and leases.
type MeterStore interface {
	// MeterReserve decides on many leases in their order, in one transaction:
	// each sees what those before it took. A member is admitted when all of its
	// limits admit it, and then counts against all of them; a refused member
	// writes nothing. Of the meter Credits the balance must cover it too, and
	// what is consumed is spent from the grants: in the order of their priority,
	// then those that end soonest, then the oldest. A member with an Idempotency that was admitted before gets
	// the first's verdict, as long as that is remembered; the record is written
	// with the charge. An id that exists is ErrConflict for the whole batch.
	MeterReserve(ctx context.Context, batch []Reserve) ([]ReserveResult, error)
	// MeterSettle ends many leases in one transaction. The first ending of a
	// lease stands: a later one changes nothing and gets the first's answer. A
	// lease that is settled after its deadline, as MeterExtend knows it, counts the
	// same and ends as ReservationSettledLate. Credits are taken down to zero, and what is missing
	// is the shortfall. An unknown id is ErrNotFound for the whole batch. No counter
	// goes beyond MaxAmount, and no more than that is held at once, also where
	// nothing limits it.
	MeterSettle(ctx context.Context, batch []Settle) ([]Reservation, error)
	// MeterExtend moves the deadline of a held lease and returns it. One that
	// ended, or whose deadline has passed, is returned as it is. Its deadline has
	// passed also when a lease or consume was decided on at a later time and found
	// it past: now may have been read before that, and its place may be another's.
	MeterExtend(ctx context.Context, id string, now, expiresAt time.Time) (Reservation, error)
	// MeterPurge deletes at most limit leases and consumes whose deadline was
	// before a time, and their end too where they have one, and returns how many
	// went. What they counted stays counted; a late settle or a refund of one is
	// ErrNotFound.
	MeterPurge(ctx context.Context, before time.Time, limit int) (int, error)
	// MeterAdd counts units without a limit.
	MeterAdd(ctx context.Context, batch []UsageAdd) error
	// MeterUsage reads counters as they are at now, in the order given.
	MeterUsage(ctx context.Context, counters []CounterLimit, now time.Time) ([]CounterState, error)
	// MeterRefund gives back what a settled lease was charged: its units to the
	// counters, but of what a counter was reset since only to the history, and its
	// credits to the grants they came from, of which one that has ended in the
	// meantime is gone again at once. The first refund stands; a later one changes
	// nothing and gets its answer. The ID may also be that of credits that were
	// consumed, or of a spend in the ledger, whose whole charge is refunded. A
	// lease that is not settled is ErrConflict, and so is one that ended before
	// r.Since, or is purged and known by its spend only.
	MeterRefund(ctx context.Context, r Refund) (Reservation, error)
	// MeterReset sets counters to 0. Leases that are held stay, and the history
	// keeps what was counted.
	MeterReset(ctx context.Context, counters []Counter) error
	// UsageHistory returns what was counted of a meter on each day from a date
	// until before another, oldest first; days without any are left out. Dates
	// are as in Counter.Start.
	UsageHistory(ctx context.Context, subject, meter string, from, until time.Time) ([]UsagePoint, error)
	// UsageDays returns what all users together used of each meter on each day
	// from a date until before another, oldest first, then by meter; of one meter
	// when one is named. What it costs grows with the counters in that range, so
	// with users, days and meters.
	UsageDays(ctx context.Context, meter string, from, until time.Time) ([]UsagePoint, error)
	// UsageTop returns at most limit users who used most of a meter on the days
	// from a date until before another, most first, then by id. It costs what
	// UsageDays does.
	UsageTop(ctx context.Context, meter string, from, until time.Time, limit int) ([]UserUsage, error)
	// UsagePurge deletes at most limit counters of windows that started before a
	// date and returns how many went.
	UsagePurge(ctx context.Context, before time.Time, limit int) (int, error)
	// MeterErase deletes at most limit rows of all that is kept of a subject, a
	// user or the family of a key: its counters, balance, ledger, and the leases
	// that were made at a time or later. It returns how many went; fewer than the
	// limit means that none is left.
	MeterErase(ctx context.Context, subject string, since time.Time, limit int) (int, error)
}

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
