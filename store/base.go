package store

import (
	"context"
	"time"
)

// Base answers ErrUnsupported to every method of Store. A driver embeds it, so
// that a method added to Store in a minor release does not break its build.
type Base struct{}

var _ Store = Base{}

// InTx answers ErrUnsupported.
func (Base) InTx(context.Context, func(ctx context.Context, q Queries) error) error {
	return ErrUnsupported
}

// Ping answers ErrUnsupported.
func (Base) Ping(context.Context) error {
	return ErrUnsupported
}

// Close answers ErrUnsupported.
func (Base) Close() error {
	return ErrUnsupported
}

// UserInsert answers ErrUnsupported.
func (Base) UserInsert(context.Context, User) error {
	return ErrUnsupported
}

// UserGet answers ErrUnsupported.
func (Base) UserGet(context.Context, string) (User, error) {
	return User{}, ErrUnsupported
}

// UserUpdate answers ErrUnsupported.
func (Base) UserUpdate(context.Context, User) error {
	return ErrUnsupported
}

// UserDelete answers ErrUnsupported.
func (Base) UserDelete(context.Context, string) error {
	return ErrUnsupported
}

// IdentifierInsert answers ErrUnsupported.
func (Base) IdentifierInsert(context.Context, Identifier) error {
	return ErrUnsupported
}

// IdentifierGet answers ErrUnsupported.
func (Base) IdentifierGet(context.Context, IdentifierKind, string) (Identifier, error) {
	return Identifier{}, ErrUnsupported
}

// IdentifierDelete answers ErrUnsupported.
func (Base) IdentifierDelete(context.Context, IdentifierKind, string) error {
	return ErrUnsupported
}

// PasswordHashGet answers ErrUnsupported.
func (Base) PasswordHashGet(context.Context, string) (PasswordHash, error) {
	return PasswordHash{}, ErrUnsupported
}

// PasswordHashPut answers ErrUnsupported.
func (Base) PasswordHashPut(context.Context, PasswordHash) error {
	return ErrUnsupported
}

// PasswordHashReplace answers ErrUnsupported.
func (Base) PasswordHashReplace(context.Context, string, PasswordHash) (bool, error) {
	return false, ErrUnsupported
}

// PasswordHashDelete answers ErrUnsupported.
func (Base) PasswordHashDelete(context.Context, string) error {
	return ErrUnsupported
}

// PasswordSchemes answers ErrUnsupported.
func (Base) PasswordSchemes(context.Context) ([]string, error) {
	return nil, ErrUnsupported
}

// DeletedUserInsert answers ErrUnsupported.
func (Base) DeletedUserInsert(context.Context, DeletedUser) error {
	return ErrUnsupported
}

// DeletedUserGet answers ErrUnsupported.
func (Base) DeletedUserGet(context.Context, string) (DeletedUser, error) {
	return DeletedUser{}, ErrUnsupported
}

// SessionInsert answers ErrUnsupported.
func (Base) SessionInsert(context.Context, Session) error {
	return ErrUnsupported
}

// SessionGet answers ErrUnsupported.
func (Base) SessionGet(context.Context, string) (Session, error) {
	return Session{}, ErrUnsupported
}

// SessionWithUser answers ErrUnsupported.
func (Base) SessionWithUser(context.Context, string) (Session, User, error) {
	return Session{}, User{}, ErrUnsupported
}

// SessionUpdate answers ErrUnsupported.
func (Base) SessionUpdate(context.Context, Session) error {
	return ErrUnsupported
}

// SessionRevoke answers ErrUnsupported.
func (Base) SessionRevoke(context.Context, string, time.Time) (bool, error) {
	return false, ErrUnsupported
}

// SessionRevokeAll answers ErrUnsupported.
func (Base) SessionRevokeAll(context.Context, string, string, time.Time) ([]string, error) {
	return nil, ErrUnsupported
}

// SessionList answers ErrUnsupported.
func (Base) SessionList(context.Context, string, time.Time, Page) (List[Session], error) {
	return List[Session]{}, ErrUnsupported
}

// SessionPurge answers ErrUnsupported.
func (Base) SessionPurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// RefreshTokenInsert answers ErrUnsupported.
func (Base) RefreshTokenInsert(context.Context, RefreshToken) error {
	return ErrUnsupported
}

// RefreshTokenGet answers ErrUnsupported.
func (Base) RefreshTokenGet(context.Context, [32]byte) (RefreshToken, error) {
	return RefreshToken{}, ErrUnsupported
}

// RefreshTokenUse answers ErrUnsupported.
func (Base) RefreshTokenUse(context.Context, RefreshUse) (bool, error) {
	return false, ErrUnsupported
}

// RefreshTokenForget answers ErrUnsupported.
func (Base) RefreshTokenForget(context.Context, string, int64) error {
	return ErrUnsupported
}

// SignInAttempt answers ErrUnsupported.
func (Base) SignInAttempt(context.Context, string, SignInRule, time.Time) (SignInFailures, error) {
	return SignInFailures{}, ErrUnsupported
}

// SignInClear answers ErrUnsupported.
func (Base) SignInClear(context.Context, string) error {
	return ErrUnsupported
}

// SignInForgive answers ErrUnsupported.
func (Base) SignInForgive(context.Context, string) error {
	return ErrUnsupported
}

// SignInPurge answers ErrUnsupported.
func (Base) SignInPurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// KnownDevicePut answers ErrUnsupported.
func (Base) KnownDevicePut(context.Context, KnownDevice) error {
	return ErrUnsupported
}

// KnownDeviceSince answers ErrUnsupported.
func (Base) KnownDeviceSince(context.Context, string, string, time.Time) (bool, error) {
	return false, ErrUnsupported
}

// KnownDevicePurge answers ErrUnsupported.
func (Base) KnownDevicePurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// APIKeyInsert answers ErrUnsupported.
func (Base) APIKeyInsert(context.Context, APIKeyHash) error {
	return ErrUnsupported
}

// APIKeyGet answers ErrUnsupported.
func (Base) APIKeyGet(context.Context, string, string) (APIKey, error) {
	return APIKey{}, ErrUnsupported
}

// APIKeyWithUser answers ErrUnsupported.
func (Base) APIKeyWithUser(context.Context, [32]byte) (APIKey, User, error) {
	return APIKey{}, User{}, ErrUnsupported
}

// APIKeyUpdate answers ErrUnsupported.
func (Base) APIKeyUpdate(context.Context, APIKey) error {
	return ErrUnsupported
}

// APIKeyList answers ErrUnsupported.
func (Base) APIKeyList(context.Context, string, Page) (List[APIKey], error) {
	return List[APIKey]{}, ErrUnsupported
}

// APIKeyCount answers ErrUnsupported.
func (Base) APIKeyCount(context.Context, string, time.Time) (int, error) {
	return 0, ErrUnsupported
}

// APIKeyTake answers ErrUnsupported.
func (Base) APIKeyTake(context.Context, string) ([]APIKeyHash, error) {
	return nil, ErrUnsupported
}

// APIKeyUsed answers ErrUnsupported.
func (Base) APIKeyUsed(context.Context, []KeyUse) error {
	return ErrUnsupported
}

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

// MessageAppend answers ErrUnsupported.
func (Base) MessageAppend(context.Context, []Message) ([]Message, error) {
	return nil, ErrUnsupported
}

// MessageGet answers ErrUnsupported.
func (Base) MessageGet(context.Context, string, string) (Message, error) {
	return Message{}, ErrUnsupported
}

// MessageList answers ErrUnsupported.
func (Base) MessageList(context.Context, MessageFilter, Page) (List[Message], error) {
	return List[Message]{}, ErrUnsupported
}

// AuditInsert answers ErrUnsupported.
func (Base) AuditInsert(context.Context, []AuditEvent) error {
	return ErrUnsupported
}

// AuditList answers ErrUnsupported.
func (Base) AuditList(context.Context, AuditFilter, Page) (List[AuditEvent], error) {
	return List[AuditEvent]{}, ErrUnsupported
}

// FeedAppend answers ErrUnsupported.
func (Base) FeedAppend(context.Context, string, time.Time, []string) error {
	return ErrUnsupported
}

// FeedAfter answers ErrUnsupported.
func (Base) FeedAfter(context.Context, int64, int) ([]FeedRow, error) {
	return nil, ErrUnsupported
}

// FeedBounds answers ErrUnsupported.
func (Base) FeedBounds(context.Context) (int64, int64, error) {
	return 0, 0, ErrUnsupported
}

// FeedPurge answers ErrUnsupported.
func (Base) FeedPurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// ServiceKeyInsert answers ErrUnsupported.
func (Base) ServiceKeyInsert(context.Context, ServiceKeyHash) error {
	return ErrUnsupported
}

// ServiceKeyGet answers ErrUnsupported.
func (Base) ServiceKeyGet(context.Context, string) (ServiceKey, error) {
	return ServiceKey{}, ErrUnsupported
}

// ServiceKeyByHash answers ErrUnsupported.
func (Base) ServiceKeyByHash(context.Context, [32]byte) (ServiceKey, error) {
	return ServiceKey{}, ErrUnsupported
}

// ServiceKeyUpdate answers ErrUnsupported.
func (Base) ServiceKeyUpdate(context.Context, ServiceKey) error {
	return ErrUnsupported
}

// ServiceKeyList answers ErrUnsupported.
func (Base) ServiceKeyList(context.Context, Page) (List[ServiceKey], error) {
	return List[ServiceKey]{}, ErrUnsupported
}

// ServiceKeyUsed answers ErrUnsupported.
func (Base) ServiceKeyUsed(context.Context, []KeyUse) error {
	return ErrUnsupported
}

// AdminInsert answers ErrUnsupported.
func (Base) AdminInsert(context.Context, Admin) error {
	return ErrUnsupported
}

// AdminGet answers ErrUnsupported.
func (Base) AdminGet(context.Context, string) (Admin, error) {
	return Admin{}, ErrUnsupported
}

// AdminUpdate answers ErrUnsupported.
func (Base) AdminUpdate(context.Context, Admin) error {
	return ErrUnsupported
}

// AdminList answers ErrUnsupported.
func (Base) AdminList(context.Context, Page) (List[Admin], error) {
	return List[Admin]{}, ErrUnsupported
}

// SessionWithAdmin answers ErrUnsupported.
func (Base) SessionWithAdmin(context.Context, string) (Session, Admin, error) {
	return Session{}, Admin{}, ErrUnsupported
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

// MeterErase answers ErrUnsupported.
func (Base) MeterErase(context.Context, string, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// UsagePurge answers ErrUnsupported.
func (Base) UsagePurge(context.Context, time.Time, int) (int, error) {
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

// TaskClaim answers ErrUnsupported.
func (Base) TaskClaim(context.Context, TaskClaim) (TaskRun, bool, error) {
	return TaskRun{}, false, ErrUnsupported
}

// TaskRenew answers ErrUnsupported.
func (Base) TaskRenew(context.Context, string, time.Time, int64, time.Time) (bool, error) {
	return false, ErrUnsupported
}

// TaskFinish answers ErrUnsupported.
func (Base) TaskFinish(context.Context, TaskRun) (bool, error) {
	return false, ErrUnsupported
}

// TaskRuns answers ErrUnsupported.
func (Base) TaskRuns(context.Context, string, int) ([]TaskRun, error) {
	return nil, ErrUnsupported
}

// TaskPurge answers ErrUnsupported.
func (Base) TaskPurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// MessagePurge answers ErrUnsupported.
func (Base) MessagePurge(context.Context, MessagePurge) (int, error) {
	return 0, ErrUnsupported
}

// MessageWindowPut answers ErrUnsupported.
func (Base) MessageWindowPut(context.Context, MessageWindow) error {
	return ErrUnsupported
}

// MessageWindowTake answers ErrUnsupported.
func (Base) MessageWindowTake(context.Context, time.Time) ([]MessageWindow, error) {
	return nil, ErrUnsupported
}
