package store

import (
	"encoding/json"
	"time"
)

// Status is the state of an account or a key.
type Status string

// The states. Expired is computed from the time and never stored.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Revoked   Status = "revoked"
	Expired   Status = "expired"
)

// Zone is the time zone an account's windows are counted in. A new zone counts
// from the next day of the old one.
type Zone struct {
	Name     string    // IANA name, such as "Europe/Berlin"
	Previous string    // the zone before, counted in until From; may be empty
	From     time.Time // when Name began to count; zero means always
}

// At returns the name of the zone that counts at t.
func (z Zone) At(t time.Time) string {
	if z.Previous != "" && t.Before(z.From) {
		return z.Previous
	}
	return z.Name
}

// User is an account of a person. It carries no secret.
type User struct {
	ID              string
	Username        string // lower case
	Email           string // as typed; empty when none was given
	EmailVerified   bool
	DisplayName     string
	Status          Status // Active or Suspended
	SuspendedReason string
	SuspendedUntil  time.Time // zero means until reactivated
	Plan            string    // id of the plan
	Limits          []Limit   // limits of the account's own, each in place of the plan's of its meter and window
	Zone            Zone
	ZoneChangedAt   time.Time // when Zone was last changed by the user
	MFAEnabled      bool
	Metadata        json.RawMessage // a JSON object
	CreatedAt       time.Time
	UpdatedAt       time.Time
	LastLoginAt     time.Time // zero before the first sign-in
}

// SuspendedAt reports whether the account is suspended at t: a suspension with
// an end is over when the end has come.
func (u User) SuspendedAt(t time.Time) bool {
	return u.Status == Suspended && (u.SuspendedUntil.IsZero() || t.Before(u.SuspendedUntil))
}

// IdentifierKind is the kind of a name one can sign in with.
type IdentifierKind string

// The kinds of identifier.
const (
	IdentifierUsername      IdentifierKind = "username"
	IdentifierEmail         IdentifierKind = "email"
	IdentifierAdminUsername IdentifierKind = "admin_username"
	IdentifierAdminEmail    IdentifierKind = "admin_email"
	IdentifierStaffUsername IdentifierKind = "staff_username"
	IdentifierStaffEmail    IdentifierKind = "staff_email"
)

// Identifier is a name that at most one account holds, live or deleted.
type Identifier struct {
	Kind    IdentifierKind
	Value   string // folded: two names that must not coexist are equal
	Subject string
}

// PasswordHash is the stored proof of a password.
type PasswordHash struct {
	Subject   string
	Hash      string // bcrypt or a PHC string
	Scheme    string // algorithm and costs, as package authn writes them
	UpdatedAt time.Time
}

// DeletedUser is a user who was deleted and can still come back. The profile,
// the password hash and the keys are inside Sealed.
type DeletedUser struct {
	ID        string
	Username  string
	Sealed    string
	DeletedAt time.Time
	DeletedBy Actor
	Reason    string
	PurgeAt   time.Time
}
