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

// UserList answers ErrUnsupported.
func (Base) UserList(context.Context, UserFilter, Page) (List[User], error) {
	return List[User]{}, ErrUnsupported
}

// UserCounts answers ErrUnsupported.
func (Base) UserCounts(context.Context, time.Time) (UserCounts, error) {
	return UserCounts{}, ErrUnsupported
}

// UserSignUps answers ErrUnsupported.
func (Base) UserSignUps(context.Context, time.Time, time.Time) ([]DayCount, error) {
	return nil, ErrUnsupported
}

// UserSignIns answers ErrUnsupported.
func (Base) UserSignIns(context.Context, time.Time) (int64, error) {
	return 0, ErrUnsupported
}

// SuspensionEnd answers ErrUnsupported.
func (Base) SuspensionEnd(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
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

// DeletedUserPurging answers ErrUnsupported.
func (Base) DeletedUserPurging(context.Context, string, time.Time) error {
	return ErrUnsupported
}

// DeletedUserDelete answers ErrUnsupported.
func (Base) DeletedUserDelete(context.Context, string) error {
	return ErrUnsupported
}

// DeletedUserList answers ErrUnsupported.
func (Base) DeletedUserList(context.Context, DeletedUserFilter, Page) (List[DeletedUser], error) {
	return List[DeletedUser]{}, ErrUnsupported
}

// DeletedUsersDue answers ErrUnsupported.
func (Base) DeletedUsersDue(context.Context, time.Time, Position, int) ([]DeletedUser, error) {
	return nil, ErrUnsupported
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

// SessionErase answers ErrUnsupported.
func (Base) SessionErase(context.Context, string, int) (int, error) {
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

// KnownDeviceDelete answers ErrUnsupported.
func (Base) KnownDeviceDelete(context.Context, string) error {
	return ErrUnsupported
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

// AdminDelete answers ErrUnsupported.
func (Base) AdminDelete(context.Context, string) error {
	return ErrUnsupported
}

// AdminOwners answers ErrUnsupported.
func (Base) AdminOwners(context.Context) ([]string, error) {
	return nil, ErrUnsupported
}

// SessionWithAdmin answers ErrUnsupported.
func (Base) SessionWithAdmin(context.Context, string) (Session, Admin, error) {
	return Session{}, Admin{}, ErrUnsupported
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

// MessageUsage answers ErrUnsupported.
func (Base) MessageUsage(context.Context, time.Time, time.Time) ([]ModelUsage, error) {
	return nil, ErrUnsupported
}

// MessagePurge answers ErrUnsupported.
func (Base) MessagePurge(context.Context, MessagePurge) (int, error) {
	return 0, ErrUnsupported
}

// MessageErase answers ErrUnsupported.
func (Base) MessageErase(context.Context, string, int) (int, error) {
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

// AuditInsert answers ErrUnsupported.
func (Base) AuditInsert(context.Context, []AuditEvent, AuditLink) error {
	return ErrUnsupported
}

// AuditSequence answers ErrUnsupported.
func (Base) AuditSequence(context.Context, int, AuditLink) (int, error) {
	return 0, ErrUnsupported
}

// AuditHead answers ErrUnsupported.
func (Base) AuditHead(context.Context) (AuditHead, error) {
	return AuditHead{}, ErrUnsupported
}

// AuditAfter answers ErrUnsupported.
func (Base) AuditAfter(context.Context, int64, int) ([]AuditEvent, error) {
	return nil, ErrUnsupported
}

// AuditList answers ErrUnsupported.
func (Base) AuditList(context.Context, AuditFilter, Page) (List[AuditEvent], error) {
	return List[AuditEvent]{}, ErrUnsupported
}

// AuditErase answers ErrUnsupported.
func (Base) AuditErase(context.Context, string, int) (int, error) {
	return 0, ErrUnsupported
}

// AuditPurge answers ErrUnsupported.
func (Base) AuditPurge(context.Context, int64, int) (int, error) {
	return 0, ErrUnsupported
}

// AuditAnchorPut answers ErrUnsupported.
func (Base) AuditAnchorPut(context.Context, AuditAnchor) error {
	return ErrUnsupported
}

// AuditAnchors answers ErrUnsupported.
func (Base) AuditAnchors(context.Context, AuditAnchorKind, int64, int) ([]AuditAnchor, error) {
	return nil, ErrUnsupported
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

// Close answers ErrUnsupported.
func (Base) Close() error {
	return ErrUnsupported
}
