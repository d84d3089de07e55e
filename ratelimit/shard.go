package ratelimit

import (
	"sync"
	"time"
)

// shard is a part of a Memory's buckets under one lock.
type shard struct {
	mu      sync.Mutex
	max     int
	index   map[uint64]int32 // from a key's hash to its place in buckets
	buckets []bucket
	queue   []turn // a heap, the soonest on top; one turn for each bucket

	_ [32]byte // keeps the locks of neighbours on cache lines of their own
}

// bucket is the state of one key: the instant at which it is full.
type bucket struct {
	hash uint64
	full int64
}

// turn is a bucket's place in the order of eviction. A hit moves a bucket's
// instant ahead and leaves its turn behind, so that hits cost nothing here; a
// turn that lags is put right when it reaches the top. (The instant moves back
// only when a rate is changed or the clock is set back; then the bucket merely
// goes later than it could.)
type turn struct {
	full  int64
	place int32
}

// spend takes n units from the bucket of a hash at an instant and puts the
// decision into d: returned from one to the next, its copies cost as much as
// making it.
func (s *shard) spend(d *Decision, hash uint64, r Rate, n int, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var untilFull time.Duration
	if place, ok := s.index[hash]; ok {
		b := &s.buckets[place]
		*d, untilFull = r.Spend(time.Duration(b.full-now), n)
		b.full = now + int64(untilFull)
		return
	}
	*d, untilFull = r.Spend(0, n)
	if untilFull > 0 { // a full bucket remembers nothing
		s.insert(bucket{hash: hash, full: now + int64(untilFull)})
	}
}

// insert adds a bucket, in the place of the one that is full soonest where
// there is no room.
func (s *shard) insert(b bucket) {
	if len(s.buckets) < s.max {
		place := int32(len(s.buckets))
		s.buckets = append(s.buckets, b)
		s.queue = append(s.queue, turn{full: b.full, place: place})
		s.index[b.hash] = place
		s.up(len(s.queue) - 1)
		return
	}
	top := &s.queue[0]
	for s.buckets[top.place].full > top.full {
		top.full = s.buckets[top.place].full
		s.down()
	}
	delete(s.index, s.buckets[top.place].hash)
	s.buckets[top.place] = b
	s.index[b.hash] = top.place
	top.full = b.full
	s.down()
}

// up restores the heap after a turn was added at i.
func (s *shard) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.queue[parent].full <= s.queue[i].full {
			return
		}
		s.queue[parent], s.queue[i] = s.queue[i], s.queue[parent]
		i = parent
	}
}

// down restores the heap after its top was moved ahead.
func (s *shard) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(s.queue) {
			return
		}
		if right := child + 1; right < len(s.queue) && s.queue[right].full < s.queue[child].full {
			child = right
		}
		if s.queue[i].full <= s.queue[child].full {
			return
		}
		s.queue[i], s.queue[child] = s.queue[child], s.queue[i]
		i = child
	}
}
