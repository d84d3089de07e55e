package change_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
)

// A clock that was set back says of the last reading of the feed that it lies
// ahead. That reading is not believed.
func TestAClockSetBackMakesTheCacheOld(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	begun := time.Unix(1_800_000_000, 0) // as a clock without monotonic readings says
	follower, err := change.Follow(t.Context(), b.store, b.versions, "here", func() time.Time { return begun }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer follower.Close()
	for jump, want := range map[time.Duration]bool{
		0:                      true,
		-time.Second:           true, // a request that read its clock before the poll did
		change.TrustFor - 1:    true,
		change.TrustFor:        false,
		-(change.TrustFor - 1): true,
		-change.TrustFor:       false,
		-24 * time.Hour:        false,
		24 * time.Hour:         false,
	} {
		if got := follower.Fresh(begun.Add(jump)); got != want {
			t.Errorf("with the clock at %v: fresh is %v", jump, got)
		}
	}
}
