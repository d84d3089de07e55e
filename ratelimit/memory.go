package ratelimit

import (
	"cmp"
	"context"
	"hash/maphash"
	"math/bits"
	"sync"
	"time"
)

// DefaultMaxKeys is how many buckets a Memory keeps unless told otherwise:
// about 10 MiB when all are in use.
const DefaultMaxKeys = 1 << 17

// A Memory of few keys has one shard, so that the bound is met to the key.
const (
	manyShards   = 64 // a power of two
	keysForShard = 64
)

// Memory is a Limiter of this process. It keeps a bounded number of buckets,
// however many keys are tried. When a new key needs room, the bucket that is or
// will soonest be full goes: while any is full, and so remembers nothing, no
// other is lost. One that was lost before it was full may spend one burst more.
//
// It reads no clock and starts no goroutine. Times that carry a monotonic
// reading (time.Now) make it immune to changes of the wall clock; with others, a
// clock set back keeps nobody waiting longer than Rate.Window.
type Memory struct {
	seed   maphash.Seed
	shards []shard
	epoch  sync.Once
	zero   time.Time // the first instant seen; buckets count from it
}

// NewMemory makes a Memory of at most maxKeys buckets, rounded up to a multiple
// of its shards; zero means DefaultMaxKeys. It panics when maxKeys is negative.
func NewMemory(maxKeys int) *Memory {
	if maxKeys < 0 {
		panic("ratelimit: NewMemory of a negative number of keys")
	}
	maxKeys = cmp.Or(maxKeys, DefaultMaxKeys)
	n := 1
	if maxKeys >= manyShards*keysForShard {
		n = manyShards
	}
	m := &Memory{seed: maphash.MakeSeed(), shards: make([]shard, n)}
	for i := range m.shards {
		m.shards[i].max = (maxKeys + n - 1) / n
		m.shards[i].index = map[uint64]int32{}
	}
	return m
}

// Allow implements Limiter. It ignores ctx, for it never waits, and its only
// errors are ErrRate and ErrCost.
func (m *Memory) Allow(_ context.Context, key Key, r Rate, n int, now time.Time) (d Decision, err error) {
	if !r.Valid() {
		return d, ErrRate
	}
	if n < 0 {
		return d, ErrCost
	}
	m.epoch.Do(func() { m.zero = now })
	instant := int64(now.Sub(m.zero))
	hash := m.hash(key)
	m.shards[hash&uint64(len(m.shards)-1)].spend(&d, hash, r, n, instant)
	return d, nil
}

// Len returns how many buckets are kept.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += len(s.buckets)
		s.mu.Unlock()
	}
	return n
}

// hash names a bucket in 64 bits of a keyed hash, so that long keys cost no
// memory. Two keys of one hash would share a bucket; nobody outside can find
// such keys, and by chance there are none.
func (m *Memory) hash(key Key) uint64 {
	space := bits.RotateLeft64(maphash.String(m.seed, key.space), 1)
	if key.addr.IsValid() {
		b := key.addr.As16()
		return ^space ^ maphash.Bytes(m.seed, b[:])
	}
	return space ^ maphash.String(m.seed, key.name)
}
