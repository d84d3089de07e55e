package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
	"github.com/usermgmt/usermgmt/tasks"
)

// trail keeps what is recorded.
type trail struct{ changes []store.Change }

func (l *trail) Append(_ context.Context, _ store.Queries, c store.Change) error {
	l.changes = append(l.changes, c)
	return nil
}

func databasePath(t *testing.T) string { return filepath.Join(t.TempDir(), "usermgmt.db") }

// house is a store whose built-in tasks are run by hand.
type house struct {
	tasks.Builtins
	trail trail
	now   time.Time
}

func newHouse(t *testing.T, path string) *house {
	t.Helper()
	h := &house{now: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return h.now }
	s := openStore(t, path)
	h.Builtins = tasks.Builtins{Store: s, Clock: clock, Logger: slog.New(slog.DiscardHandler),
		Door: change.NewDoor(change.Config{Store: s, Trail: &h.trail, Versions: version.New(), Origin: "ins_1", Clock: clock})}
	return h
}

func (h *house) run(t *testing.T, names ...string) error {
	t.Helper()
	r := newRunner(t, tasks.Config{Tasks: h.Tasks(), Store: h.Store, Clock: h.Clock})
	for _, name := range names {
		if err := r.RunOnce(t.Context(), name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (h *house) names() (names []string) {
	for _, t := range h.Tasks() {
		names = append(names, t.Name)
	}
	return names
}

func TestWhatNobodyNeedsIsDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, databasePath(t))
	h.UsageRetention = 400 * 24 * time.Hour
	ctx, s := t.Context(), h.Store
	counter := store.Counter{Subject: "usr_1", Meter: "m", Window: store.Day, Start: h.now.Truncate(24 * time.Hour)}
	repeated := store.IdempotencyRecord{Idempotency: store.Idempotency{Caller: "usr_1", Route: "r", Key: "k", ExpiresAt: h.now.Add(time.Hour)}, CreatedAt: h.now}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.SessionInsert(ctx, store.Session{ID: "ses_1", Subject: "usr_1", CreatedAt: h.now, ExpiresAt: h.now.Add(time.Hour), IdleUntil: h.now.Add(time.Hour)}))
	_, err := s.SignInAttempt(ctx, "usr_1", store.SignInRule{Limit: 10, Window: time.Hour}, h.now)
	must(err)
	must(s.KnownDevicePut(ctx, store.KnownDevice{Subject: "usr_1", Address: "192.0.2.1", At: h.now}))
	must(s.FeedAppend(ctx, "ins_1", h.now, []string{"k"}))
	must(s.IdempotencyPut(ctx, repeated))
	must(s.MeterAdd(ctx, []store.UsageAdd{{Counters: []store.Counter{counter}, Amount: 3}}))
	_, err = s.MeterReserve(ctx, []store.Reserve{{ID: "res_1", Subject: "usr_1", Meter: "m", Amount: 1, Now: h.now, ExpiresAt: h.now.Add(time.Minute)}})
	must(err)
	_, err = s.MeterSettle(ctx, []store.Settle{{ID: "res_1", Amount: 1, Now: h.now.Add(48 * time.Hour)}})
	must(err)
	_, _, err = s.TaskClaim(ctx, store.TaskClaim{Task: "t", ScheduledAt: h.now, Now: h.now, LeaseUntil: h.now.Add(time.Minute)})
	must(err)

	charge := func() bool {
		_, err := s.MeterExtend(ctx, "res_1", h.now, h.now)
		return err == nil
	}
	// left is what there is of each.
	left := func() []bool {
		t.Helper()
		_, session := s.SessionGet(ctx, "ses_1")
		device, err := s.KnownDeviceSince(ctx, "usr_1", "192.0.2.1", time.Time{})
		must(err)
		feed, err := s.FeedAfter(ctx, 0, 1)
		must(err)
		_, key := s.IdempotencyGet(ctx, "usr_1", "r", "k", h.now)
		usage, err := s.MeterUsage(ctx, []store.CounterLimit{{Counter: counter}}, h.now)
		must(err)
		runs, err := s.TaskRuns(ctx, "t", 1)
		must(err)
		return []bool{session == nil, device, len(feed) > 0, key == nil, usage[0].Used > 0, len(runs) > 0, charge()}
	}
	must(h.run(t, h.names()...))
	if diff := cmp.Diff([]bool{true, true, true, true, true, true, true}, left()); diff != "" {
		t.Errorf("what is needed (-want +got):\n%s", diff)
	}
	began := h.now
	h.now = began.Add(metering.RefundPeriod + 48*time.Hour)
	must(h.run(t, h.names()...))
	if !charge() {
		t.Error("a charge that can still be refunded is gone")
	}
	h.now = began.Add(399 * 24 * time.Hour)
	must(h.run(t, h.names()...))
	if diff := cmp.Diff([]bool{false, false, false, false, true, false, false}, left()); diff != "" {
		t.Errorf("after 399 days (-want +got):\n%s", diff)
	}
	h.now = began.Add(402 * 24 * time.Hour)
	must(h.run(t, h.names()...))
	if left()[4] {
		t.Error("usage is there after 402 days")
	}
}

func TestWhatIsNotConfiguredHasNoTask(t *testing.T) {
	t.Parallel()
	h := newHouse(t, databasePath(t))
	for _, name := range h.names() {
		if !strings.HasSuffix(name, ".purge") && name != "suspensions.end" && name != "database.upkeep" {
			t.Errorf("there is a task %s", name)
		}
	}
	nothing := func(context.Context) error { return nil }
	h.GrantCredits, h.ExpireCredits, h.RetainMessages, h.PurgeDeleted = nothing, nothing, nothing, nothing
	h.UsageRetention, h.MemoryLimit = time.Hour, 1<<40
	h.BackupDir, h.BackupEvery, h.BackupKeep = t.TempDir(), 24*time.Hour, 1
	want := []string{"usage.purge", "credits.grant", "credits.expire", "messages.retain", "deleted_users.purge", "database.upkeep", "backup", "memory.watch"}
	names := h.names()
	for _, name := range want {
		if !slices.Contains(names, name) {
			t.Errorf("there is no task %s", name)
		}
	}
	if err := h.run(t, names...); err != nil {
		t.Error(err)
	}
}

// What ended is written down a day later, so that a clock that is some hours
// ahead ends no suspension for good.
func TestSuspensionsThatEndedAreWrittenDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, databasePath(t))
	for id, until := range map[string]time.Time{"usr_ended": h.now.Add(-25 * time.Hour), "usr_lately": h.now.Add(-23 * time.Hour), "usr_good": {}} {
		u := store.User{ID: id, Username: id, Status: store.Suspended, SuspendedReason: "spam", SuspendedUntil: until}
		if err := h.Store.UserInsert(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.run(t, "suspensions.end"); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]store.Status{"usr_ended": store.Active, "usr_lately": store.Suspended, "usr_good": store.Suspended} {
		if u, err := h.Store.UserGet(t.Context(), id); err != nil || u.Status != want || (u.SuspendedReason == "") != (want == store.Active) {
			t.Errorf("%s: %+v, %v", id, u, err)
		}
	}
}

// A store of a third party may lack what is newer than itself.
func TestAStoreThatCannotPurgeHasNothingToPurge(t *testing.T) {
	t.Parallel()
	h := newHouse(t, databasePath(t))
	h.Store = cannot{}
	for _, task := range h.Tasks() {
		if err := task.Run(t.Context()); err != nil {
			t.Errorf("%s: %v", task.Name, err)
		}
	}
}

// cannot has nothing that store.Base has not.
type cannot struct{ store.Store }

func (cannot) purge() (int, error) { return 0, store.ErrUnsupported }

func (c cannot) SessionPurge(context.Context, time.Time, int) (int, error)     { return c.purge() }
func (c cannot) SignInPurge(context.Context, time.Time, int) (int, error)      { return c.purge() }
func (c cannot) KnownDevicePurge(context.Context, time.Time, int) (int, error) { return c.purge() }
func (c cannot) SuspensionEnd(context.Context, time.Time, int) (int, error)    { return c.purge() }
func (c cannot) MeterPurge(context.Context, time.Time, int) (int, error)       { return c.purge() }
func (c cannot) FeedPurge(context.Context, time.Time, int) (int, error)        { return c.purge() }
func (c cannot) IdempotencyPurge(context.Context, time.Time, int) (int, error) { return c.purge() }
func (c cannot) TaskPurge(context.Context, time.Time, int) (int, error)        { return c.purge() }

func TestBackupsAreKeptAndRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, databasePath(t))
	h.BackupDir, h.BackupEvery, h.BackupKeep = filepath.Join(t.TempDir(), "backups"), 24*time.Hour, 3
	file := func(name string) string { return filepath.Join(h.BackupDir, name) }
	if err := os.Mkdir(h.BackupDir, 0o700); err != nil {
		t.Fatal(err)
	}
	others := []string{"mine.db", "usermgmt-20260314T120000Z.db", "usermgmt-mine", "usermgmt-20260314T120000.5Z", "usermgmt-mine" + store.PartialSuffix}
	left := []string{"usermgmt-20260101T000000Z", "usermgmt-20260101T000001Z"} // by processes that died
	for _, name := range append(left, others[2:]...) {
		if slices.Contains(left, name) {
			name += store.PartialSuffix
		}
		if err := os.Mkdir(file(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(file(name), "usermgmt.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range others[:2] {
		if err := os.WriteFile(file(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, latest := slices.Clone(others), ""
	for i := range 5 {
		if err := h.Store.UserInsert(t.Context(), store.User{ID: fmt.Sprint("usr_", i)}); err != nil {
			t.Fatal(err)
		}
		if err := h.run(t, "backup"); err != nil {
			t.Fatal(err)
		}
		latest = "usermgmt-" + h.now.Format("20060102T150405Z")
		if i >= 2 {
			want = append(want, latest)
		}
		h.now = h.now.Add(24 * time.Hour)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, filesIn(t, h.BackupDir)); diff != "" {
		t.Errorf("the folder holds (-want +got):\n%s", diff)
	}
	if len(h.trail.changes) != 5 || h.trail.changes[4].Action != "backup.create" || h.trail.changes[4].Target.ID != latest {
		t.Errorf("recorded is %+v", h.trail.changes)
	}
	restored, err := sqlite.Open(t.Context(), filepath.Join(file(h.trail.changes[2].Target.ID), "usermgmt.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if _, err := restored.UserGet(t.Context(), "usr_2"); err != nil {
		t.Errorf("the third user is not in the third backup: %v", err)
	}
	if _, err := restored.UserGet(t.Context(), "usr_3"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the fourth user is in the third backup: %v", err)
	}
}

// What a clock that was wrong has called a backup pushes no later one out.
func TestABackupOfTheFutureDoesNotPushOutThePresent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, databasePath(t))
	h.BackupDir, h.BackupEvery, h.BackupKeep = t.TempDir(), 24*time.Hour, 1
	now := h.now
	h.now = now.AddDate(10, 0, 0)
	if err := h.run(t, "backup"); err != nil {
		t.Fatal(err)
	}
	h.now = now
	if err := h.run(t, "backup"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"usermgmt-20260314T120000Z"}, filesIn(t, h.BackupDir)); diff != "" {
		t.Errorf("the folder holds (-want +got):\n%s", diff)
	}
}

func filesIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestMemoryIsGivenBackWhenItPassesTheLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		limit uint64
		calls string
		fails bool
	}{
		{"below", 1 << 40, "", false},
		{"above", 1, "flush shrink ", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, databasePath(t))
			calls := ""
			h.MemoryLimit = c.limit
			h.Flush = func(context.Context) error { calls += "flush "; return nil }
			h.Shrink = func(time.Time) int { calls += "shrink "; return 1 }
			if err := h.run(t, "memory.watch"); (err != nil) != c.fails {
				t.Errorf("error is %v", err)
			}
			if calls != c.calls {
				t.Errorf("calls are %q, want %q", calls, c.calls)
			}
		})
	}
}
