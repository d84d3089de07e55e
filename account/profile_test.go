package account_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

func TestUpdateProfile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	h.pass(time.Minute)
	name, metadata := "Alice <A>", json.RawMessage(` {"theme": "dark"} `)
	var got store.User
	var err error
	ends := h.ends(alice.ID, func() {
		got, err = h.UpdateProfile(t.Context(), actorOf(alice), alice.ID, account.ProfileUpdate{DisplayName: &name, Metadata: &metadata})
	})
	must(t, err)
	want := alice
	want.DisplayName, want.Metadata, want.UpdatedAt = "Alice <A>", json.RawMessage(`{"theme":"dark"}`), noon.Add(time.Minute)
	if diff := cmp.Diff(want, got); diff != "" || !ends {
		t.Errorf("ends %v: %s", ends, diff)
	}
	if stored, err := h.Get(t.Context(), alice.ID); err != nil || !cmp.Equal(stored, want) {
		t.Errorf("stored as %+v, %v", stored, err)
	}
	events := h.events("user.update")
	if len(events) != 1 || events[0].Target.ID != alice.ID {
		t.Fatalf("the trail: %+v", events)
	}
	var changes map[string]store.Diff
	must(t, json.Unmarshal(events[0].Detail.Changes, &changes))
	if len(changes) != 2 || changes["display_name"].To != "Alice <A>" {
		t.Errorf("the changes: %v", changes)
	}

	null := json.RawMessage("null")
	empty := ""
	got, err = h.UpdateProfile(t.Context(), actorOf(alice), alice.ID, account.ProfileUpdate{DisplayName: &empty, Metadata: &null})
	if must(t, err); got.DisplayName != "" || string(got.Metadata) != "{}" {
		t.Errorf("cleared: %+v", got)
	}
}

func TestAnUpdateThatChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	h.pass(time.Minute)
	name, zone, metadata := "", "UTC", json.RawMessage("{ }")
	for _, in := range []account.ProfileUpdate{{}, {DisplayName: &name, TimeZone: &zone, Metadata: &metadata}} {
		got, err := h.UpdateProfile(t.Context(), actorOf(alice), alice.ID, in)
		if must(t, err); !cmp.Equal(got, alice) {
			t.Errorf("got %+v", got)
		}
	}
	if events := h.events("user.update"); len(events) != 0 {
		t.Errorf("the trail: %+v", events)
	}
}

func TestUpdateProfileRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	name, zone, metadata := "two\nlines", "Local", json.RawMessage("[]")
	_, err := h.UpdateProfile(t.Context(), actorOf(alice), alice.ID, account.ProfileUpdate{DisplayName: &name, TimeZone: &zone, Metadata: &metadata})
	if e, _ := errors.AsType[*store.Error](err); e == nil || e.Code != store.ErrValidation || len(e.Fields) != 3 {
		t.Errorf("got %v", err)
	}
	if _, err := h.UpdateProfile(t.Context(), staff, "usr_none", account.ProfileUpdate{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

// A new zone counts from the next day of the old one, once in 24 hours.
func TestTimeZoneChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	move := func(zone string) (store.User, error) {
		return h.UpdateProfile(t.Context(), actorOf(alice), alice.ID, account.ProfileUpdate{TimeZone: &zone})
	}
	user, err := move("Asia/Tokyo")
	must(t, err)
	midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	if want := (store.Zone{Name: "Asia/Tokyo", Previous: "UTC", From: midnight}); user.Zone != want {
		t.Errorf("got %+v, want %+v", user.Zone, want)
	}
	if user.Zone.At(noon) != "UTC" || user.Zone.At(midnight) != "Asia/Tokyo" {
		t.Error("the zone counts from another time")
	}
	h.pass(23 * time.Hour)
	_, err = move("Europe/Berlin")
	e, _ := errors.AsType[*store.Error](err)
	if e == nil || e.Code != store.ErrRateLimited || e.RetryAfter != time.Hour {
		t.Fatalf("the second within 24 h: %v", err)
	}
	if _, err := move("Asia/Tokyo"); err != nil {
		t.Errorf("the same again: %v", err)
	}
	h.pass(e.RetryAfter)
	user, err = move("Europe/Berlin")
	if must(t, err); user.Zone.Previous != "Asia/Tokyo" || !user.Zone.From.Equal(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)) {
		t.Errorf("after the wait: %+v", user.Zone)
	}
}
