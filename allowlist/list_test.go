package allowlist_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/allowlist"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a list over a real database whose readings can fail.
type bench struct {
	*allowlist.List
	store.Store
	versions *version.Table
	changes  []store.Change
	refuse   error // of the hook
	fail     atomic.Bool
	stale    atomic.Bool
	reads    atomic.Int64

	mu  sync.Mutex
	now time.Time
}

var errAway = errors.New("away")

func (b *bench) SettingGet(ctx context.Context, name string) (store.Setting, error) {
	b.reads.Add(1)
	if b.fail.Load() {
		return store.Setting{}, errAway
	}
	return b.Store.SettingGet(ctx, name)
}

func (b *bench) Append(_ context.Context, _ store.Queries, c store.Change) error {
	b.changes = append(b.changes, c)
	return nil
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) config() allowlist.Config {
	hook := func(context.Context, store.Queries, store.Change) error { return b.refuse }
	return allowlist.Config{
		Store:    b,
		Door:     change.NewDoor(change.Config{Store: b.Store, Trail: b, Versions: b.versions, Origin: "here", Hook: hook, Clock: b.clock}),
		Versions: b.versions,
		Fresh:    func(time.Time) bool { return !b.stale.Load() },
		Clock:    b.clock,
		Logger:   slog.New(slog.DiscardHandler),
	}
}

func open(t testing.TB) *bench {
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
	b := &bench{Store: s, versions: version.New(), now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	if b.List, err = allowlist.New(t.Context(), b.config()); err != nil {
		t.Fatal(err)
	}
	return b
}

func networks(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func (b *bench) set(t testing.TB, texts ...string) {
	t.Helper()
	if err := b.Set(t.Context(), store.Actor{Kind: store.ActorAdmin, ID: "adm_1"}, networks(texts...)); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) want(t *testing.T, texts ...string) {
	t.Helper()
	if got := b.Current(b.clock()); !slices.Equal(got, networks(texts...)) {
		t.Errorf("the list is %v, want %v", got, texts)
	}
}

func TestWhatIsSetHoldsAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.want(t)
	for _, list := range [][]string{{"10.0.0.0/8"}, {"10.0.0.0/8", "2001:db8::/32"}, {}} {
		b.set(t, list...)
		b.want(t, list...)
	}
	if len(b.changes) != 3 {
		t.Fatalf("%d changes", len(b.changes))
	}
	b.set(t)
	if c := b.changes[0]; len(b.changes) != 3 || c.Action != "settings.ip_allowlist" || c.Actor.ID != "adm_1" || c.Target.ID != "ip_allowlist" ||
		!slices.Equal(c.Affects, []string{store.EveryVersion}) || !slices.Equal(c.Changes["allow"].To.([]netip.Prefix), networks("10.0.0.0/8")) {
		t.Errorf("the change is %+v", c)
	}
	if again, err := allowlist.New(t.Context(), b.config()); err != nil || len(again.Current(b.clock())) != 0 {
		t.Errorf("a second instance: %v", err)
	}
}

func TestWhatAnotherInstanceSetHoldsWhenItIsHeardOf(t *testing.T) {
	t.Parallel()
	b := open(t)
	other := b.config()
	other.Door = change.NewDoor(change.Config{Store: b.Store, Trail: b, Versions: version.New(), Origin: "elsewhere", Clock: b.clock})
	there, err := allowlist.New(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Set(t.Context(), store.System(), networks("10.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	b.want(t)
	b.versions.BumpAll() // as the follower does
	b.want(t, "10.0.0.0/8")

	// A process that was paused, or cut off, does not rely on what it remembers.
	if err := there.Set(t.Context(), store.System(), networks("192.0.2.0/24")); err != nil {
		t.Fatal(err)
	}
	b.stale.Store(true)
	b.advance(time.Minute)
	b.want(t, "192.0.2.0/24")
	reads := b.reads.Load()
	for range 100 {
		b.want(t, "192.0.2.0/24")
	}
	if n := b.reads.Load() - reads; n > 0 {
		t.Errorf("%d readings within one second", n)
	}
}

// While the store cannot be read the last list that is known holds, and the one
// that was just set is known.
func TestAStoreThatCannotBeReadKeepsTheList(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.set(t, "10.0.0.0/8")
	b.fail.Store(true)
	b.want(t, "10.0.0.0/8") // it was never read
	b.versions.BumpAll()
	b.want(t, "10.0.0.0/8")
	reads := b.reads.Load()
	for range 100 {
		b.want(t, "10.0.0.0/8")
	}
	if n := b.reads.Load() - reads; n > 0 {
		t.Errorf("%d readings of a store that has just failed", n)
	}
	if _, err := b.Get(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("Get: %v", err)
	}

	b.fail.Store(false)
	if err := b.SettingPut(t.Context(), store.Setting{Name: "ip_allowlist", Value: `["192.0.2.0/24"]`}); err != nil {
		t.Fatal(err)
	}
	b.advance(time.Second)
	b.want(t, "192.0.2.0/24")
}

func TestNewFailsWithoutTheList(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.fail.Store(true)
	if _, err := allowlist.New(t.Context(), b.config()); !errors.Is(err, errAway) {
		t.Errorf("a store that cannot be read: %v", err)
	}
	b.fail.Store(false)
	if err := b.SettingPut(t.Context(), store.Setting{Name: "ip_allowlist", Value: `["anywhere"]`}); err != nil {
		t.Fatal(err)
	}
	if _, err := allowlist.New(t.Context(), b.config()); err == nil {
		t.Error("a list that is none was taken for an empty one")
	}
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.set(t, "10.0.0.0/8")
	for _, list := range [][]netip.Prefix{
		{{}}, {netip.MustParsePrefix("10.0.0.1/8")}, {netip.MustParsePrefix("::ffff:10.0.0.0/104")}, make([]netip.Prefix, allowlist.MaxNetworks+1),
	} {
		if err := b.Set(t.Context(), store.System(), list); !errors.Is(err, store.ErrValidation) {
			t.Errorf("%.3v: %v", list, err)
		}
	}
	b.refuse = store.Errorf(store.ErrConflict, "Not now.")
	if err := b.Set(t.Context(), store.System(), networks("192.0.2.0/24")); !errors.Is(err, b.refuse) {
		t.Errorf("the hook refuses: %v", err)
	}
	b.want(t, "10.0.0.0/8")
}

// Requests that come while the list is changed see the old one or the new one,
// and after Set has returned the new one alone.
func TestCase_C2_NoRequestMeetsAnOlderListThanWasSet(t *testing.T) {
	t.Parallel()
	b := open(t)
	var set atomic.Int64 // how many networks the last Set that returned had
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				least := set.Load()
				if n := int64(len(b.Current(b.clock()))); n < least {
					t.Errorf("a list of %d networks after one of %d was set", n, least)
					return
				}
			}
		})
	}
	var all []string
	for i := range 100 {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16).String())
		b.set(t, all...)
		set.Store(int64(len(all)))
	}
	close(stop)
	readers.Wait()
}

func TestCurrentAllocatesNothing(t *testing.T) {
	b := open(t)
	b.set(t, "10.0.0.0/8")
	if n := testing.AllocsPerRun(100, func() { b.Current(b.clock()) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
