package authn

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Shrink gives up remembered verdicts that no longer hold at now, which stay
// until their place is needed otherwise, and returns how many. Those that hold
// stay, so that no credential in use has to be looked up again.
func (v *Verifier) Shrink(now time.Time) (dropped int) {
	for i := range v.front.places {
		place := &v.front.places[i]
		// What took the place meanwhile stays.
		if d := place.Load(); d != nil && !d.holds(now, v.cfg.Versions) {
			place.CompareAndSwap(d, nil)
		}
	}
	for i := range v.shards {
		dropped += v.shrink(v.shards[i].good, now) + v.shrink(v.shards[i].bad, now)
	}
	return dropped
}

func (v *Verifier) shrink(cache *lru.Cache[uint64, *verdict], now time.Time) (dropped int) {
	for _, hash := range cache.Keys() {
		// One that is renewed between the two calls is looked up again.
		if d, ok := cache.Peek(hash); ok && !d.holds(now, v.cfg.Versions) && cache.Remove(hash) {
			dropped++
		}
	}
	return dropped
}
