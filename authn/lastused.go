package authn

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

const (
	keyUsesEvery   = time.Minute
	keyUsesTimeout = 5 * time.Second
	maxKeyUses     = 100_000
	keyUsesChunk   = 500 // what one transaction writes: others wait for the writer
)

// KeyUsesConfig is what KeyUses need. Store is required.
type KeyUsesConfig struct {
	Store  store.Store
	Logger *slog.Logger // nil discards
}

// KeyUses notes when keys were last used and writes it down once a minute, so
// that requests write nothing. It keeps at most 100,000 keys between two
// writes and forgets the uses of others until then. Methods are safe for
// concurrent use.
type KeyUses struct {
	store  store.Store
	logger *slog.Logger

	mu      sync.Mutex
	pending map[string]time.Time

	failing  bool       // the loop's own: one log line an outage
	flushing sync.Mutex // one write at a time, so that none overtakes another
	closing  sync.Once
	cancel   context.CancelFunc
	finished sync.WaitGroup
}

// NewKeyUses starts the writer; Close ends it.
func NewKeyUses(cfg KeyUsesConfig) *KeyUses {
	ctx, cancel := context.WithCancel(context.Background())
	u := &KeyUses{
		store:   cfg.Store,
		logger:  cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		pending: make(map[string]time.Time),
		cancel:  cancel,
	}
	u.finished.Go(func() { u.run(ctx) })
	return u
}

// Note remembers that a key was used. It never blocks for long.
func (u *KeyUses) Note(keyID string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	last, known := u.pending[keyID]
	if at.After(last) && (known || len(u.pending) < maxKeyUses) {
		u.pending[keyID] = at
	}
}

// Flush writes what was noted before, in transactions of a few hundred keys so
// that none holds the writer for long. What cannot be written is kept.
func (u *KeyUses) Flush(ctx context.Context) error {
	u.flushing.Lock()
	defer u.flushing.Unlock()
	u.mu.Lock()
	taken := u.pending
	u.pending = make(map[string]time.Time)
	u.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	uses := make([]store.KeyUse, 0, len(taken))
	for id, at := range taken {
		uses = append(uses, store.KeyUse{ID: id, At: at})
	}
	// In the order of ids, so that two instances never wait for each other.
	slices.SortFunc(uses, func(a, b store.KeyUse) int { return strings.Compare(a.ID, b.ID) })
	// Those of services, svc_, stand behind those of users, key_.
	services := slices.IndexFunc(uses, func(use store.KeyUse) bool { return strings.HasPrefix(use.ID, ids.ServiceKey) })
	if services < 0 {
		services = len(uses)
	}
	return errors.Join(u.write(ctx, uses[:services], u.store.APIKeyUsed), u.write(ctx, uses[services:], u.store.ServiceKeyUsed))
}

// write writes uses in chunks, and keeps what cannot be written.
func (u *KeyUses) write(ctx context.Context, uses []store.KeyUse, used func(context.Context, []store.KeyUse) error) error {
	for chunk := range slices.Chunk(uses, keyUsesChunk) {
		if err := used(ctx, chunk); err != nil {
			u.keep(uses)
			return err
		}
		uses = uses[len(chunk):]
	}
	return nil
}

// keep notes again what was not written.
func (u *KeyUses) keep(uses []store.KeyUse) {
	for _, use := range uses {
		u.Note(use.ID, use.At)
	}
}

// Close writes what is left and ends the writer. A second call does nothing.
func (u *KeyUses) Close() error {
	var err error
	u.closing.Do(func() {
		u.cancel()
		u.finished.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), keyUsesTimeout)
		defer cancel()
		err = u.Flush(ctx)
	})
	return err
}

func (u *KeyUses) run(ctx context.Context) {
	tick := time.NewTicker(keyUsesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			u.flushOnce(ctx)
		}
	}
}

func (u *KeyUses) flushOnce(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, keyUsesTimeout)
	defer cancel()
	err := u.Flush(bounded)
	if err != nil && ctx.Err() == nil && !u.failing {
		u.logger.Warn("when keys were last used cannot be written; it is kept and tried again", "error", err)
	}
	u.failing = err != nil
}
