package tasks

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// How long rows stay after they stopped counting, and how many go in one
// transaction: few enough that no request waits long for the write lock.
const (
	sessionsKeptFor = 24 * time.Hour
	devicesKeptFor  = 30 * 24 * time.Hour
	leasesKeptFor   = 24 * time.Hour
	chunk           = 500
)

// Builtin are the tasks every host wants: they delete what expired.
func Builtin(s store.Store, clock func() time.Time) []Task {
	return []Task{
		{Name: "sessions.purge", Every: 10 * time.Minute, Run: func(ctx context.Context) error {
			return inChunks(ctx, clock().Add(-sessionsKeptFor), s.SessionPurge)
		}},
		{Name: "sign_ins.purge", Every: 10 * time.Minute, Run: func(ctx context.Context) error {
			if err := inChunks(ctx, clock(), s.SignInPurge); err != nil {
				return err
			}
			return inChunks(ctx, clock().Add(-devicesKeptFor), s.KnownDevicePurge)
		}},
		{Name: "leases.purge", Every: 10 * time.Minute, Run: func(ctx context.Context) error {
			return inChunks(ctx, clock().Add(-leasesKeptFor), s.MeterPurge)
		}},
		{Name: "feed.purge", Every: 10 * time.Minute, Run: func(ctx context.Context) error {
			return inChunks(ctx, clock().Add(-change.Retention), s.FeedPurge)
		}},
	}
}

// inChunks deletes until a chunk comes back short.
func inChunks(ctx context.Context, before time.Time, purge func(context.Context, time.Time, int) (int, error)) error {
	for {
		n, err := purge(ctx, before, chunk)
		if err != nil || n < chunk {
			return err
		}
	}
}
