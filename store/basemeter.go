package store

import (
	"context"
	"time"
)

// PlanInsert answers ErrUnsupported.
func (Base) PlanInsert(context.Context, Plan) error {
	return ErrUnsupported
}

// PlanGet answers ErrUnsupported.
func (Base) PlanGet(context.Context, string) (Plan, error) {
	return Plan{}, ErrUnsupported
}

// PlanUpdate answers ErrUnsupported.
func (Base) PlanUpdate(context.Context, Plan) error {
	return ErrUnsupported
}

// PlanDelete answers ErrUnsupported.
func (Base) PlanDelete(context.Context, string) error {
	return ErrUnsupported
}

// PlanList answers ErrUnsupported.
func (Base) PlanList(context.Context, Page) (List[Plan], error) {
	return List[Plan]{}, ErrUnsupported
}

// PlanInUse answers ErrUnsupported.
func (Base) PlanInUse(context.Context, string) (bool, error) {
	return false, ErrUnsupported
}

// PlanUsers answers ErrUnsupported.
func (Base) PlanUsers(context.Context, string, Page) (List[User], error) {
	return List[User]{}, ErrUnsupported
}

// MeterReserve answers ErrUnsupported.
func (Base) MeterReserve(context.Context, []Reserve) ([]ReserveResult, error) {
	return nil, ErrUnsupported
}

// MeterSettle answers ErrUnsupported.
func (Base) MeterSettle(context.Context, []Settle) ([]Reservation, error) {
	return nil, ErrUnsupported
}

// MeterExtend answers ErrUnsupported.
func (Base) MeterExtend(context.Context, string, time.Time, time.Time) (Reservation, error) {
	return Reservation{}, ErrUnsupported
}

// MeterPurge answers ErrUnsupported.
func (Base) MeterPurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// MeterAdd answers ErrUnsupported.
func (Base) MeterAdd(context.Context, []UsageAdd) error {
	return ErrUnsupported
}

// MeterUsage answers ErrUnsupported.
func (Base) MeterUsage(context.Context, []CounterLimit, time.Time) ([]CounterState, error) {
	return nil, ErrUnsupported
}

// MeterRefund answers ErrUnsupported.
func (Base) MeterRefund(context.Context, Refund) (Reservation, error) {
	return Reservation{}, ErrUnsupported
}

// MeterReset answers ErrUnsupported.
func (Base) MeterReset(context.Context, []Counter) error {
	return ErrUnsupported
}

// UsageHistory answers ErrUnsupported.
func (Base) UsageHistory(context.Context, string, string, time.Time, time.Time) ([]UsagePoint, error) {
	return nil, ErrUnsupported
}

// UsageDays answers ErrUnsupported.
func (Base) UsageDays(context.Context, string, time.Time, time.Time) ([]UsagePoint, error) {
	return nil, ErrUnsupported
}

// UsageTop answers ErrUnsupported.
func (Base) UsageTop(context.Context, string, time.Time, time.Time, int) ([]UserUsage, error) {
	return nil, ErrUnsupported
}

// UsagePurge answers ErrUnsupported.
func (Base) UsagePurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// MeterErase answers ErrUnsupported.
func (Base) MeterErase(context.Context, string, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// CreditGrant answers ErrUnsupported.
func (Base) CreditGrant(context.Context, Grant) (LedgerEntry, bool, error) {
	return LedgerEntry{}, false, ErrUnsupported
}

// CreditBalance answers ErrUnsupported.
func (Base) CreditBalance(context.Context, string, time.Time) (Balance, error) {
	return Balance{}, ErrUnsupported
}

// CreditBalances answers ErrUnsupported.
func (Base) CreditBalances(context.Context, []string, time.Time) (map[string]Balance, error) {
	return nil, ErrUnsupported
}

// CreditEnded answers ErrUnsupported.
func (Base) CreditEnded(context.Context, time.Time, Position, int) ([]LedgerEntry, error) {
	return nil, ErrUnsupported
}

// CreditExpire answers ErrUnsupported.
func (Base) CreditExpire(context.Context, []string, time.Time) (int, error) {
	return 0, ErrUnsupported
}

// LedgerList answers ErrUnsupported.
func (Base) LedgerList(context.Context, string, Page) (List[LedgerEntry], error) {
	return List[LedgerEntry]{}, ErrUnsupported
}

// IdempotencyGet answers ErrUnsupported.
func (Base) IdempotencyGet(context.Context, string, string, string, time.Time) (IdempotencyRecord, error) {
	return IdempotencyRecord{}, ErrUnsupported
}

// IdempotencyPut answers ErrUnsupported.
func (Base) IdempotencyPut(context.Context, IdempotencyRecord) error {
	return ErrUnsupported
}

// IdempotencyPurge answers ErrUnsupported.
func (Base) IdempotencyPurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}
