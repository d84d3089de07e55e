package store

import (
	"context"
	"encoding/json"
	"time"
)

// UserStore keeps users, the names they hold and their password hashes.
type UserStore interface {
	UserInsert(ctx context.Context, u User) error
	UserGet(ctx context.Context, id string) (User, error)
	// UserUpdate replaces every field but ID and CreatedAt.
	UserUpdate(ctx context.Context, u User) error
	// UserDelete removes the row alone: identifiers, hashes and keys have
	// methods of their own.
	UserDelete(ctx context.Context, id string) error
	// UserList lists users. A Sort that the filter does not offer is
	// ErrValidation. What a page costs depends neither on where in the list it is
	// nor on how many users there are; a filter by Status also costs what
	// SuspensionEnd has to write down. The total of everybody is kept and exact;
	// what a filter selects is counted, up to TotalCap.
	UserList(ctx context.Context, f UserFilter, p Page) (List[User], error)
	// UserCounts counts users and deleted ones as they are at now, from kept
	// counters.
	UserCounts(ctx context.Context, now time.Time) (UserCounts, error)
	// UserSignUps returns how many of the users there are now signed up on each
	// day from a date until before another, oldest first, from kept counters;
	// days without any are left out.
	UserSignUps(ctx context.Context, from, until time.Time) ([]DayCount, error)
	// UserSignIns returns how many users last signed in at or after a time. What
	// it costs grows with them, a step in an index each.
	UserSignIns(ctx context.Context, since time.Time) (int64, error)
	// SuspensionEnd makes at most limit users active whose suspension ended
	// before a time, and returns how many. They were active already: it writes
	// down what is so, and keeps lists by Status quick.
	SuspensionEnd(ctx context.Context, before time.Time, limit int) (int, error)

	// IdentifierInsert takes a name. One that is held by anybody, live or
	// deleted, is ErrUsernameTaken or ErrEmailTaken.
	IdentifierInsert(ctx context.Context, id Identifier) error
	// IdentifierGet finds who holds a name.
	IdentifierGet(ctx context.Context, kind IdentifierKind, value string) (Identifier, error)
	// IdentifierDelete frees the names of a kind that a subject holds.
	IdentifierDelete(ctx context.Context, kind IdentifierKind, subject string) error

	PasswordHashGet(ctx context.Context, subject string) (PasswordHash, error)
	// PasswordHashPut inserts or replaces.
	PasswordHashPut(ctx context.Context, h PasswordHash) error
	// PasswordHashReplace stores h only while the hash is still old, and reports
	// whether it was; a missing one was not.
	PasswordHashReplace(ctx context.Context, old string, h PasswordHash) (bool, error)
	// PasswordHashDelete is nil when there is none.
	PasswordHashDelete(ctx context.Context, subject string) error
	// PasswordSchemes returns each scheme that a stored hash has, once, in order.
	// What it costs grows with the schemes, not with the hashes.
	PasswordSchemes(ctx context.Context) ([]string, error)

	DeletedUserInsert(ctx context.Context, d DeletedUser) error
	DeletedUserGet(ctx context.Context, id string) (DeletedUser, error)
	// DeletedUserPurging marks a deleted user as one whose purge has begun, and
	// brings PurgeAt forward to a time.
	DeletedUserPurging(ctx context.Context, id string, at time.Time) error
	// DeletedUserDelete removes the row alone; the user name has a method of its
	// own.
	DeletedUserDelete(ctx context.Context, id string) error
	// DeletedUserList lists deleted users, by the time of their deletion. A Sort
	// that the filter does not offer is ErrValidation.
	DeletedUserList(ctx context.Context, f DeletedUserFilter, p Page) (List[DeletedUser], error)
	// DeletedUsersDue returns at most limit deleted users whose PurgeAt is now or
	// before, in the order of PurgeAt and ID; those are also what after is: the
	// place of the last one seen.
	DeletedUsersDue(ctx context.Context, now time.Time, after Position, limit int) ([]DeletedUser, error)
}

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
