package account_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

func TestSuspendAndReactivate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, grant := h.register("alice")
	until := noon.Add(time.Hour)
	if !h.ends(alice.ID, func() { must(t, h.Suspend(t.Context(), staff, alice.ID, "spam", until)) }) {
		t.Error("Suspend ends no cached verdict")
	}
	user, err := h.Get(t.Context(), alice.ID)
	if must(t, err); user.Status != store.Suspended || user.SuspendedReason != "spam" || !user.SuspendedUntil.Equal(until) {
		t.Errorf("suspended: %+v", user)
	}
	if _, _, err := h.sessions.Refresh(t.Context(), grant.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
		t.Errorf("RT-08: refresh: %v", err)
	}
	must(t, h.Suspend(t.Context(), staff, alice.ID, "more spam", time.Time{}))
	if !h.ends(alice.ID, func() { must(t, h.Reactivate(t.Context(), staff, alice.ID, "it was not spam")) }) {
		t.Error("Reactivate ends no cached verdict")
	}
	must(t, h.Reactivate(t.Context(), staff, alice.ID, "again"))
	user, err = h.Get(t.Context(), alice.ID)
	if must(t, err); user.Status != store.Active || user.SuspendedReason != "" || !user.SuspendedUntil.IsZero() {
		t.Errorf("reactivated: %+v", user)
	}
	if _, _, err := h.sessions.Refresh(t.Context(), grant.RefreshToken.Reveal(), home); !errors.Is(err, store.ErrInvalidToken) {
		t.Errorf("a session came back: %v", err)
	}
	if events := h.events("user.suspend"); len(events) != 2 || events[0].Detail.Reason != "spam" || events[0].ActorID != staff.ID {
		t.Errorf("the trail: %+v", events)
	}
	if events := h.events("user.reactivate"); len(events) != 1 {
		t.Errorf("the trail: %+v", events)
	}
}

func TestTheSameSuspensionIsNoChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	until := noon.Add(time.Hour)
	for i, row := range []struct {
		reason  string
		until   time.Time
		changes []string
	}{
		{"spam", time.Time{}, []string{"status", "suspended_reason"}},
		{"spam", time.Time{}, nil},
		{"more spam", time.Time{}, []string{"suspended_reason"}},
		{"more spam", until, []string{"suspended_until"}},
		{"more spam", until.Add(time.Nanosecond), nil}, // below what is kept
	} {
		h.pass(time.Second)
		seen := len(h.events("user.suspend"))
		must(t, h.Suspend(t.Context(), staff, alice.ID, row.reason, row.until))
		user, err := h.Get(t.Context(), alice.ID)
		must(t, err)
		events := h.events("user.suspend")[seen:]
		if row.changes == nil {
			if len(events) != 0 || user.UpdatedAt.Equal(h.clock()) {
				t.Errorf("%d: written and audited %+v", i, events)
			}
			continue
		}
		if len(events) != 1 || !user.UpdatedAt.Equal(h.clock()) {
			t.Fatalf("%d: audited %+v", i, events)
		}
		var changes map[string]store.Diff
		must(t, json.Unmarshal(events[0].Detail.Changes, &changes))
		if got := slices.Sorted(maps.Keys(changes)); !slices.Equal(got, row.changes) {
			t.Errorf("%d: audited %v, want %v", i, got, row.changes)
		}
	}
}

func TestASuspensionEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	must(t, h.Suspend(t.Context(), staff, alice.ID, "spam", noon.Add(time.Hour)))
	h.pass(time.Hour)
	user, err := h.Get(t.Context(), alice.ID)
	if must(t, err); user.Status != store.Active || user.SuspendedReason != "" {
		t.Errorf("%+v", user)
	}
}

func TestSuspendRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	for _, tt := range []struct {
		id, reason string
		until      time.Time
		code       store.Code
	}{
		{alice.ID, "", time.Time{}, store.ErrReasonRequired},
		{alice.ID, " \n", time.Time{}, store.ErrReasonRequired},
		{alice.ID, strings.Repeat("x", 501), time.Time{}, store.ErrValidation},
		{alice.ID, "spam\xff", time.Time{}, store.ErrValidation},
		{alice.ID, "spam", noon, store.ErrValidation},
		{"usr_none", "spam", time.Time{}, store.ErrNotFound},
	} {
		if err := h.Suspend(t.Context(), staff, tt.id, tt.reason, tt.until); store.CodeOf(err) != tt.code {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if err := h.Reactivate(t.Context(), staff, alice.ID, ""); !errors.Is(err, store.ErrReasonRequired) {
		t.Errorf("Reactivate: %v", err)
	}
	if err := h.Delete(t.Context(), staff, alice.ID, ""); !errors.Is(err, store.ErrReasonRequired) {
		t.Errorf("Delete: %v", err)
	}
}
