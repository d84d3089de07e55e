package authn_test

import (
	"sync"
	"testing"
	"time"
)

func TestShrinkGivesUpOnlyWhatNoLongerHolds(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	all := d.credentials(t)
	for name, c := range all {
		d.good(t, name, c.credential)
	}
	d.bad(t, "unknown", "um_nothing")
	looks := d.looks
	if n := d.verifier.Shrink(d.now()); n != 0 {
		t.Errorf("%d verdicts that hold were given up", n)
	}
	for name, c := range all {
		d.good(t, name, c.credential)
	}
	if d.looks != looks {
		t.Errorf("%d look-ups after the cache was shrunk; want none", d.looks-looks)
	}

	if err := all["token"].revoke(); err != nil {
		t.Fatal(err)
	}
	if n := d.verifier.Shrink(d.now()); n != 1 {
		t.Errorf("%d verdicts were given up after a revocation; want 1", n)
	}
	d.advance(time.Minute)
	if n := d.verifier.Shrink(d.now()); n != len(all) {
		t.Errorf("%d verdicts were given up after their time; want %d", n, len(all))
	}
	d.bad(t, "revoked", all["token"].credential)
	d.good(t, "key", all["key"].credential)
}

// Whoever is let in, is let in as if nobody shrank the cache, and nobody is
// after a revocation.
func TestShrinkBesideRequests(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	stop := make(chan struct{})
	var shrinking sync.WaitGroup
	shrinking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				d.verifier.Shrink(d.now().Add(time.Minute)) // as if all had expired
			}
		}
	})
	for range 20 {
		for name, c := range d.credentials(t) {
			for range 20 {
				d.good(t, name, c.credential)
			}
			if err := c.revoke(); err != nil {
				t.Fatal(err)
			}
			d.bad(t, name, c.credential)
		}
	}
	close(stop)
	shrinking.Wait()
}
