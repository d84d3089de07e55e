package change

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
)

const (
	// PollEvery is how often a follower asks for new rows when nobody wakes it.
	PollEvery = 250 * time.Millisecond

	// TrustFor is how long cached verdicts are believed after a poll that
	// succeeded. It bounds how late a revocation elsewhere can be.
	TrustFor = 5 * time.Second

	// Retention is how long rows must stay in the feed: a follower that slept
	// for less than half of it has missed none.
	Retention = time.Hour

	feedBatch = 1000
)

// Follower reads the change feed and ends the verdicts that other instances
// changed. Its methods are safe for concurrent use.
type Follower struct {
	feed     store.FeedStore
	wake     <-chan struct{} // nil for a store that cannot wake
	versions *version.Table
	origin   string
	clock    func() time.Time
	logger   *slog.Logger

	base     time.Time
	polled   atomic.Int64 // when the last good poll began, as nanoseconds since base
	last     int64        // id of the last row seen; the loop's own
	failing  bool         // the loop's own: one log line an outage
	cancel   context.CancelFunc
	finished sync.WaitGroup
}

// Follow starts a follower at the end of the feed; Close ends it. Verdicts must
// not be cached before Follow has returned.
func Follow(ctx context.Context, s store.Store, versions *version.Table, origin string, clock func() time.Time, logger *slog.Logger) (*Follower, error) {
	f := &Follower{feed: s, versions: versions, origin: origin, clock: clock, logger: logger, base: clock()}
	if w, ok := s.(store.Waker); ok {
		f.wake = w.Wake()
	}
	_, newest, err := s.FeedBounds(ctx)
	if err != nil {
		return nil, err
	}
	f.last = newest
	loop, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.finished.Go(func() { f.run(loop) })
	return f, nil
}

// Fresh reports whether cached verdicts can be trusted at now: the feed was
// read to its end less than TrustFor ago. A process that was paused finds its
// own clock reading too old and asks the database again. So does one whose
// clock, without a monotonic reading, was set back: it cannot tell how long ago
// it read.
func (f *Follower) Fresh(now time.Time) bool {
	age := now.Sub(f.base) - time.Duration(f.polled.Load())
	return age.Abs() < TrustFor
}

// Close ends the follower and waits for it.
func (f *Follower) Close() {
	f.cancel()
	f.finished.Wait()
}

func (f *Follower) run(ctx context.Context) {
	tick := time.NewTicker(PollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.wake:
		}
		f.pollOnce(ctx)
	}
}

func (f *Follower) pollOnce(ctx context.Context) {
	began := f.clock().Sub(f.base)
	step, cancel := context.WithTimeout(ctx, TrustFor)
	defer cancel()
	if err := f.poll(step, began); err != nil {
		if ctx.Err() == nil && !f.failing { // a feed that hangs fails too; one that is closed does not
			f.failing = true
			f.logger.Warn("the change feed cannot be read; cached credentials are checked in the database", "error", err)
		}
		return
	}
	if f.failing {
		f.failing = false
		f.logger.Info("the change feed can be read again")
	}
	f.polled.Store(int64(began))
}

// poll reads to the end of the feed.
func (f *Follower) poll(ctx context.Context, began time.Duration) error {
	if began-time.Duration(f.polled.Load()) > Retention/2 {
		if err := f.skipPurged(ctx); err != nil {
			return err
		}
	}
	for {
		rows, err := f.feed.FeedAfter(ctx, f.last, feedBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Origin != f.origin {
				bump(f.versions, row.Key)
			}
			f.last = row.ID
		}
		if len(rows) < feedBatch {
			return nil
		}
	}
}

// skipPurged ends every verdict when rows that were never seen are gone.
func (f *Follower) skipPurged(ctx context.Context) error {
	oldest, _, err := f.feed.FeedBounds(ctx)
	if err != nil {
		return err
	}
	if oldest > f.last+1 {
		f.versions.BumpAll()
		f.last = oldest - 1
	}
	return nil
}
