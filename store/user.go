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

// UserFilter selects users. Empty fields do not restrict.
type UserFilter struct {
	// Query is the beginning of the user name or of the e-mail address, in any
	// case. No character in it stands for others.
	Query string
	// NamesOnly holds Query against user names alone, for those who may not see
	// addresses.
	NamesOnly bool

	Status Status // Active or Suspended as of Now: a suspension whose end has come counts as Active
	Plan   string
	Now    time.Time // what Status is judged at
}

// Sorts are the orders that the filter offers, the first being that of a Page
// without one. A search is in the order of the names that match: the user name
// where it does, else the e-mail address.
func (f UserFilter) Sorts() []Sort {
	if f.Query != "" {
		return []Sort{ByUsername}
	}
	return []Sort{NewestFirst, OldestFirst, ByUsername, LastSignInFirst}
}

// UserCounts are how many users there are at a moment.
type UserCounts struct {
	Active    int64 // those whose suspension has ended too
	Suspended int64
	Deleted   int64 // who can still come back, or are being purged
}

// DayCount is how many there were of something on one day.
type DayCount struct {
	Date  time.Time // the day in UTC, as its midnight
	Count int64
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
	Purging   bool // a purge has begun: it cannot come back any more
}

// DeletedUserFilter selects deleted users. Empty fields do not restrict.
type DeletedUserFilter struct {
	Query string // the beginning of the user name that is held, in any case
}

// Sorts are the orders that the filter offers, by the time of the deletion, the
// first being that of a Page without one. A search is in the order of user names.
func (f DeletedUserFilter) Sorts() []Sort {
	if f.Query != "" {
		return []Sort{ByUsername}
	}
	return []Sort{NewestFirst, OldestFirst}
}
