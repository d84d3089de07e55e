package account_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// attic is a house whose files can be looked into, with a log of messages.
type attic struct {
	*house
	path     string
	messages *messagelog.Log
}

func newAttic(t *testing.T, wrap func(store.Store) store.Store) attic {
	t.Helper()
	a := attic{path: filepath.Join(t.TempDir(), "test.db")}
	db, err := sqlite.Open(t.Context(), a.path, nil)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	a.house = moveIn(t, wrap(db), func(c *account.Config) {
		a.messages = messagelog.New(messagelog.Config{Store: c.Store, Clock: c.Clock, BatchInterval: time.Minute})
		c.Messages = a.messages
	})
	t.Cleanup(func() { must(t, a.messages.Close()) })
	return a
}

func asItIs(s store.Store) store.Store { return s }

// settle makes a user who leaves something in every room.
func (a attic) settle(name string) store.User {
	a.t.Helper()
	t, s, ctx := a.t, a.store, a.t.Context()
	user, grant := a.register(name)
	key, _, err := a.keys.Create(ctx, actorOf(user), userPrincipal(user), authn.NewKey{Name: name + "-key"})
	must(t, err)
	if code := a.code(name, "not this one", away); code != store.ErrInvalidCredentials {
		t.Fatal(code)
	}
	if code := a.code(name, "not this one", home); code != store.ErrInvalidCredentials { // a known device
		t.Fatal(code)
	}
	_, _, err = a.sessions.Refresh(ctx, grant.RefreshToken.Reveal(), home)
	must(t, err)
	must(t, a.keys.Revoke(ctx, staff, user.ID, key.ID, name+" lost it"))
	must(t, a.Suspend(ctx, staff, user.ID, name+" wrote spam", time.Time{}))
	must(t, a.Reactivate(ctx, staff, user.ID, name+" did not"))
	var batch []store.Message
	for i := range 250 {
		batch = append(batch, store.Message{
			ID: fmt.Sprint("msg_", name, i), UserID: user.ID, Username: name, ConversationID: fmt.Sprint(name, "-con", i%7), Status: "ok",
			Request: json.RawMessage(`[{"role":"user","content":"` + name + ` asked"}]`), CreatedAt: a.clock(),
		})
	}
	_, err = s.MessageAppend(ctx, batch)
	must(t, err)
	must(t, a.messages.Enqueue(ctx, store.Message{ID: "msg_late_" + name, UserID: user.ID, Username: name, ConversationID: "c"}))
	_, _, err = s.CreditGrant(ctx, store.Grant{ID: "led_" + name, UserID: user.ID, Amount: 1000, Source: "admin", Reason: "for " + name, Now: a.clock()})
	must(t, err)
	for i, subject := range []string{user.ID, key.Family} {
		day := store.Counter{Subject: subject, Meter: "conversations", Window: store.Day, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
		_, err := s.MeterReserve(ctx, []store.Reserve{{
			ID: fmt.Sprint("res_", name, i), Subject: user.ID, Meter: "conversations", Amount: 1, Now: a.clock(), ExpiresAt: a.clock().Add(time.Hour),
			Limits: []store.CounterLimit{{Counter: day, Limit: 9}},
		}})
		must(t, err)
		must(t, s.MeterAdd(ctx, []store.UsageAdd{{Counters: []store.Counter{day}, Amount: 3}}))
	}
	return user
}

// rows returns every row of both files that has a text in it, by table.
func (a attic) rows(text string) map[string][]string {
	a.t.Helper()
	must(a.t, a.trail.Flush(a.t.Context()))
	must(a.t, a.messages.Flush(a.t.Context()))
	db, err := sql.Open(sql.Drivers()[0], a.path)
	must(a.t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(a.t.Context(), `ATTACH ?1 AS messages`, sqlite.MessagesPath(a.path))
	must(a.t, err)
	out := map[string][]string{}
	for _, table := range texts(a.t, db, `SELECT name FROM main.sqlite_schema WHERE type = 'table' UNION ALL
		SELECT 'messages.' || name FROM messages.sqlite_schema WHERE type = 'table'`) {
		for _, row := range texts(a.t, db, `SELECT * FROM `+table) {
			if strings.Contains(row, text) {
				out[table] = append(out[table], row)
			}
		}
	}
	return out
}

// texts renders the rows of a query.
func texts(t testing.TB, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		must(t, rows.Scan(values...))
		cells := make([]string, len(columns))
		for i, v := range values {
			cells[i] = fmt.Sprintf("%s", *v.(*any))
		}
		out = append(out, strings.Join(cells, "|"))
	}
	must(t, rows.Err())
	return out
}

func TestPurgeLeavesNoTrace(t *testing.T) {
	t.Parallel()
	a := newAttic(t, asItIs)
	alice, bob := a.settle("alice"), a.settle("robert")
	must(t, a.Delete(t.Context(), staff, alice.ID, "alice left"))
	before := a.rows("robert")
	for _, table := range []string{"users", "api_keys", "audit_details", "identifiers", "ledger_entries", "messages.message_logs", "messages.conversations"} {
		if len(a.rows("alice")[table])+len(before[table]) == 0 {
			t.Errorf("nothing of anybody in %s", table)
		}
	}
	key := a.remains(alice.ID).Keys[0].ID
	must(t, a.messages.Enqueue(t.Context(), store.Message{ID: "msg_waiting", UserID: alice.ID, Username: "alice", ConversationID: "c"}))
	must(t, a.Purge(t.Context(), staff, alice.ID, "he asked for it"))
	for table, rows := range a.rows("alice") {
		t.Errorf("%s: %q", table, rows)
	}
	for table, rows := range a.rows(alice.ID) {
		if table != "audit_events" && table != "change_feed" { // the trail says of whom it speaks, by id
			t.Errorf("%s: %q", table, rows)
		}
	}
	if diff := cmp.Diff(before, a.rows("robert")); diff != "" {
		t.Errorf("somebody else's rows (-before +after): %s", diff)
	}
	if _, err := a.Get(t.Context(), bob.ID); err != nil {
		t.Error(err)
	}
	a.register("alice") // the name is free
	must(t, a.Delete(t.Context(), staff, a.settle("carolina").ID, "left"))

	list, err := a.trail.List(t.Context(), store.AuditFilter{TargetID: key}, store.Page{})
	if must(t, err); len(list.Items) == 0 {
		t.Error("the key left the trail")
	}
	for _, e := range list.Items {
		if e.Detail != nil || !a.trail.Check(e) {
			t.Errorf("what was done to the key: %+v", e)
		}
	}
	events := a.events("user.purge")
	if len(events) != 1 || events[0].Detail.Reason != "he asked for it" || events[0].ActorID != staff.ID || events[0].Target.ID != alice.ID {
		t.Errorf("the trail: %+v", events)
	}
	for what, err := range map[string]error{
		"purge":   a.Purge(t.Context(), staff, alice.ID, "again"),
		"restore": drop(a.Restore(t.Context(), staff, alice.ID, account.RestoreChoice{}, "again")),
		"a user":  a.Purge(t.Context(), staff, bob.ID, "who is there"),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func drop[T any](_ T, err error) error { return err }

// What SQLite frees it overwrites when the file is made anew: then not even a
// file has anything of a purged user.
func TestCase_PW_15_PurgedUsersAreInNoFile(t *testing.T) {
	t.Parallel()
	a := newAttic(t, asItIs)
	alice := a.settle("alice")
	must(t, a.Delete(t.Context(), staff, alice.ID, "left"))
	inFiles := func() (found []string) {
		for _, file := range []string{a.path, sqlite.MessagesPath(a.path)} {
			db, err := sql.Open(sql.Drivers()[0], file)
			must(t, err)
			for _, care := range []string{"VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
				_, err = db.ExecContext(t.Context(), care)
				must(t, err)
			}
			must(t, db.Close())
			for _, f := range []string{file, file + "-wal"} {
				content, err := os.ReadFile(f)
				if err == nil && (bytes.Contains(content, []byte("alice")) || bytes.Contains(content, []byte(away.IP.String()))) {
					found = append(found, filepath.Base(f))
				}
			}
		}
		return found
	}
	if len(inFiles()) != 2 {
		t.Fatalf("before the purge: %v", inFiles())
	}
	must(t, a.Purge(t.Context(), staff, alice.ID, "for good"))
	if found := inFiles(); len(found) > 0 {
		t.Errorf("after the purge: %v", found)
	}
}

// failing fails one call of those that a purge makes, before or after it was
// carried out.
type failing struct {
	store.Store
	calls, at atomic.Int64
	after     bool
}

var errFault = store.Unavailable(errors.New("pulled out"))

func (f *failing) count(call func() (int, error)) (int, error) {
	if f.calls.Add(1) != f.at.Load() {
		return call()
	}
	if f.after {
		_, _ = call()
	}
	return 0, errFault
}

func (f *failing) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	_, err := f.count(func() (int, error) { return 0, f.Store.InTx(ctx, fn) })
	return err
}

func (f *failing) MessageErase(ctx context.Context, id string, limit int) (int, error) {
	return f.count(func() (int, error) { return f.Store.MessageErase(ctx, id, limit) })
}

func (f *failing) SessionErase(ctx context.Context, id string, limit int) (int, error) {
	return f.count(func() (int, error) { return f.Store.SessionErase(ctx, id, limit) })
}

func (f *failing) KnownDeviceDelete(ctx context.Context, id string) error {
	_, err := f.count(func() (int, error) { return 0, f.Store.KnownDeviceDelete(ctx, id) })
	return err
}

func (f *failing) SignInUnlock(ctx context.Context, key, prefix string) (int, error) {
	return f.count(func() (int, error) { return f.Store.SignInUnlock(ctx, key, prefix) })
}

func (f *failing) MeterErase(ctx context.Context, id string, since time.Time, limit int) (int, error) {
	return f.count(func() (int, error) { return f.Store.MeterErase(ctx, id, since, limit) })
}

func (f *failing) AuditErase(ctx context.Context, id string, limit int) (int, error) {
	return f.count(func() (int, error) { return f.Store.AuditErase(ctx, id, limit) })
}

// TestAPurgeThatWasCutShortIsFinished cuts a purge short at each of its steps.
// From the first on nobody comes back, and the task finishes it.
func TestAPurgeThatWasCutShortIsFinished(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for at, done := int64(1), false; !done; at++ {
			done = cutShort(t, at, after)
			if at > 100 {
				t.Fatal("it never ends")
			}
		}
	}
}

// cutShort reports whether the purge was over before the step came.
func cutShort(t *testing.T, at int64, after bool) bool {
	f := &failing{after: after}
	a := newAttic(t, func(s store.Store) store.Store { f.Store = s; return f })
	alice := a.settle("alice")
	must(t, a.Delete(t.Context(), staff, alice.ID, "left"))
	f.at.Store(f.calls.Load() + at)
	err := a.Purge(t.Context(), staff, alice.ID, "for good")
	if err == nil {
		return true
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("step %d: %v", at, err)
	}
	if at > 1 || after { // else it had not begun
		_, err = a.Restore(t.Context(), staff, alice.ID, account.RestoreChoice{}, "too late")
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("step %d: restored: %v", at, err)
		}
		n, err := a.PurgeDue(t.Context())
		if gone := len(a.rows(alice.ID)["deleted_users"]); err != nil || gone != 0 || n > 1 {
			t.Errorf("step %d: purged %d: %v", at, n, err)
		}
	} else {
		must(t, a.Purge(t.Context(), staff, alice.ID, "for good"))
	}
	for table, rows := range a.rows("alice") {
		t.Errorf("step %d: %s: %q", at, table, rows)
	}
	if events := a.events("user.purge"); len(events) != 1 {
		t.Errorf("step %d: %d events", at, len(events))
	}
	a.register("alice")
	return false
}

func TestPurgeDue(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.DeletedRetention = time.Hour })
	due := func(want int) {
		t.Helper()
		if n, err := h.PurgeDue(t.Context()); err != nil || n != want {
			t.Errorf("purged %d, want %d: %v", n, want, err)
		}
	}
	var ids []string
	for i := range 230 { // of one moment
		user, err := h.Create(t.Context(), staff, account.Registration{Username: fmt.Sprint("user", i)})
		must(t, err)
		must(t, h.Delete(t.Context(), staff, user.ID, "left"))
		ids = append(ids, user.ID)
	}
	h.pass(30 * time.Minute)
	later, _ := h.register("later")
	must(t, h.Delete(t.Context(), staff, later.ID, "left"))
	due(0)
	h.pass(30 * time.Minute)
	due(len(ids))
	due(0)
	if _, err := h.store.DeletedUserGet(t.Context(), later.ID); err != nil {
		t.Error(err)
	}
	if events := h.events("user.purge"); events[0].ActorKind != store.ActorSystem || events[0].Detail.Reason == "" {
		t.Errorf("the trail: %+v", events[0])
	}
}

// A request that was under way while its user was purged writes when it ends.
func TestWhatIsWrittenAfterAPurgeIsErased(t *testing.T) {
	t.Parallel()
	a := newAttic(t, asItIs)
	alice, bob := a.settle("alice"), a.settle("robert")
	must(t, a.Delete(t.Context(), staff, alice.ID, "left"))
	must(t, a.Purge(t.Context(), staff, alice.ID, "for good"))
	before := a.rows("robert")
	a.pass(50 * time.Minute)
	for _, u := range []store.User{alice, bob} {
		_, err := a.messages.Append(t.Context(), store.Message{ID: "msg_after_" + u.ID, UserID: u.ID, Username: u.Username, ConversationID: "c2"})
		must(t, err)
		day := store.Counter{Subject: u.ID, Meter: "tokens", Window: store.Day, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
		must(t, a.store.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{day}, Amount: 3}}))
	}
	if len(a.rows(alice.ID)["usage"]) == 0 {
		t.Error("nothing was written late")
	}
	a.pass(50 * time.Minute)
	if n, err := a.PurgeDue(t.Context()); n != 0 || err != nil {
		t.Errorf("purged %d: %v", n, err)
	}
	for table, rows := range a.rows(alice.ID) {
		if table != "audit_events" && table != "change_feed" {
			t.Errorf("%s: %q", table, rows)
		}
	}
	if after := a.rows("robert"); len(after["messages.message_logs"]) != len(before["messages.message_logs"])+1 {
		t.Error("somebody else's message is gone")
	}
	if e := a.events("user.purge"); len(e) != 1 || e[0].Detail == nil || e[0].Detail.Reason != "for good" {
		t.Errorf("the trail: %+v", e)
	}
}

// Whose sealed part cannot be opened any more can still be purged, though not
// come back.
func TestPurgeWithoutTheKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	must(t, h.Delete(t.Context(), staff, alice.ID, "left"))
	other := moveIn(t, h.store) // with a keyring of its own
	if _, err := other.Restore(t.Context(), staff, alice.ID, account.RestoreChoice{}, "came back"); store.CodeOf(err) != store.ErrConflict || !strings.Contains(err.Error(), "add that key") {
		t.Errorf("restored: %v", err)
	}
	if _, err := other.GetDeleted(t.Context(), alice.ID); err != nil {
		t.Errorf("nothing was to be lost: %v", err)
	}
	must(t, other.Purge(t.Context(), staff, alice.ID, "for good"))
	h.register("alice")
}
