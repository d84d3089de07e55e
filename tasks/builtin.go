package tasks

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// How long rows stay after they stopped counting, and how many go in one
// transaction: few enough that no request waits long for the write lock.
const (
	sessionsKeptFor = 24 * time.Hour
	devicesKeptFor  = 30 * 24 * time.Hour
	leasesKeptFor   = metering.RefundPeriod + 24*time.Hour // so that a refund that is too late is told so, also by a clock that is behind
	suspendedFor    = 24 * time.Hour                       // so that a clock that is ahead ends no suspension for good
	runsKeptFor     = mostPause + 24*time.Hour
	chunk           = 500
)

// Builtins are the rooms that the built-in tasks keep in order. Store, Door,
// Clock and Logger are required. What is nil or zero otherwise has no task.
type Builtins struct {
	Store  store.Store
	Door   *change.Door // records backups
	Clock  func() time.Time
	Logger *slog.Logger

	UsageRetention time.Duration // how long counters stay after their window began

	GrantCredits   func(ctx context.Context) error // the grants of plans that are due
	ExpireCredits  func(ctx context.Context) error // writes down what has expired
	RetainMessages func(ctx context.Context) error // deletes what is kept no longer
	PurgeDeleted   func(ctx context.Context) error // purges the deleted users whose time has come
	AnchorAudit    func(ctx context.Context) error // says outside of the database how far the trail has come
	RetainAudit    func(ctx context.Context) error // deletes what of the trail is kept no longer

	BackupDir   string // made when it is not there
	BackupEvery time.Duration
	BackupKeep  int

	MemoryLimit uint64                          // in bytes
	Flush       func(ctx context.Context) error // writes what waits in memory
	Shrink      func(now time.Time) int         // gives up what caches need no longer, and returns how much
}

// Tasks returns the tasks every host wants.
func (b Builtins) Tasks() []Task {
	all := []Task{
		b.purge("sessions.purge", sessionsKeptFor, b.Store.SessionPurge),
		b.purge("sign_ins.purge", 0, b.Store.SignInPurge),
		b.purge("known_devices.purge", devicesKeptFor, b.Store.KnownDevicePurge),
		b.purge("suspensions.end", suspendedFor, b.Store.SuspensionEnd),
		b.purge("leases.purge", leasesKeptFor, b.Store.MeterPurge),
		b.purge("feed.purge", change.Retention, b.Store.FeedPurge),
		b.purge("idempotency.purge", 0, b.Store.IdempotencyPurge),
		b.purge("task_runs.purge", runsKeptFor, b.Store.TaskPurge),
	}
	if b.UsageRetention > 0 {
		all = append(all, b.purge("usage.purge", b.UsageRetention, b.Store.UsagePurge))
	}
	for _, t := range []Task{
		{Name: "credits.grant", Every: 10 * time.Minute, Run: b.GrantCredits},
		{Name: "credits.expire", Every: 10 * time.Minute, Run: b.ExpireCredits},
		{Name: "messages.retain", Every: time.Hour, Run: b.RetainMessages},
		{Name: "deleted_users.purge", Every: time.Hour, Run: b.PurgeDeleted},
		{Name: "audit.anchor", Every: time.Hour, Run: b.AnchorAudit},
		{Name: "audit.retain", Every: time.Hour, Run: b.RetainAudit},
	} {
		if t.Run != nil {
			t.Shared = true
			all = append(all, t)
		}
	}
	if u, ok := b.Store.(store.Upkeeper); ok {
		all = append(all, b.upkeep(u))
	}
	if u, ok := b.Store.(store.Backuper); ok && b.BackupDir != "" {
		all = append(all, b.backup(u))
	}
	if b.MemoryLimit > 0 {
		all = append(all, b.watchMemory())
	}
	return all
}

// purge deletes, or writes down, what ended so long ago, until a chunk comes back short. A
// store that cannot has none.
func (b Builtins) purge(name string, keptFor time.Duration, rows func(context.Context, time.Time, int) (int, error)) Task {
	return Task{Name: name, Every: 10 * time.Minute, Shared: true, Run: func(ctx context.Context) error {
		before := b.Clock().Add(-keptFor)
		for {
			n, err := rows(ctx, before, chunk)
			if errors.Is(err, store.ErrUnsupported) {
				return nil
			}
			if err != nil || n < chunk {
				return err
			}
		}
	}}
}

// upkeep lets the database take care of itself, and reports its size.
func (b Builtins) upkeep(u store.Upkeeper) Task {
	return Task{Name: "database.upkeep", Every: time.Hour, Shared: true, Run: func(ctx context.Context) error {
		f, err := u.Upkeep(ctx)
		if err != nil {
			return err
		}
		b.Logger.InfoContext(ctx, "the database was taken care of", "bytes", f.Size, "free_bytes", f.Free, "log_bytes", f.Log)
		return nil
	}}
}
