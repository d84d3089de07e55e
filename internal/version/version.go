// Package version counts changes, so that a cached verdict can tell whether
// anything it rests on has changed since it was made. A verdict remembers the
// counters of what it concerns, read before the database was, and the epoch; it
// holds only while they are the same.
//
// The counters are a fixed table: nothing is evicted, so no change is ever
// forgotten. Two names that share a counter cost each other a cache miss, never
// a wrong hit.
package version

import "sync/atomic"

const (
	stripes = 1 << 16
	mask    = stripes - 1
)

// Table is 65,536 striped counters (512 KiB) and one epoch for what concerns
// everybody. Make one with New. All methods are safe for concurrent use, never
// block and never allocate.
type Table struct {
	counters [stripes]atomic.Uint64
	epoch    atomic.Uint64
	changes  atomic.Uint64
}

// New makes a table with every counter at zero.
func New() *Table { return new(Table) }

// Stripe returns the counter that a key such as "user:usr_..." or "plan:free"
// belongs to. It is the same in every process and release. A cache entry keeps
// the stripe, so that a hit does not hash.
func Stripe(key string) uint32 {
	// FNV-1a, folded to the table's width: the keys are made by the server, so
	// nobody outside can choose them to collide.
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return (h >> 16) ^ (h & mask)
}

// Load returns the counter of a stripe.
func (t *Table) Load(stripe uint32) uint64 { return t.counters[stripe&mask].Load() }

// Bump counts a change of what key names.
func (t *Table) Bump(key string) {
	t.changes.Add(1) // first: see Changes
	t.counters[Stripe(key)].Add(1)
}

// Epoch returns the counter of what concerns everybody.
func (t *Table) Epoch() uint64 { return t.epoch.Load() }

// BumpAll counts a change that concerns everybody.
func (t *Table) BumpAll() {
	t.changes.Add(1)
	t.epoch.Add(1)
}

// Changes counts every change there was, before its own counter does. A reader
// who learns from the database itself what a verdict rests on reads Changes,
// then the database, then the counters, then Changes again: when it is the
// same, the counters are no younger than what the database said.
func (t *Table) Changes() uint64 { return t.changes.Load() }
