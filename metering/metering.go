// Package metering decides whether a user may use one more unit of something,
// and counts it: exactly, over any number of goroutines and instances, because
// each decision is taken inside a transaction. Concurrent requests share
// transactions.
//
// Units are counted at once (Consume), or first held under a lease (Reserve) and
// then settled with the actual amount (Settle) or returned (Release). A lease that is never ended returns its
// units by itself at its deadline. Windows are found by their date in the
// account's time zone, so nothing has to run for a new day to begin.
//
// Credits are a meter too: what is held of it is held back from the balance, and
// what is used is spent from the grants, with an entry in the ledger for each.
package metering

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/groupcommit"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
)

// Config is what a Service needs. Store, Door, Versions and DefaultPlan are
// required.
type Config struct {
	Store    store.Store
	Door     *change.Door
	Versions *version.Table

	// Clock tells the time of every decision; nil means time.Now.
	Clock func() time.Time

	// Logger is told of what is odd but no reason to refuse; nil discards.
	Logger *slog.Logger

	// Meters are what is counted beside Conversations.
	Meters []Meter

	// DefaultPlan is kept in the store by EnsureDefaultPlan. Its times and
	// FromConfig are ignored; an empty OnInterrupt means store.ChargeDelivered.
	DefaultPlan store.Plan

	// MaxBatch is the most requests that share a transaction. Zero means 256.
	MaxBatch int
}

// Service meters users. Make one with New and end it with Close. Its methods
// are safe for concurrent use.
type Service struct {
	cfg       Config
	meters    []string
	locations locations
	plans     *lru.Cache[string, cachedPlan]
	granted   *lru.Cache[string, string] // by user, the key of the last grant of a plan

	reserves *groupcommit.Committer[store.Reserve, store.ReserveResult]
	settles  *groupcommit.Committer[store.Settle, store.Reservation]
	adds     *groupcommit.Committer[store.UsageAdd, struct{}]

	unwritten *unwritten
}

// New makes a Service and starts what commits for it. It reports every fault of
// the configuration at once, by field.
func New(cfg Config) (*Service, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.DefaultPlan.OnInterrupt == "" {
		cfg.DefaultPlan.OnInterrupt = store.ChargeDelivered
	}
	meters, err := meterNames(cfg.Meters)
	if err := errors.Join(err, checkDefaultPlan(cfg.DefaultPlan, append(slices.Clip(meters), Credits))); err != nil {
		return nil, err
	}
	plans, err := lru.New[string, cachedPlan](planCacheSize)
	if err != nil {
		return nil, err
	}
	granted, err := lru.New[string, string](grantedCacheSize)
	if err != nil {
		return nil, err
	}
	opts := groupcommit.Options{MaxBatch: cfg.MaxBatch, Closed: store.ErrClosed, Shared: concernsAll}
	s := &Service{
		cfg:       cfg,
		meters:    meters,
		locations: locations{logger: cfg.Logger},
		plans:     plans,
		granted:   granted,
		reserves:  groupcommit.New(opts, cfg.Store.MeterReserve),
		settles:   groupcommit.New(opts, cfg.Store.MeterSettle),
		adds: groupcommit.New(opts, func(ctx context.Context, batch []store.UsageAdd) ([]struct{}, error) {
			return make([]struct{}, len(batch)), cfg.Store.MeterAdd(ctx, batch)
		}),
	}
	s.unwritten = newUnwritten(func(ctx context.Context, ending store.Settle) error {
		_, err := s.write(ctx, ending)
		return err
	}, cfg.Logger)
	return s, nil
}

// Close refuses new work and waits for what was accepted. Its error says what
// could not be stored. Twice is once.
func (s *Service) Close() error {
	err := s.unwritten.close()
	return errors.Join(err, s.reserves.Close(), s.settles.Close(), s.adds.Close())
}

// now is the time of a decision, as exact as the store keeps it.
func (s *Service) now() time.Time { return s.cfg.Clock().UTC().Truncate(time.Microsecond) }

// concernsAll reports whether an error of a batch is no single member's fault.
func concernsAll(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed)
}

// verdict makes an error of a shared transaction one of its member's: a
// deadline that was not its own means that the database did not answer in time.
func verdict(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return store.Unavailable(err)
	}
	return err
}
