package account_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

// sealed opens what was set aside of a deleted user.
func (h *house) sealed(id string) []byte {
	h.t.Helper()
	deleted, err := h.store.DeletedUserGet(h.t.Context(), id)
	must(h.t, err)
	plain, err := h.seal.Open(deleted.Sealed, "deleted_users.sealed."+id)
	must(h.t, err)
	return plain
}

func (h *house) remains(id string) (left account.Remains) {
	h.t.Helper()
	must(h.t, json.Unmarshal(h.sealed(id), &left))
	return left
}

// TestWhatIsSealedKeepsItsForm deletes a user of whom every field is set, and
// holds what is sealed against the form in which users were sealed before: they
// must come back with all of it, whatever the records are called by then.
func TestWhatIsSealedKeepsItsForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := func(hour int) time.Time { return noon.Add(time.Duration(hour) * time.Hour) }
	user := store.User{
		ID: "usr_1", Username: "alice", Email: "Alice@example.com", EmailVerified: true, DisplayName: "Alice",
		Status: store.Suspended, SuspendedReason: "spam", SuspendedUntil: at(1), Plan: "free",
		Limits:        []store.Limit{{Meter: "tokens", Window: store.Month, Limit: 9}},
		Zone:          store.Zone{Name: "Europe/Berlin", Previous: "UTC", From: at(2)},
		ZoneChangedAt: at(3), MFAEnabled: true, Metadata: json.RawMessage(`{"a":1}`),
		CreatedAt: at(4), UpdatedAt: at(5), LastLoginAt: at(6),
	}
	hash := store.PasswordHash{Subject: user.ID, Hash: "$2b$", Scheme: "bcrypt:12", UpdatedAt: at(7)}
	key := store.APIKeyHash{Hash: [32]byte(bytes.Repeat([]byte{9}, 32)), APIKey: store.APIKey{
		ID: "key_1", Family: "kfm_1", UserID: user.ID, Name: "ci", Prefix: "um_abcd", Last4: "wxyz",
		Scopes: []string{"usage:read"}, AllowedIPs: []string{"192.0.2.0/24"}, RateLimit: "20/s,burst=40",
		Limits: []store.Limit{{Meter: "conversations", Window: store.Day, Limit: 5}},
		Status: store.Active, RotatedFrom: "key_0", CreatedAt: at(8), LastUsedAt: at(9), ExpiresAt: at(10), RetiresAt: at(11), RevokedAt: at(12),
	}}
	allSet(t, user, user.Zone, hash, key.APIKey, key.Limits[0])
	must(t, h.store.UserInsert(t.Context(), user))
	must(t, h.store.PasswordHashPut(t.Context(), hash))
	must(t, h.store.APIKeyInsert(t.Context(), key))
	must(t, h.Delete(t.Context(), staff, user.ID, "left"))

	golden, err := os.ReadFile("testdata/deleted_user.json")
	must(t, err)
	var before, now, again any
	must(t, json.Unmarshal(golden, &before))
	must(t, json.Unmarshal(h.sealed(user.ID), &now))
	if diff := cmp.Diff(before, now); diff != "" {
		t.Errorf("the form changed (-before +now): %s", diff)
	}
	var left account.Remains
	strict := json.NewDecoder(bytes.NewReader(golden))
	strict.DisallowUnknownFields()
	must(t, strict.Decode(&left))
	encoded, err := json.Marshal(left)
	must(t, err)
	must(t, json.Unmarshal(encoded, &again))
	if diff := cmp.Diff(before, again); diff != "" {
		t.Errorf("users who were deleted before lose something (-before +read): %s", diff)
	}
}

// allSet fails for a field that is zero: one that was added to a record and is
// not sealed yet.
func allSet(t *testing.T, records ...any) {
	t.Helper()
	for _, record := range records {
		v := reflect.ValueOf(record)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is not set: seal it, and show it here", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}

func TestAUserWithoutPasswordOrKeysIsSealed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user, err := h.Create(t.Context(), staff, account.Registration{Username: "bob"})
	must(t, err)
	must(t, h.Delete(t.Context(), staff, user.ID, "left"))
	if left := h.remains(user.ID); left.User.ID != user.ID || left.Hash != nil || left.Keys != nil {
		t.Errorf("%+v", left)
	}
}
