package store

import "context"

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
