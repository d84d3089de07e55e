package change_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trail appends what it is given to the store's audit, as the real one does.
type trail struct{ fail error }

func (tr trail) Append(ctx context.Context, q store.Queries, c store.Change) error {
	if tr.fail != nil {
		return tr.fail
	}
	return q.AuditInsert(ctx, []store.AuditEvent{{ID: "aud_" + c.Target.ID, At: c.At, ActorKind: c.Actor.Kind, Action: c.Action, Target: c.Target, Result: c.Result, Count: 1}},
		func(store.AuditHead, store.AuditEvent) ([]byte, error) { return nil, nil })
}

type bundle struct {
	store    store.Store
	versions *version.Table
	door     *change.Door
}

func setup(t *testing.T, configure func(*change.Config)) bundle {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := bundle{store: s, versions: version.New()}
	cfg := change.Config{Store: s, Trail: trail{}, Versions: b.versions, Origin: "here", Clock: time.Now}
	if configure != nil {
		configure(&cfg)
	}
	b.door = change.NewDoor(cfg)
	return b
}

func device(subject string) store.KnownDevice {
	return store.KnownDevice{Subject: subject, Address: "192.0.2.1", At: time.Unix(1, 0).UTC()}
}

// remember is a change that leaves one row, one audit row and one feed row.
func remember(subject string) func(context.Context, store.Queries, *store.Change) error {
	return func(ctx context.Context, q store.Queries, c *store.Change) error {
		c.Action, c.Target = "user.update", store.Target{Kind: "user", ID: subject}
		c.Affects = []string{store.UserVersion(subject)}
		return q.KnownDevicePut(ctx, device(subject))
	}
}

func (b bundle) wrote(t *testing.T, subject string) (row bool, audits, feeds int) {
	t.Helper()
	row, err := b.store.KnownDeviceSince(t.Context(), subject, "192.0.2.1", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	events, err := b.store.AuditList(t.Context(), store.AuditFilter{TargetID: subject}, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := b.store.FeedAfter(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Key == store.UserVersion(subject) {
			feeds++
		}
	}
	return row, len(events.Items), feeds
}

func TestAChangeItsAuditRowAndItsFeedRowCommitTogether(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	stripe := version.Stripe(store.UserVersion("usr_1"))
	before := b.versions.Load(stripe)
	if err := b.door.Do(t.Context(), store.System(), remember("usr_1")); err != nil {
		t.Fatal(err)
	}
	if row, audits, feeds := b.wrote(t, "usr_1"); !row || audits != 1 || feeds != 1 {
		t.Errorf("row %v, %d audit rows, %d feed rows; want one of each", row, audits, feeds)
	}
	if b.versions.Load(stripe) == before {
		t.Error("the cached verdicts on the user still hold")
	}
}

func TestNothingIsWrittenWhenAnyPartFails(t *testing.T) {
	t.Parallel()
	refuse := errors.New("no")
	for _, c := range []struct {
		name      string
		configure func(*change.Config)
		fn        func(context.Context, store.Queries, *store.Change) error
	}{
		{"the change itself", nil, func(ctx context.Context, q store.Queries, c *store.Change) error {
			return errors.Join(remember("usr_1")(ctx, q, c), refuse)
		}},
		{"the hook", func(cfg *change.Config) {
			cfg.Hook = func(context.Context, store.Queries, store.Change) error { return refuse }
		}, remember("usr_1")},
		{"the audit row", func(cfg *change.Config) { cfg.Trail = trail{fail: refuse} }, remember("usr_1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.configure)
			if err := b.door.Do(t.Context(), store.System(), c.fn); !errors.Is(err, refuse) {
				t.Errorf("Do: %v; want the refusal", err)
			}
			if row, audits, feeds := b.wrote(t, "usr_1"); row || audits != 0 || feeds != 0 {
				t.Errorf("row %v, %d audit rows, %d feed rows; want nothing", row, audits, feeds)
			}
		})
	}
}

// mute is a store whose feed cannot be written.
type mute struct {
	store.Store
	fail error
}

func (m mute) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	return m.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error { return fn(ctx, muted{q, m.fail}) })
}

type muted struct {
	store.Queries
	fail error
}

func (m muted) FeedAppend(context.Context, string, time.Time, []string) error { return m.fail }

// When other instances cannot be told, the change does not happen: it never
// succeeds with a warning.
func TestCase_C4_AChangeThatCannotBeAnnouncedFails(t *testing.T) {
	t.Parallel()
	refuse := errors.New("no")
	b := setup(t, func(cfg *change.Config) { cfg.Store = mute{cfg.Store, refuse} })
	if err := b.door.Do(t.Context(), store.System(), remember("usr_1")); !errors.Is(err, refuse) {
		t.Errorf("Do: %v; want the refusal", err)
	}
	if row, audits, feeds := b.wrote(t, "usr_1"); row || audits != 0 || feeds != 0 {
		t.Errorf("row %v, %d audit rows, %d feed rows; want nothing", row, audits, feeds)
	}
}

func TestAChangeWithoutAnActionIsNotRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *change.Config) {
		cfg.Hook = func(context.Context, store.Queries, store.Change) error {
			return errors.New("the hook was called")
		}
	})
	err := b.door.Do(t.Context(), store.System(), func(context.Context, store.Queries, *store.Change) error { return nil })
	if err != nil {
		t.Error(err)
	}
	if events, _ := b.store.AuditList(t.Context(), store.AuditFilter{}, store.Page{}); len(events.Items) != 0 {
		t.Errorf("audit rows: %v", events.Items)
	}
}

func TestAMutationInsideTheHookIsRefused(t *testing.T) {
	t.Parallel()
	var b bundle
	var nested error
	b = setup(t, func(cfg *change.Config) {
		cfg.Hook = func(ctx context.Context, _ store.Queries, _ store.Change) error {
			nested = b.door.Do(ctx, store.System(), remember("usr_2"))
			return nil
		}
	})
	if err := b.door.Do(t.Context(), store.System(), remember("usr_1")); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(nested, store.ErrConflict) {
		t.Errorf("a mutation inside the hook: %v; want ErrConflict", nested)
	}
}

func TestAClosedDoorLetsNothingThrough(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.door.Close()
	if err := b.door.Do(t.Context(), store.System(), remember("usr_1")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Do: %v; want ErrClosed", err)
	}
}

func TestAReaderOfTheFeedMissesNoCommit(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if err := b.door.Do(t.Context(), store.System(), remember(string(rune('A'+i)))); err != nil {
				t.Error(err)
			}
		})
	}
	written := make(chan struct{})
	go func() { group.Wait(); close(written) }()
	var last int64
	seen := 0
	read := func() {
		rows, err := b.store.FeedAfter(t.Context(), last, 1000)
		if err != nil {
			t.Error(err)
		}
		seen += len(rows)
		if len(rows) > 0 {
			last = rows[len(rows)-1].ID
		}
	}
	for reading := true; reading; {
		select {
		case <-written:
			reading = false
		default:
		}
		read()
	}
	if seen != 50 {
		t.Errorf("%d rows were seen; want 50", seen)
	}
}

// feed is a feed under the test's control.
type feed struct {
	store.Base
	mu     sync.Mutex
	rows   []store.FeedRow
	oldest int64
	fail   error
}

func (f *feed) add(origin, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows = append(f.rows, store.FeedRow{ID: int64(len(f.rows) + 1), Origin: origin, Key: key})
}

func (f *feed) set(fail error, oldest int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.oldest = fail, oldest
}

func (f *feed) FeedBounds(context.Context) (int64, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.oldest, int64(len(f.rows)), f.fail
}

func (f *feed) FeedAfter(_ context.Context, id int64, limit int) ([]store.FeedRow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var after []store.FeedRow
	for _, r := range f.rows {
		if r.ID > id && r.ID >= f.oldest && len(after) < limit {
			after = append(after, r)
		}
	}
	return after, f.fail
}

// advance lets the time of a synctest bubble pass.
func advance(d time.Duration) { <-time.After(d) }

func follow(t *testing.T, f *feed) (*change.Follower, *version.Table) {
	t.Helper()
	versions := version.New()
	follower, err := change.Follow(t.Context(), f, versions, "here", time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(follower.Close)
	return follower, versions
}

func TestAFollowerEndsWhatOthersChangedWithinOnePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{}
		_, versions := follow(t, f)
		mine, theirs := version.Stripe("user:mine"), version.Stripe("user:theirs")
		f.add("here", "user:mine")
		f.add("elsewhere", "user:theirs")
		f.add("elsewhere", store.EveryVersion)
		advance(change.PollEvery)
		synctest.Wait()
		if versions.Load(theirs) == 0 || versions.Epoch() == 0 {
			t.Error("another instance's change was not heard of")
		}
		if versions.Load(mine) != 0 {
			t.Error("a change of its own, which the door has counted, was counted again")
		}
	})
}

func TestAFollowerIsTrustedOnlyWhileItCanRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{}
		follower, versions := follow(t, f)
		if !follower.Fresh(time.Now()) {
			t.Error("not fresh at the start")
		}
		f.set(errors.New("away"), 0)
		advance(change.TrustFor + change.PollEvery)
		if follower.Fresh(time.Now()) {
			t.Errorf("fresh %v after the feed went away", change.TrustFor)
		}
		f.add("elsewhere", "user:usr_1")
		f.set(nil, 0)
		advance(change.PollEvery)
		synctest.Wait()
		if !follower.Fresh(time.Now()) || versions.Load(version.Stripe("user:usr_1")) == 0 {
			t.Error("it did not catch up when the feed came back")
		}
	})
}

// A database that hangs is told of like one that fails.
func TestAFeedThatHangsIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		follower, err := change.Follow(t.Context(), &hangingFeed{}, version.New(), "here", time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		advance(change.PollEvery + change.TrustFor + time.Second)
		fresh := follower.Fresh(time.Now())
		follower.Close()
		if fresh || !strings.Contains(log.String(), "cannot be read") {
			t.Errorf("fresh %v; the log says %q", fresh, &log)
		}
	})
}

type hangingFeed struct{ feed }

func (*hangingFeed) FeedAfter(ctx context.Context, _ int64, _ int) ([]store.FeedRow, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A process that was paused reads a clock far ahead of its last poll, and
// distrusts what it remembers before it has polled again.
func TestAPausedProcessDistrustsItsCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		follower, _ := follow(t, &feed{})
		if follower.Fresh(time.Now().Add(change.TrustFor)) {
			t.Error("fresh, though the last poll is too long ago")
		}
	})
}

func TestAFollowerThatFindsRowsPurgedEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{}
		_, versions := follow(t, f)
		f.set(errors.New("away"), 0)
		advance(change.Retention)
		for range 10 {
			f.add("elsewhere", "user:usr_1")
		}
		f.set(nil, 6)
		advance(change.PollEvery)
		synctest.Wait()
		if versions.Epoch() == 0 {
			t.Error("rows that nobody saw are gone, and verdicts still hold")
		}
	})
}

func TestAWokenFollowerDoesNotWaitForItsPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &wakingFeed{wake: make(chan struct{}, 1)}
		versions := version.New()
		follower, err := change.Follow(t.Context(), f, versions, "here", time.Now, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer follower.Close()
		f.add("elsewhere", "user:usr_1")
		f.wake <- struct{}{}
		synctest.Wait()
		if versions.Load(version.Stripe("user:usr_1")) == 0 {
			t.Error("woken, it did not look")
		}
	})
}

type wakingFeed struct {
	feed
	wake chan struct{}
}

func (f *wakingFeed) Wake() <-chan struct{} { return f.wake }
