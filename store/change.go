package store

import (
	"context"
	"encoding/hex"
	"time"
)

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

// Result is how an audited action ended.
type Result string

// The results.
const (
	OK     Result = "ok"
	Denied Result = "denied"
	Failed Result = "failed"
)

// Target names what an action was done to.
type Target struct {
	Kind  string // "user", "session", "key", "plan" ...
	ID    string
	Owner string // id of the account whose it is, where the target is not the account itself
}

// Diff is one changed field. Values are JSON-encodable and never secrets.
type Diff struct {
	From any `json:"from"`
	To   any `json:"to"`
}

// Change describes one mutation, for the audit trail, for the hook of the host
// and for the caches. A Change without an Action means that nothing changed.
type Change struct {
	Action  string // what was done, such as "user.update"
	Actor   Actor
	Target  Target
	Result  Result // empty means OK
	Reason  string
	At      time.Time
	Changes map[string]Diff

	// Affects are the version keys whose cached verdicts end with this change:
	// UserVersion, AdminVersion, StaffVersion, SessionVersion, KeyVersion,
	// SecretVersion, ServiceKeyVersion, PlanVersion or EveryVersion.
	Affects []string
}

// EveryVersion as a version key ends every cached verdict.
const EveryVersion = "*"

// UserVersion is the version key of everything that depends on a user.
func UserVersion(id string) string { return "user:" + id }

// AdminVersion is the version key of everything that depends on an admin.
func AdminVersion(id string) string { return "admin:" + id }

// StaffVersion is the version key of everything that depends on a member of the
// support staff.
func StaffVersion(id string) string { return "staff:" + id }

// SessionVersion is the version key of one session.
func SessionVersion(id string) string { return "session:" + id }

// KeyVersion is the version key of one API key.
func KeyVersion(id string) string { return "key:" + id }

// SecretVersion is the version key of whether there is an API key with a secret of
// this hash: of what was found out about it while there was none.
func SecretVersion(hash [32]byte) string { return "secret:" + hex.EncodeToString(hash[:8]) }

// ServiceKeyVersion is the version key of one service key.
func ServiceKeyVersion(id string) string { return "service_key:" + id }

// PlanVersion is the version key of everything that depends on a plan.
func PlanVersion(id string) string { return "plan:" + id }

// FeedRow is one entry of the change feed: a version key that ended, and the
// instance that ended it. Ids grow in the order of commits.
type FeedRow struct {
	ID     int64
	Key    string
	Origin string
	At     time.Time
}
