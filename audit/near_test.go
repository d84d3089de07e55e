package audit_test

import (
	"fmt"
	"testing"

	"github.com/usermgmt/usermgmt/audit"
)

// Whoever has a /64 has more addresses than there are rows in any database.
func TestTheAddressesOfOneCustomerAreOneCrowd(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	const guesses = 2000
	for i := range guesses {
		trail.Record(failedSignIn(fmt.Sprintf("2001:db8::%x", i)))
		if i%500 == 0 {
			if err := trail.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	events, sum := m.stored(), int64(0)
	for _, e := range events {
		sum += e.Count
	}
	if len(events) > audit.CrowdFrom+5 || sum != guesses { // one for the rest at each Flush and at Close
		t.Errorf("%d events stand for %d guesses", len(events), sum)
	}
}
