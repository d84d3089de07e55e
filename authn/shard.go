package authn

import (
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// shard is one part of the verifier's cache, with the look-ups under way in
// it.
type shard struct {
	good, bad *lru.Cache[uint64, *verdict]

	mu      sync.Mutex
	flights map[uint64]*flight
}

// flight is one look-up that any number of callers wait for. Before done is
// closed only its leader writes it, afterwards nobody does. With neither a
// verdict nor an error the leader gave up.
type flight struct {
	hash       uint64
	credential string
	done       chan struct{}
	verdict    *verdict
	err        error
}

func (s *shard) init(good, bad int) {
	s.good, s.bad = newCache[uint64, *verdict](good), newCache[uint64, *verdict](bad)
	s.flights = make(map[uint64]*flight)
}

// board returns the flight of a credential, and whether the caller leads it
// and must land it.
func (s *shard) board(hash uint64, credential string) (f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.flights[hash]; ok && f.credential == credential {
		return f, false
	}
	// The clone lets go of the request that the text is a part of.
	f = &flight{hash: hash, credential: strings.Clone(credential), done: make(chan struct{})}
	s.flights[hash] = f
	return f, true
}

// land lets everybody who waits for the flight go on.
func (s *shard) land(f *flight) {
	s.mu.Lock()
	if s.flights[f.hash] == f {
		delete(s.flights, f.hash)
	}
	s.mu.Unlock()
	close(f.done)
}

// maxRefusedBytes is the longest credential whose refusal is remembered, and
// twice what an access token has: refusals take at most 8 MiB.
const maxRefusedBytes = 1024

// remember keeps a verdict for the requests to come.
func (s *shard) remember(hash uint64, d *verdict) {
	switch {
	case d.principal != nil:
		s.good.Add(hash, d)
	case len(d.credential) <= maxRefusedBytes:
		s.bad.Add(hash, d)
	}
}

// newCache makes a cache of a fixed size, at least one.
func newCache[K comparable, V any](size int) *lru.Cache[K, V] {
	c, _ := lru.New[K, V](max(1, size)) // fails for sizes below one only
	return c
}
