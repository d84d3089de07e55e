package store

import (
	"context"
	"time"
)

// AdminStore keeps admins. Their names are identifiers of kinds of their own,
// their password hashes and sessions stand with everybody else's.
type AdminStore interface {
	AdminInsert(ctx context.Context, a Admin) error
	AdminGet(ctx context.Context, id string) (Admin, error)
	// AdminUpdate replaces every field but ID and CreatedAt.
	AdminUpdate(ctx context.Context, a Admin) error
	// AdminDelete removes the row alone, as UserDelete does.
	AdminDelete(ctx context.Context, id string) error
	// AdminOwners returns the ids of the active admins who have the permission
	// "owner", in order. Inside InTx they stay as they are until it ends.
	AdminOwners(ctx context.Context) ([]string, error)
	AdminList(ctx context.Context, p Page) (List[Admin], error)
	// SessionWithAdmin reads a session and the admin it belongs to in one query.
	SessionWithAdmin(ctx context.Context, id string) (Session, Admin, error)
}

// Admin is an account of somebody who runs the service. It carries no secret,
// and nothing of it is shared with the accounts of users.
type Admin struct {
	ID          string
	Username    string // lower case
	Email       string // as typed; empty when none was given
	Permissions []string
	Status      Status // Active or Suspended
	MFAEnabled  bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
	LastLoginAt time.Time // zero before the first sign-in
}
