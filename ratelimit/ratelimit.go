// Package ratelimit decides whether a caller may go on: a token bucket for each
// key, kept in memory (Memory) or shared by several instances (redislimit). The
// arithmetic is Rate.Spend, which is pure; a Limiter only stores what it
// returns.
//
// A bucket of rate r and burst b holds b units when full and gains r a second.
// Over any span t it admits at most b + r·t units. Unlike a counter that starts
// again at a fixed time, it never admits twice the limit around an edge.
package ratelimit

import (
	"context"
	"errors"
	"time"
)

// What Allow may be asked that it cannot answer. Both are the caller's mistakes.
var (
	ErrRate = errors.New("ratelimit: the rate is out of range")
	ErrCost = errors.New("ratelimit: the cost is negative")
)

// Limiter spends from buckets. Implementations are safe for concurrent use and
// exact: however many callers hit one bucket at once, no more is admitted than
// it holds. Spending is one atomic step, never a read followed by a write.
type Limiter interface {
	// Allow takes n units from the bucket of key, or none where it holds fewer;
	// n = 0 only looks. A new bucket is full. The bucket takes the shape of r at
	// each call, so that a changed plan applies at once.
	//
	// Allow never waits for units. One that asks a server waits no longer than
	// ctx and its own short timeout allow. now is the caller's clock, read once a
	// request; a limiter shared by several instances may use its server's clock
	// instead.
	//
	// The error is ErrRate, ErrCost or a fault of the backend; a refusal is no
	// error.
	Allow(ctx context.Context, key Key, r Rate, n int, now time.Time) (Decision, error)
}

// Decision is the answer to one Allow and what clients are told of it.
type Decision struct {
	Allowed    bool
	Limit      int           // the units of a full bucket
	Window     time.Duration // how long an empty bucket takes to fill
	Remaining  int           // the whole units left
	RetryAfter time.Duration // when refused: how long until n units are there; zero when they never can be
	ResetAfter time.Duration // how long until the bucket is full, if nothing is taken
}
