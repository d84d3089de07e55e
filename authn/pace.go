package authn

import (
	"sync"
	"time"
)

// pace knows how long a hash of each scheme takes on this machine when nothing
// else runs: the fastest seen, for load only ever adds to it.
type pace struct {
	mu      sync.Mutex
	fastest map[scheme]time.Duration
}

// note learns from a hash. One that the clock is too coarse for says nothing.
func (p *pace) note(s scheme, took time.Duration) {
	if took <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fastest == nil {
		p.fastest = make(map[scheme]time.Duration)
	}
	if fastest, known := p.fastest[s]; !known || took < fastest {
		p.fastest[s] = took
	}
}

// of returns how long a hash takes, or 0 when none has been seen.
func (p *pace) of(s scheme) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fastest[s]
}
