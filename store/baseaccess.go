package store

import (
	"context"
	"time"
)

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

// SignInLocks answers ErrUnsupported.
func (Base) SignInLocks(context.Context, []string, time.Time) (map[string]time.Time, error) {
	return nil, ErrUnsupported
}

// SignInUnlock answers ErrUnsupported.
func (Base) SignInUnlock(context.Context, string, string) (int, error) {
	return 0, ErrUnsupported
}
