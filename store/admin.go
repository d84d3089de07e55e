package store

import "time"

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
