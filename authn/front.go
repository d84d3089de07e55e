package authn

import (
	"math/bits"
	"sync/atomic"
)

// front finds most remembered verdicts without a lock: a table with one place
// for each of some hashes, in which the last one written stands. What is pushed
// out of it is still in the shards.
type front struct {
	places []atomic.Pointer[verdict]
	shift  int
}

// newFront makes a table for that many verdicts. It has twice as many places,
// so that few share one.
func newFront(size int) front {
	width := bits.Len(uint(2*size - 1))
	return front{places: make([]atomic.Pointer[verdict], 1<<width), shift: 64 - width}
}

// at returns the verdict in the place of a hash, of whatever credential it is,
// or nil.
func (f front) at(hash uint64) *verdict { return f.places[hash>>f.shift].Load() }

func (f front) put(hash uint64, d *verdict) { f.places[hash>>f.shift].Store(d) }
