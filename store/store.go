package store

import (
	"context"
	"time"
)

// Store is everything usermgmt keeps. The methods of Queries, called on a Store,
// each run on their own: a read sees all that was committed before it began, a
// write is one transaction that is durable when the call returns.
//
// All methods may be called by any number of goroutines. A missing record is
// ErrNotFound, a name or id that exists is ErrConflict (ErrUsernameTaken and
// ErrEmailTaken for identifiers), a database that does not answer is
// ErrUnavailable, and anything after Close is ErrClosed. A cancelled context
// ends the call with the context's error and nothing written, unless the commit
// had begun. Times are kept to the microsecond, in UTC; no method uses the
// database's clock.
//
// Store may gain methods in a minor release: a driver embeds Base, whose methods
// answer ErrUnsupported. The suite in package storetest says what a driver must
// do.
type Store interface {
	Queries

	// InTx runs fn in one transaction that may write, and commits when fn
	// returns nil. An error or a panic of fn rolls everything back. fn must use
	// only the Queries it is given, which end with the transaction; it may run
	// again when the database asks for that, so it has no other effects.
	// Transactions that write are serial on SQLite.
	//
	// ErrNotFound, and ErrConflict about one record, leave the transaction
	// usable. A fault of the database, and a batch that failed half-way, end it:
	// nothing is committed, even when fn returns nil.
	InTx(ctx context.Context, fn func(ctx context.Context, q Queries) error) error

	MessageStore

	// Ping answers nil when the database can be read.
	Ping(ctx context.Context) error

	// Close waits for running calls and releases what the driver opened. Twice
	// is once. It is not called from inside InTx, for which it would wait.
	Close() error
}

// Queries are the methods that work alone and inside InTx.
type Queries interface {
	UserStore
	SessionStore
	SignInStore
	APIKeyStore
	ServiceKeyStore
	AdminStore
	StaffStore
	SettingStore
	PlanStore
	MeterStore
	CreditStore
	IdempotencyStore
	TaskStore
	AuditStore
	FeedStore
}

// Execer is an optional interface of Queries, which the SQL drivers have: it
// runs a statement of the host's own, on tables of its own, in the same
// transaction, and returns how many rows it changed. Arguments stand for ?1, ?2
// and so on.
type Execer interface {
	Exec(ctx context.Context, query string, args ...any) (rows int64, err error)
}

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

// SessionStore keeps sessions and the chains of their refresh tokens.
type SessionStore interface {
	SessionInsert(ctx context.Context, s Session) error
	SessionGet(ctx context.Context, id string) (Session, error)
	// SessionWithUser reads a session and the user it belongs to in one query.
	SessionWithUser(ctx context.Context, id string) (Session, User, error)
	// SessionUpdate replaces LastSeen, IdleUntil, ReauthAt, IP and UserAgent.
	SessionUpdate(ctx context.Context, s Session) error
	// SessionRevoke ends a session that is live at a time and reports whether it
	// was; a missing one was not.
	SessionRevoke(ctx context.Context, id string, at time.Time) (bool, error)
	// SessionRevokeAll ends every live session of a subject but one (empty:
	// none is spared) and returns their ids.
	SessionRevokeAll(ctx context.Context, subject, except string, at time.Time) ([]string, error)
	// SessionList lists the sessions of a subject that are live at now.
	SessionList(ctx context.Context, subject string, now time.Time, p Page) (List[Session], error)
	// SessionPurge deletes at most limit sessions, with their refresh tokens,
	// that ended before a time, and returns how many went.
	SessionPurge(ctx context.Context, before time.Time, limit int) (int, error)
	// SessionErase deletes at most limit sessions of a subject, live or not, with
	// their refresh tokens, and returns how many went; fewer than the limit means
	// that none is left.
	SessionErase(ctx context.Context, subject string, limit int) (int, error)

	RefreshTokenInsert(ctx context.Context, t RefreshToken) error
	RefreshTokenGet(ctx context.Context, hash [32]byte) (RefreshToken, error)
	// RefreshTokenUse marks a token as used if it was not, in one statement,
	// and reports whether this call did it; a missing one cannot be used.
	RefreshTokenUse(ctx context.Context, u RefreshUse) (bool, error)
	// RefreshTokenForget deletes the links of a session's chain whose Seq is
	// below a number.
	RefreshTokenForget(ctx context.Context, sessionID string, below int64) error
}

// SignInStore counts failed sign-ins and remembers known devices.
type SignInStore interface {
	// SignInAttempt counts one attempt under key before the password is
	// checked, in one statement: of any number of concurrent attempts at most
	// rule.Limit within rule.Window come back with a zero LockedUntil or one
	// that is not after now; every further one comes back locked. A lock lasts
	// rule.Window from the attempt that set it and is not prolonged by others.
	// Counting starts anew after a lock, and after rule.Window without attempts.
	// A lock whose end is more than two windows ahead was set by a clock that
	// was wrong: it ends rule.Window from now.
	SignInAttempt(ctx context.Context, key string, rule SignInRule, now time.Time) (SignInFailures, error)
	// SignInClear forgets the attempts under a key.
	SignInClear(ctx context.Context, key string) error
	// SignInForgive takes back one attempt under a key, because the password was
	// not checked after all. A lock that is set stays.
	SignInForgive(ctx context.Context, key string) error
	// SignInPurge deletes at most limit keys that no longer count at now.
	SignInPurge(ctx context.Context, now time.Time, limit int) (int, error)

	// SignInLocked returns until when a key is locked, of what is locked at now;
	// zero means that it is not.
	SignInLocked(ctx context.Context, key string, now time.Time) (time.Time, error)
	// SignInLocks is SignInLocked for many keys; those that are not locked are
	// left out.
	SignInLocks(ctx context.Context, keys []string, now time.Time) (map[string]time.Time, error)
	// SignInUnlock forgets the attempts under a key and under those that begin
	// with a prefix, and returns how many of these keys there were.
	SignInUnlock(ctx context.Context, key, prefix string) (int, error)

	// KnownDevicePut inserts or refreshes a device.
	KnownDevicePut(ctx context.Context, d KnownDevice) error
	// KnownDeviceSince reports whether a device was seen at or after a time.
	KnownDeviceSince(ctx context.Context, subject, address string, since time.Time) (bool, error)
	// KnownDeviceDelete forgets the devices of a subject.
	KnownDeviceDelete(ctx context.Context, subject string) error
	// KnownDevicePurge deletes at most limit devices last seen before a time.
	KnownDevicePurge(ctx context.Context, before time.Time, limit int) (int, error)
}

// APIKeyStore keeps API keys.
type APIKeyStore interface {
	APIKeyInsert(ctx context.Context, k APIKeyHash) error
	// APIKeyGet finds a key of one user; another user's is ErrNotFound.
	APIKeyGet(ctx context.Context, userID, id string) (APIKey, error)
	// APIKeyWithUser finds a key by the hash of its secret, with its owner, in
	// one query.
	APIKeyWithUser(ctx context.Context, hash [32]byte) (APIKey, User, error)
	// APIKeyUpdate replaces Name, Scopes, AllowedIPs, RateLimit, Limits, Status,
	// ExpiresAt, RetiresAt and RevokedAt.
	APIKeyUpdate(ctx context.Context, k APIKey) error
	// APIKeyList lists a user's keys, revoked ones included.
	APIKeyList(ctx context.Context, userID string, p Page) (List[APIKey], error)
	// APIKeyCount counts a user's keys that are neither revoked nor expired at
	// now. What it costs does not grow with those that are.
	APIKeyCount(ctx context.Context, userID string, now time.Time) (int, error)
	// APIKeyTake removes and returns all keys of a user.
	APIKeyTake(ctx context.Context, userID string) ([]APIKeyHash, error)
	// APIKeyUsed sets LastUsedAt of many keys at once, never back in time.
	APIKeyUsed(ctx context.Context, uses []KeyUse) error
}

// ServiceKeyStore keeps the keys of services.
type ServiceKeyStore interface {
	ServiceKeyInsert(ctx context.Context, k ServiceKeyHash) error
	ServiceKeyGet(ctx context.Context, id string) (ServiceKey, error)
	// ServiceKeyByHash finds a key by the hash of its secret.
	ServiceKeyByHash(ctx context.Context, hash [32]byte) (ServiceKey, error)
	// ServiceKeyUpdate replaces Name, Scopes, AllowedIPs, Status, ExpiresAt and
	// RevokedAt.
	ServiceKeyUpdate(ctx context.Context, k ServiceKey) error
	// ServiceKeyList lists all keys, revoked ones included.
	ServiceKeyList(ctx context.Context, p Page) (List[ServiceKey], error)
	// ServiceKeyUsed sets LastUsedAt of many keys at once, never back in time.
	ServiceKeyUsed(ctx context.Context, uses []KeyUse) error
}

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

// SettingStore keeps what admins change at run time.
type SettingStore interface {
	SettingGet(ctx context.Context, name string) (Setting, error)
	// SettingPut inserts or replaces.
	SettingPut(ctx context.Context, s Setting) error
}

// PlanStore keeps plans.
type PlanStore interface {
	PlanInsert(ctx context.Context, p Plan) error
	PlanGet(ctx context.Context, id string) (Plan, error)
	// PlanUpdate replaces every field but ID and CreatedAt.
	PlanUpdate(ctx context.Context, p Plan) error
	PlanDelete(ctx context.Context, id string) error
	PlanList(ctx context.Context, p Page) (List[Plan], error)
	// PlanInUse reports whether any user has the plan.
	PlanInUse(ctx context.Context, id string) (bool, error)
	// PlanUsers lists the users of a plan.
	PlanUsers(ctx context.Context, id string, p Page) (List[User], error)
}

// MeterStore keeps counts and leases.
type MeterStore interface {
	// MeterReserve decides on many leases in their order, in one transaction:
	// each sees what those before it took. A member is admitted when all of its
	// limits admit it, and then counts against all of them; a refused member
	// writes nothing. Of the meter Credits the balance must cover it too, and
	// what is consumed is spent from the grants: in the order of their priority,
	// then those that end soonest, then the oldest. A member with an Idempotency that was admitted before gets
	// the first's verdict, as long as that is remembered; the record is written
	// with the charge. An id that exists is ErrConflict for the whole batch.
	MeterReserve(ctx context.Context, batch []Reserve) ([]ReserveResult, error)
	// MeterSettle ends many leases in one transaction. The first ending of a
	// lease stands: a later one changes nothing and gets the first's answer. A
	// lease that is settled after its deadline, as MeterExtend knows it, counts the
	// same and ends as ReservationSettledLate. Credits are taken down to zero, and what is missing
	// is the shortfall. An unknown id is ErrNotFound for the whole batch.
	MeterSettle(ctx context.Context, batch []Settle) ([]Reservation, error)
	// MeterExtend moves the deadline of a held lease and returns it. One that
	// ended, or whose deadline has passed, is returned as it is. Its deadline has
	// passed also when a lease or consume was decided on at a later time and found
	// it past: now may have been read before that, and its place may be another's.
	MeterExtend(ctx context.Context, id string, now, expiresAt time.Time) (Reservation, error)
	// MeterPurge deletes at most limit leases and consumes whose deadline was
	// before a time, and their end too where they have one, and returns how many
	// went. What they counted stays counted; a late settle or a refund of one is
	// ErrNotFound.
	MeterPurge(ctx context.Context, before time.Time, limit int) (int, error)
	// MeterAdd counts units without a limit.
	MeterAdd(ctx context.Context, batch []UsageAdd) error
	// MeterUsage reads counters as they are at now, in the order given.
	MeterUsage(ctx context.Context, counters []CounterLimit, now time.Time) ([]CounterState, error)
	// MeterRefund gives back what a settled lease was charged: its units to the
	// counters, but of what a counter was reset since only to the history, and its
	// credits to the grants they came from, of which one that has ended in the
	// meantime is gone again at once. The first refund stands; a later one changes
	// nothing and gets its answer. The ID may also be that of credits that were
	// consumed, or of a spend in the ledger, whose whole charge is refunded. A
	// lease that is not settled is ErrConflict, and so is one that ended before
	// r.Since, or is purged and known by its spend only.
	MeterRefund(ctx context.Context, r Refund) (Reservation, error)
	// MeterReset sets counters to 0. Leases that are held stay, and the history
	// keeps what was counted.
	MeterReset(ctx context.Context, counters []Counter) error
	// UsageHistory returns what was counted of a meter on each day from a date
	// until before another, oldest first; days without any are left out. Dates
	// are as in Counter.Start.
	UsageHistory(ctx context.Context, subject, meter string, from, until time.Time) ([]UsagePoint, error)
	// UsageDays returns what all users together used of each meter on each day
	// from a date until before another, oldest first, then by meter; of one meter
	// when one is named. What it costs grows with the counters in that range, so
	// with users, days and meters.
	UsageDays(ctx context.Context, meter string, from, until time.Time) ([]UsagePoint, error)
	// UsageTop returns at most limit users who used most of a meter on the days
	// from a date until before another, most first, then by id. It costs what
	// UsageDays does.
	UsageTop(ctx context.Context, meter string, from, until time.Time, limit int) ([]UserUsage, error)
	// UsagePurge deletes at most limit counters of windows that started before a
	// date and returns how many went.
	UsagePurge(ctx context.Context, before time.Time, limit int) (int, error)
	// MeterErase deletes at most limit rows of all that is kept of a subject, a
	// user or the family of a key: its counters, balance, ledger, and the leases
	// that were made at a time or later. It returns how many went; fewer than the
	// limit means that none is left.
	MeterErase(ctx context.Context, subject string, since time.Time, limit int) (int, error)
}

// CreditStore keeps balances and the ledger. What leases hold and spend of a
// balance is MeterStore's.
type CreditStore interface {
	// CreditGrant adds a grant and returns its entry, and whether it is that of
	// an earlier call with the same idempotency key. With GrantTopUp it adds only
	// what is missing to Amount in what is left of all grants of its Source; when
	// nothing is, the entry has the Amount 0. A balance above MaxAmount is
	// ErrConflict. Grants of the user that have expired are written down first.
	CreditGrant(ctx context.Context, g Grant) (entry LedgerEntry, replayed bool, err error)
	CreditBalance(ctx context.Context, userID string, now time.Time) (Balance, error)
	// CreditBalances is CreditBalance for many users; those who never had credits
	// may be left out.
	CreditBalances(ctx context.Context, userIDs []string, now time.Time) (map[string]Balance, error)
	// CreditEnded returns at most limit grants that ended at now or before, of
	// which something is left, in the order of ExpiresAt and ID; those are also
	// what after is: the place of the last one seen.
	CreditEnded(ctx context.Context, now time.Time, after Position, limit int) ([]LedgerEntry, error)
	// CreditExpire writes down, in one transaction, which grants of users ended
	// at now or before, and returns how many did. Until then they are spent no
	// more and do not count in a balance either.
	CreditExpire(ctx context.Context, users []string, now time.Time) (int, error)
	LedgerList(ctx context.Context, userID string, p Page) (List[LedgerEntry], error)
}

// IdempotencyStore remembers requests that must not be carried out twice.
type IdempotencyStore interface {
	// IdempotencyGet finds what is remembered at now, or ErrNotFound.
	IdempotencyGet(ctx context.Context, caller, route, key string, now time.Time) (IdempotencyRecord, error)
	// IdempotencyPut remembers a request. One that is remembered already, at
	// CreatedAt, is ErrConflict; one that has expired is replaced.
	IdempotencyPut(ctx context.Context, r IdempotencyRecord) error
	// IdempotencyPurge deletes at most limit records that expired before a time.
	IdempotencyPurge(ctx context.Context, before time.Time, limit int) (int, error)
}

// TaskStore keeps the runs of tasks that several instances share.
type TaskStore interface {
	// TaskClaim takes a run that nobody has and no other run of the task is in
	// the way of: one that has not finished and whose lease is not over at
	// c.Now. It reports whether it did, with the run taken, or with that which
	// is in the way or has finished. Of any number of claims at once one
	// succeeds. A lease that lasts longer than twice what c asks for was written
	// by a clock that was wrong, and counts as over.
	TaskClaim(ctx context.Context, c TaskClaim) (TaskRun, bool, error)
	// TaskRenew moves the lease of a run that has not finished and still has the
	// fence, and reports whether it did.
	TaskRenew(ctx context.Context, task string, scheduledAt time.Time, fence int64, leaseUntil time.Time) (bool, error)
	// TaskFinish ends a run that has not finished and still has r.Fence, with
	// r.Status, r.Detail and r.FinishedAt, and reports whether it did.
	TaskFinish(ctx context.Context, r TaskRun) (bool, error)
	// TaskRuns returns the latest runs of a task, newest first.
	TaskRuns(ctx context.Context, task string, limit int) ([]TaskRun, error)
	// TaskPurge deletes at most limit runs that were due before a time.
	TaskPurge(ctx context.Context, before time.Time, limit int) (int, error)
}

// MessageStore keeps conversation logs. Its methods are never used inside InTx,
// so that a driver may keep them in a database of their own.
type MessageStore interface {
	// MessageAppend stores many messages in one durable transaction, assigns
	// each the next Seq of its user's conversation, and returns them in their
	// order. One whose id the same user stored before is left as it is and
	// comes back as stored; an id of another user's message is ErrConflict for
	// the whole batch.
	MessageAppend(ctx context.Context, batch []Message) ([]Message, error)
	// MessageGet finds a message of one user; another user's is ErrNotFound.
	MessageGet(ctx context.Context, userID, id string) (Message, error)
	MessageList(ctx context.Context, f MessageFilter, p Page) (List[Message], error)
	// MessageUsage adds up the messages of each model that were made at or after
	// a time and before another, by model. What it costs grows with them, a step
	// in an index each.
	MessageUsage(ctx context.Context, from, until time.Time) ([]ModelUsage, error)
	// MessagePurge deletes messages, or only their text, and returns how many;
	// fewer than the limit means that none is left. The Seq of a conversation
	// goes on all the same.
	MessagePurge(ctx context.Context, p MessagePurge) (int, error)
	// MessageErase deletes at most limit rows of all that is kept of a user: the
	// messages, then the conversations. It returns how many went; fewer than the
	// limit means that none is left. A conversation that is begun again counts its
	// Seq from 1.
	MessageErase(ctx context.Context, userID string, limit int) (int, error)
	// MessageWindowPut inserts, replaces or ends a window; durably.
	MessageWindowPut(ctx context.Context, w MessageWindow) error
	// MessageWindowTake deletes the windows whose Until is before now, and
	// returns them. Of any number of callers one gets each.
	MessageWindowTake(ctx context.Context, now time.Time) ([]MessageWindow, error)
}

// AuditStore keeps the audit trail.
type AuditStore interface {
	// AuditInsert appends events and their details, in their order. Each gets
	// the Seq after that of the head and the Chain that link computes, and is
	// the head then, all in the transaction of the call: one that is rolled back
	// leaves no gap. An id that exists is ErrConflict for the whole batch; events
	// that stand where the next one belongs are ErrInternal.
	//
	// A driver whose transactions write at the same time need not make them wait
	// for each other here: it may store events without a place, for AuditSequence.
	AuditInsert(ctx context.Context, events []AuditEvent, link AuditLink) error
	// AuditSequence gives a place to committed events that have none, at most
	// limit in one transaction, and returns how many there were; fewer than the
	// limit means that none is left. Where AuditInsert gives each its place, there
	// are none.
	AuditSequence(ctx context.Context, limit int, link AuditLink) (int, error)
	// AuditHead is the end of the trail, zero when it never had an event.
	AuditHead(ctx context.Context) (AuditHead, error)
	// AuditAfter returns at most limit events after a Seq, in order, with their
	// details, where those were not erased.
	AuditAfter(ctx context.Context, seq int64, limit int) ([]AuditEvent, error)
	AuditList(ctx context.Context, f AuditFilter, p Page) (List[AuditEvent], error)
	// AuditErase deletes at most limit details of events that a subject is the
	// target or the actor of, and returns how many; the events stay. Fewer than
	// the limit means that none is left.
	AuditErase(ctx context.Context, subject string, limit int) (int, error)
	// AuditPurge deletes at most limit events up to a Seq, from the oldest on,
	// with their details, and the anchors before that Seq. It returns how many
	// events went; fewer than the limit means that none is left.
	AuditPurge(ctx context.Context, upTo int64, limit int) (int, error)
	// AuditAnchorPut stores an anchor. One of its kind and Seq that exists stays.
	AuditAnchorPut(ctx context.Context, a AuditAnchor) error
	// AuditAnchors returns at most limit anchors of a kind before a Seq, the last
	// of them first.
	AuditAnchors(ctx context.Context, kind AuditAnchorKind, before int64, limit int) ([]AuditAnchor, error)
}

// FeedStore keeps the change feed: which version keys ended, in the order of
// commits.
type FeedStore interface {
	// FeedAppend adds one row a key. Inside InTx it must be the last statement:
	// a driver may serialise committers from here on, so that ids appear in the
	// order of commits.
	FeedAppend(ctx context.Context, origin string, at time.Time, keys []string) error
	// FeedAfter returns at most limit rows after an id, in order.
	FeedAfter(ctx context.Context, id int64, limit int) ([]FeedRow, error)
	// FeedBounds returns the smallest id still there and the largest ever
	// given. An empty feed that never had a row gives 0, 0; one that was purged
	// whole gives newest+1, newest.
	FeedBounds(ctx context.Context) (oldest, newest int64, err error)
	// FeedPurge deletes at most limit rows from the oldest on, up to the first
	// that is not older than a time: it leaves no gap, so that a follower whose
	// next id is at least the oldest has missed nothing. It returns how many
	// went.
	FeedPurge(ctx context.Context, before time.Time, limit int) (int, error)
}
