package allowlist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
)

const (
	settingName = "ip_allowlist"

	// MaxNetworks is how many networks an allowlist has at most: each request is
	// held against them one by one.
	MaxNetworks = 1000

	readTimeout = time.Second
	pause       = time.Second // between two readings while the change feed cannot be relied on
)

// Config is what a List needs. All fields are required.
type Config struct {
	Store    store.Store
	Door     *change.Door
	Versions *version.Table
	Fresh    func(now time.Time) bool // whether other instances' changes are heard of
	Clock    func() time.Time
	Logger   *slog.Logger
}

// List is the list of networks that requests are taken from. Its methods may
// be called by any number of goroutines.
type List struct {
	cfg    Config
	known  atomic.Pointer[known]
	writes sync.Mutex // one Set at a time

	reads  sync.Mutex // one reading at a time
	failed atomic.Bool
	retry  time.Time // when to read again after a failure; under reads
}

// known is a list with what has to be so for it to hold.
type known struct {
	networks []netip.Prefix
	epoch    uint64
	readAt   time.Time
}

// New reads the list. It fails when the list cannot be read: it would
// not be known whom to take requests from.
func New(ctx context.Context, cfg Config) (*List, error) {
	l := &List{cfg: cfg}
	l.known.Store(&known{})
	if err := l.read(ctx); err != nil {
		return nil, fmt.Errorf("allowlist: the IP allowlist cannot be read: %w", err)
	}
	return l, nil
}

// Current returns the list as it is now, which the clock of the Config says;
// empty means everybody. It is meant to be asked for each request: it reads from
// memory, and from the store only after a change. While the store cannot be read,
// the last list that is known holds. The slice must not be changed.
func (l *List) Current(now time.Time) []netip.Prefix {
	k := l.known.Load()
	if l.holds(k, now) {
		return k.networks
	}
	return l.reread(now)
}

func (l *List) holds(k *known, now time.Time) bool {
	return k.epoch == l.cfg.Versions.Epoch() && (l.cfg.Fresh(now) || now.Sub(k.readAt).Abs() < pause)
}

// reread reads the list once for all who need it. Nobody waits for a store that
// has just failed.
func (l *List) reread(now time.Time) []netip.Prefix {
	if !l.failed.Load() {
		l.reads.Lock()
	} else if !l.reads.TryLock() {
		return l.known.Load().networks
	}
	defer l.reads.Unlock()
	if l.holds(l.known.Load(), now) || l.failed.Load() && now.Before(l.retry) && l.retry.Sub(now) <= pause {
		return l.known.Load().networks
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	if err := l.read(ctx); err != nil {
		l.retry = l.cfg.Clock().Add(pause)
		if !l.failed.Swap(true) {
			l.cfg.Logger.Error("the IP allowlist cannot be read; the last one that is known holds", "error", err)
		}
	} else if l.failed.Swap(false) {
		l.cfg.Logger.Info("the IP allowlist can be read again")
	}
	return l.known.Load().networks
}

// read takes the list from the store. The epoch is read first, so that a change
// in between makes the list old at once.
func (l *List) read(ctx context.Context) error {
	k := &known{epoch: l.cfg.Versions.Epoch(), readAt: l.cfg.Clock()}
	var err error
	if k.networks, err = networksOf(ctx, l.cfg.Store); err != nil {
		return err
	}
	l.known.Store(k)
	return nil
}

// Get reads the list from the store.
func (l *List) Get(ctx context.Context) ([]netip.Prefix, error) {
	return networksOf(ctx, l.cfg.Store)
}

// getter reads settings; Store and Queries are getters.
type getter interface {
	SettingGet(ctx context.Context, name string) (store.Setting, error)
}

func networksOf(ctx context.Context, from getter) ([]netip.Prefix, error) {
	s, err := from.SettingGet(ctx, settingName)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnsupported) { // a store without settings has none
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var networks []netip.Prefix
	err = json.Unmarshal([]byte(s.Value), &networks)
	return networks, err
}

// Set replaces the list; an empty one takes requests from everywhere. It holds on
// this instance when Set returns, for every kind of credential and for what is
// remembered too, since each request is held against it. A list that is set
// already is not audited. More than MaxNetworks, or one that is not valid, is
// ErrValidation. Nothing keeps the caller from shutting himself out.
func (l *List) Set(ctx context.Context, actor store.Actor, networks []netip.Prefix) error {
	if err := check(networks); err != nil {
		return err
	}
	networks = slices.Clone(networks)
	value, err := json.Marshal(append([]netip.Prefix{}, networks...))
	if err != nil {
		return err
	}
	l.writes.Lock()
	defer l.writes.Unlock()
	epoch := l.cfg.Versions.Epoch()
	err = l.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		old, err := networksOf(ctx, q)
		if err != nil || slices.Equal(old, networks) {
			return err
		}
		c.Action, c.Target = "settings.ip_allowlist", store.Target{Kind: "settings", ID: settingName}
		c.Changes = map[string]store.Diff{"allow": {From: append([]netip.Prefix{}, old...), To: append([]netip.Prefix{}, networks...)}}
		c.Affects = []string{store.EveryVersion}
		return q.SettingPut(ctx, store.Setting{Name: settingName, Value: string(value), UpdatedAt: c.At, UpdatedBy: actor.ID})
	})
	if err != nil {
		return err
	}
	// It is remembered as of before the change, so that it is read once more; but
	// if that fails, this is the last list that is known.
	l.reads.Lock()
	defer l.reads.Unlock()
	l.known.Store(&known{networks: networks, epoch: epoch, readAt: l.cfg.Clock()})
	return nil
}

func check(networks []netip.Prefix) error {
	if len(networks) > MaxNetworks {
		return store.Invalid("allow", "too_many", fmt.Sprintf("There must be at most %d networks.", MaxNetworks))
	}
	for i, n := range networks {
		if !n.IsValid() || n != n.Masked() || n.Addr().Is4In6() {
			return store.Invalid(fmt.Sprintf("allow[%d]", i), "format", "It must be a network without host bits, such as 10.0.0.0/8.")
		}
	}
	return nil
}
