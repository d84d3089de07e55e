package messagelog

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

var errFull = errors.New("messagelog: the queue is full")

// Enqueue takes a message to be stored soon, and returns at once. The messages
// of one conversation are stored in the order in which they were taken. Request,
// Response and Metadata must not be changed afterwards.
//
// What was taken is in memory until it is stored, after Config.BatchInterval at
// the latest while the database keeps up: Close stores it, but a process that is
// killed loses it, at most Config.Window messages. The next Log on that store
// reports how many that may have been.
//
// Where there is no room, because the database does not keep up or the window is
// being opened after a pause, Enqueue waits in line up to Config.MaxWait and no
// longer than ctx; then it answers ErrUnavailable, or the context's error, and
// the message was not taken. After Close it is ErrClosed.
//
// Only the message's size and its UserID are checked at once. A message that
// turns out not to be well-formed later, or has the id of another user's
// message, is logged, counted as Dropped and not stored: what comes from outside
// goes through Prepare first.
func (l *Log) Enqueue(ctx context.Context, m store.Message) error {
	if m.UserID == "" || len(m.Request)+len(m.Response)+len(m.Metadata) > MaxSize {
		return normalize(&m)
	}
	if m.Plan == "" {
		m.Plan = planOfCaller(ctx, m.UserID)
	}
	if m.CreatedAt.IsZero() {
		m.CreatedAt = l.cfg.Clock()
	}
	set := [1]store.Message{m}
	if taken, err := l.queue.put(set[:]); taken || err != nil {
		return err
	}
	return l.enqueueLater(ctx, []store.Message{m})
}

// enqueueLater waits for room.
func (l *Log) enqueueLater(ctx context.Context, set []store.Message) error {
	patience := time.NewTimer(l.cfg.MaxWait)
	defer patience.Stop()
	w := l.queue.wait(set)
	var err error
	select {
	case <-w.ended:
		return w.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = store.Unavailable(errFull)
	}
	if !l.queue.withdraw(w) {
		return w.err
	}
	l.flusher.refused.Add(int64(len(set)))
	return err
}

// Flush stores at once what was taken, and returns when that is done or ctx
// ends. It does not wait for what is taken meanwhile.
func (l *Log) Flush(ctx context.Context) error {
	for mark := l.queue.mark(); ; {
		progress := l.queue.progress(mark)
		if progress == nil {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Stats are what becomes of messages that were given to Enqueue.
type Stats struct {
	Waiting int   // taken and not stored yet
	Bytes   int   // of memory that those take
	Window  int   // the most that may wait now, and that a kill may lose; zero after a pause
	Stored  int64 // since New
	Refused int64 // not taken for want of room
	Dropped int64 // taken, and not stored because they cannot be

	// Failures counts the transactions that failed and were tried again.
	Failures int64
	// Failing is why the last transaction failed; nil when it did not.
	Failing error
	// Lost is how many messages at most other Logs on this store took and did
	// not store, because their processes were killed. Each is reported once.
	Lost int64
}

// Stats returns the state of the queue.
func (l *Log) Stats() Stats {
	s, f := l.queue.state(), l.flusher
	return Stats{
		Waiting: s.rows, Bytes: s.bytes, Window: s.window,
		Stored: f.stored.Load(), Refused: f.refused.Load(), Dropped: f.dropped.Load(),
		Failures: f.failures.Load(), Failing: f.failing(), Lost: f.lost.Load(),
	}
}

// Check is nil while what Enqueue takes is being stored, for a health check.
func (l *Log) Check(context.Context) error { return l.flusher.failing() }
