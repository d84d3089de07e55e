package stress_test

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// figures collect durations, from any number of goroutines.
type figures struct {
	mu  sync.Mutex
	all []time.Duration
}

func (f *figures) add(d time.Duration) {
	f.mu.Lock()
	f.all = append(f.all, d)
	f.mu.Unlock()
}

// at returns the quantile q, from 0 to 1; 0 when there is nothing.
func (f *figures) at(q float64) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) == 0 {
		return 0
	}
	slices.Sort(f.all)
	return f.all[min(len(f.all)-1, int(q*float64(len(f.all))))]
}

func (f *figures) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}

func (f *figures) String() string {
	round := func(q float64) time.Duration { return f.at(q).Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d: p50 %v, p99 %v, max %v", f.count(), round(0.5), round(0.99), round(1))
}

// tally counts words, from any number of goroutines.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) add(word string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[word]++
}

func (c *tally) of(word string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[word]
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.n)
}
