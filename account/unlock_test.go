package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// TestCase_LK_07_UnlockOnAllDevices locks a name from away and on a device that
// the account knows; one call unlocks both, and nobody else.
func TestCase_LK_07_UnlockOnAllDevices(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, _ := h.register("ann")
	h.register("bob")
	for range 10 {
		h.code("ann", "wrong", home)
		h.code("ann", "wrong", away)
		h.code("bob", "wrong", home)
	}
	locked := func() []store.Code {
		return []store.Code{h.code("ann", goodPassword, home), h.code("ann", goodPassword, away), h.code("bob", goodPassword, home)}
	}
	for i, code := range locked() {
		if code != store.ErrLocked {
			t.Fatalf("attempt %d is %q, want a lock", i, code)
		}
	}
	until, err := h.LockedUntil(t.Context(), "usr_nobody", ann.ID)
	if must(t, err); len(until) != 1 || !until[ann.ID].Equal(noon.Add(15*time.Minute)) {
		t.Errorf("locked until %v", until)
	}

	for reason, code := range map[string]store.Code{"": store.ErrReasonRequired, " ": store.ErrReasonRequired} {
		if err := h.Unlock(t.Context(), staff, ann.ID, reason); !errors.Is(err, code) {
			t.Errorf("Unlock for %q: %v", reason, err)
		}
	}
	if err := h.Unlock(t.Context(), staff, "usr_nobody", "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Unlock of nobody: %v", err)
	}
	must(t, h.Unlock(t.Context(), staff, ann.ID, "she called"))
	if until, err = h.LockedUntil(t.Context(), ann.ID); err != nil || len(until) != 0 {
		t.Errorf("unlocked, and locked until %v, %v", until, err)
	}
	if got := locked(); got[0] != "" || got[1] != "" || got[2] != store.ErrLocked {
		t.Errorf("after unlocking: %q", got)
	}
	must(t, h.Unlock(t.Context(), staff, ann.ID, "nothing is locked"))
	rows := h.events("user.unlock")
	if len(rows) != 1 || rows[0].ActorID != staff.ID || rows[0].Target.ID != ann.ID || rows[0].Detail.Reason != "she called" {
		t.Errorf("%+v", rows)
	}
}

// A deleted account, whose name is held still, is not there to be unlocked.
func TestUnlock_OfADeletedUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, _ := h.register("ann")
	must(t, h.Delete(t.Context(), staff, ann.ID, "x"))
	if err := h.Unlock(t.Context(), staff, ann.ID, "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Unlock: %v, want ErrNotFound", err)
	}
}
