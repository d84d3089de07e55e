package store

import (
	"context"
	"time"
)

// StaffStore keeps support staff. As with admins, names, hashes and sessions
// stand elsewhere.
type StaffStore interface {
	StaffInsert(ctx context.Context, s Staff) error
	StaffGet(ctx context.Context, id string) (Staff, error)
	// StaffUpdate replaces every field but ID and CreatedAt.
	StaffUpdate(ctx context.Context, s Staff) error
	// StaffDelete removes the row alone, as UserDelete does.
	StaffDelete(ctx context.Context, id string) error
	StaffList(ctx context.Context, p Page) (List[Staff], error)
	// SessionWithStaff reads a session and the member of staff it belongs to in
	// one query.
	SessionWithStaff(ctx context.Context, id string) (Session, Staff, error)
}

// StaffLevel is how much a member of the support staff may do: each level may
// what those below it may.
type StaffLevel int

// The levels of support staff.
const (
	StaffViewer StaffLevel = 1 // looks
	StaffAgent  StaffLevel = 2 // also reads messages, suspends, ends sessions
	StaffLead   StaffLevel = 3 // also changes limits and grants credits
)

// Valid reports whether it is one of the levels.
func (l StaffLevel) Valid() bool { return l >= StaffViewer && l <= StaffLead }

// Staff is an account of somebody who helps users. It carries no secret, and
// nothing of it is shared with the accounts of users and admins.
type Staff struct {
	ID          string
	Name        string // as others see it
	Username    string // lower case
	Email       string // as typed; empty when none was given
	Level       StaffLevel
	Status      Status // Active or Suspended
	MFAEnabled  bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
	LastLoginAt time.Time // zero before the first sign-in
}
