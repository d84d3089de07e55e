package authn

import (
	"math"
	"sync"
	"time"
)

// maxSlowdown bounds what is believed of a busy machine: it was paused, or the
// clock was set, when a hash seems to have taken longer.
const maxSlowdown = 4

// pace knows how long a hash of each scheme takes on this machine when nothing
// else runs: the fastest seen, for load only ever adds to it. It also knows how
// much slower than that hashes as configured were lately.
type pace struct {
	own scheme // as configured

	mu       sync.Mutex
	fastest  map[scheme]time.Duration
	slowdown float64 // a moving average, at least 1
}

func newPace(own scheme) *pace {
	return &pace{own: own, fastest: make(map[scheme]time.Duration), slowdown: 1}
}

// note learns from a hash. One that the clock is too coarse for says nothing.
// Hashes of other schemes say nothing of the slowdown: it would tell, in the time
// of the next refusals, whose they were.
func (p *pace) note(s scheme, took time.Duration) {
	if took <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fastest, known := p.fastest[s]
	if !known || took < fastest {
		fastest = took
		p.fastest[s] = took
	}
	if s == p.own {
		now := min(float64(took)/float64(fastest), maxSlowdown)
		p.slowdown += (now - p.slowdown) / 8
	}
}

// of returns how long a hash takes, or 0 when none has been seen.
func (p *pace) of(s scheme) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fastest[s]
}

// lately returns how much slower hashes were lately: 1 is hardly at all. It goes by
// quarters, so that it does not follow every hash: whoever tries one name over and
// over would see whether it does. It is rounded up, since what a refusal is padded
// by has to be more than what hashes differ by.
func (p *pace) lately() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return math.Ceil(4*p.slowdown-0.2) / 4
}
