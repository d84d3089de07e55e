package audit_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

func suspension() store.Change {
	return store.Change{
		Action: "user.suspend",
		Actor: store.Actor{
			Kind: store.ActorStaff, ID: "stf_1", Name: "sam", OnBehalfOf: "usr_2",
			KeyID: "key_1", SessionID: "ses_1", IP: "192.0.2.7", RequestID: "req_1",
		},
		Target:  store.Target{Kind: "user", ID: "usr_1"},
		Reason:  "spam",
		At:      time.Date(2026, 3, 1, 13, 0, 0, 1234, time.FixedZone("", 3600)),
		Changes: map[string]store.Diff{"status": {From: "active", To: "suspended"}},
	}
}

func TestAppendWritesOneEvent(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	if err := trail.Append(t.Context(), m, suspension()); err != nil {
		t.Fatal(err)
	}
	want := []store.AuditEvent{{
		At:        noon.Add(time.Microsecond),
		ActorKind: store.ActorStaff, ActorID: "stf_1", OnBehalfOf: "usr_2",
		Action: "user.suspend", Target: store.Target{Kind: "user", ID: "usr_1"}, Result: store.OK,
		RequestID: "req_1", Count: 1,
		Detail: &store.AuditDetail{
			ActorName: "sam", IP: "192.0.2.7", Reason: "spam",
			Changes: json.RawMessage(`{"status":{"from":"active","to":"suspended"}}`),
		},
	}}
	made := cmpopts.IgnoreFields(store.AuditEvent{}, "ID", "KeyID", "MAC", "DetailHash")
	salt := cmpopts.IgnoreFields(store.AuditDetail{}, "Salt")
	if diff := cmp.Diff(want, m.stored(), made, salt); diff != "" {
		t.Error(diff)
	}
	e := m.stored()[0]
	if !ids.Is(ids.Audit, e.ID) || e.At.Location() != time.UTC || !trail.Check(e) {
		t.Errorf("%+v", e)
	}
}

// A trail that cannot be written refuses the change.
func TestAppendFailsWithTheDatabase(t *testing.T) {
	t.Parallel()
	m := &memory{err: store.ErrUnavailable}
	trail := newTrail(t, m)
	if err := trail.Append(t.Context(), m, suspension()); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
	m.fail(nil)
	c := suspension()
	c.Changes["status"] = store.Diff{To: func() {}}
	if err := trail.Append(t.Context(), m, c); err == nil || len(m.stored()) > 0 {
		t.Errorf("%v, %d events", err, len(m.stored()))
	}
}

// Whatever is edited in a row, the row no longer checks.
func TestCheckFindsEveryEdit(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	if err := trail.Append(t.Context(), m, suspension()); err != nil {
		t.Fatal(err)
	}
	edits := map[string]func(*store.AuditEvent){
		"id":             func(e *store.AuditEvent) { e.ID = ids.New(ids.Audit) },
		"time":           func(e *store.AuditEvent) { e.At = e.At.Add(time.Microsecond) },
		"actor kind":     func(e *store.AuditEvent) { e.ActorKind = store.ActorAdmin },
		"actor":          func(e *store.AuditEvent) { e.ActorID = "stf_2" },
		"on behalf of":   func(e *store.AuditEvent) { e.OnBehalfOf = "" },
		"action":         func(e *store.AuditEvent) { e.Action = "user.reactivate" },
		"target kind":    func(e *store.AuditEvent) { e.Target.Kind = "key" },
		"target":         func(e *store.AuditEvent) { e.Target.ID = "usr_3" },
		"target's owner": func(e *store.AuditEvent) { e.Target.Owner = "usr_3" },
		"result":         func(e *store.AuditEvent) { e.Result = store.Denied },
		"request":        func(e *store.AuditEvent) { e.RequestID = "req_2" },
		"count":          func(e *store.AuditEvent) { e.Count = 2 },
		"detail hash":    func(e *store.AuditEvent) { e.DetailHash[0] ^= 1 },
		"key":            func(e *store.AuditEvent) { e.KeyID = "0000000000000000" },
		"mac":            func(e *store.AuditEvent) { e.MAC[0] ^= 1 },
		"no mac":         func(e *store.AuditEvent) { e.MAC = nil },
		"fields shifted": func(e *store.AuditEvent) { e.ActorID, e.OnBehalfOf = e.ActorID+e.OnBehalfOf, "" },
		"actor's name":   func(e *store.AuditEvent) { e.Detail.ActorName = "tom" },
		"address":        func(e *store.AuditEvent) { e.Detail.IP = "192.0.2.8" },
		"reason":         func(e *store.AuditEvent) { e.Detail.Reason = "" },
		"changes":        func(e *store.AuditEvent) { e.Detail.Changes = nil },
		"salt":           func(e *store.AuditEvent) { e.Detail.Salt[0] ^= 1 },
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			e := m.stored()[0]
			detail := *e.Detail
			e.Detail = &detail
			e.DetailHash, e.MAC, detail.Salt = slices.Clone(e.DetailHash), slices.Clone(e.MAC), slices.Clone(detail.Salt)
			if edit(&e); trail.Check(e) {
				t.Error("the edit passes")
			}
		})
	}
	t.Run("erasing the detail is no edit", func(t *testing.T) {
		e := m.stored()[0]
		e.Detail = nil
		if !trail.Check(e) {
			t.Error("the event no longer checks")
		}
	})
}

// Two events that say the same have different salts, so that one cannot be read
// off the other.
func TestDetailHashesTellNothing(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	for range 2 {
		if err := trail.Append(t.Context(), m, suspension()); err != nil {
			t.Fatal(err)
		}
	}
	if e := m.stored(); string(e[0].DetailHash) == string(e[1].DetailHash) {
		t.Error("the same hash twice")
	}
}

func TestKeysAreAdded(t *testing.T) {
	t.Parallel()
	m := new(memory)
	if err := newTrail(t, m).Append(t.Context(), m, suspension()); err != nil {
		t.Fatal(err)
	}
	e := m.stored()[0]
	both := newTrail(t, m, func(c *audit.Config) { c.Keys = [][]byte{auditKey(2), auditKey(1)} })
	if !both.Check(e) {
		t.Error("an event of the older key no longer checks")
	}
	other := newTrail(t, m, func(c *audit.Config) { c.Keys = [][]byte{auditKey(2)} })
	if other.Check(e) {
		t.Error("an event checks without its key")
	}
}

func TestNewRefusesKeys(t *testing.T) {
	t.Parallel()
	for want, keys := range map[string][][]byte{
		"at least one":             nil,
		"key 2 has 31 bytes":       {auditKey(1), auditKey(2)[:31]},
		"key 2 is given twice":     {auditKey(1), auditKey(1)},
		"needs at least 32":        {{}},
		"audit key 1 has 16 bytes": {auditKey(1)[:16]},
	} {
		if _, err := audit.New(audit.Config{Store: new(memory), Keys: keys}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	if err := trail.Append(t.Context(), m, suspension()); err != nil {
		t.Fatal(err)
	}
	list, err := trail.List(t.Context(), store.AuditFilter{Action: "user.suspend"}, store.Page{})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}
