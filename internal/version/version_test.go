package version_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/usermgmt/usermgmt/internal/version"
)

func TestBumpMovesItsOwnStripeOnly(t *testing.T) {
	t.Parallel()
	table := version.New()
	a, b := version.Stripe("user:usr_a"), version.Stripe("plan:free")
	if a == b {
		t.Fatal("the test needs two keys of different stripes")
	}

	table.Bump("user:usr_a")
	if table.Load(a) != 1 || table.Load(b) != 0 || table.Epoch() != 0 {
		t.Errorf("after one bump: %d, %d, epoch %d; want 1, 0, 0", table.Load(a), table.Load(b), table.Epoch())
	}
	table.BumpAll()
	if table.Load(a) != 1 || table.Epoch() != 1 {
		t.Errorf("after BumpAll: %d, epoch %d; want 1, 1", table.Load(a), table.Epoch())
	}
}

func TestNoBumpIsLost(t *testing.T) {
	t.Parallel()
	table := version.New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				table.Bump("key:key_x")
				table.BumpAll()
			}
		})
	}
	wg.Wait()
	if n := table.Load(version.Stripe("key:key_x")); n != 8000 {
		t.Errorf("counter is %d after 8000 bumps", n)
	}
	if n := table.Epoch(); n != 8000 {
		t.Errorf("epoch is %d after 8000 bumps", n)
	}
}

// A stripe is part of no contract but must be in range and spread well, or one
// user's changes would cost many others their cache entries.
func TestChangesCountsFirst(t *testing.T) {
	t.Parallel()
	table := version.New()
	stripe := version.Stripe("user:usr_1")
	var bumps sync.WaitGroup
	bumps.Go(func() {
		for range 10_000 {
			table.Bump("user:usr_1")
			table.BumpAll()
		}
	})
	for range 10_000 {
		counter, epoch := table.Load(stripe), table.Epoch()
		if changes := table.Changes(); changes < counter+epoch {
			t.Fatalf("%d changes counted, while the counters had seen %d", changes, counter+epoch)
		}
	}
	bumps.Wait()
	if got := table.Changes(); got != 20_000 {
		t.Errorf("Changes = %d, want 20000", got)
	}
}

func TestStripesSpread(t *testing.T) {
	t.Parallel()
	seen := map[uint32]int{}
	for i := range 65536 {
		s := version.Stripe(fmt.Sprintf("user:usr_%032x", i*7919))
		if s >= 65536 {
			t.Fatalf("stripe %d is out of range", s)
		}
		seen[s]++
	}
	// As many random keys as stripes leave about 1/e of the stripes empty.
	if len(seen) < 40_000 {
		t.Errorf("65,536 keys share %d stripes, want about 41,400", len(seen))
	}
}

func TestNothingAllocates(t *testing.T) {
	table := version.New()
	n := testing.AllocsPerRun(100, func() {
		table.Bump("session:ses_0190f3c4a5b67c8d9e0f1a2b3c4d5e6f")
		_ = table.Load(version.Stripe("plan:free")) + table.Epoch()
	})
	if n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
