package store

import (
	"context"
	"time"
)

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
