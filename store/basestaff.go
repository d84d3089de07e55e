package store

import (
	"context"
	"time"
)

// StaffInsert answers ErrUnsupported.
func (Base) StaffInsert(context.Context, Staff) error {
	return ErrUnsupported
}

// StaffGet answers ErrUnsupported.
func (Base) StaffGet(context.Context, string) (Staff, error) {
	return Staff{}, ErrUnsupported
}

// StaffUpdate answers ErrUnsupported.
func (Base) StaffUpdate(context.Context, Staff) error {
	return ErrUnsupported
}

// StaffDelete answers ErrUnsupported.
func (Base) StaffDelete(context.Context, string) error {
	return ErrUnsupported
}

// StaffList answers ErrUnsupported.
func (Base) StaffList(context.Context, Page) (List[Staff], error) {
	return List[Staff]{}, ErrUnsupported
}

// SessionWithStaff answers ErrUnsupported.
func (Base) SessionWithStaff(context.Context, string) (Session, Staff, error) {
	return Session{}, Staff{}, ErrUnsupported
}

// SettingGet answers ErrUnsupported.
func (Base) SettingGet(context.Context, string) (Setting, error) {
	return Setting{}, ErrUnsupported
}

// SettingPut answers ErrUnsupported.
func (Base) SettingPut(context.Context, Setting) error {
	return ErrUnsupported
}

// SignInLocked answers ErrUnsupported.
func (Base) SignInLocked(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, ErrUnsupported
}

// SignInLocks answers ErrUnsupported.
func (Base) SignInLocks(context.Context, []string, time.Time) (map[string]time.Time, error) {
	return nil, ErrUnsupported
}

// SignInUnlock answers ErrUnsupported.
func (Base) SignInUnlock(context.Context, string, string) (int, error) {
	return 0, ErrUnsupported
}
