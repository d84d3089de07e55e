package messagelog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	// What one transaction takes at most, so that others get their turn.
	transactionRows  = 5000
	transactionBytes = 8 << 20

	flushTimeout = 10 * time.Second // of one transaction

	firstPause = 50 * time.Millisecond // before a failed transaction is tried again
	longPause  = 5 * time.Second

	// patientTries is how often a batch that fails for no known reason is tried
	// before it is halved, or, when it is one message, dropped.
	patientTries = 3
)

// flusher stores what the queue holds. It is one goroutine, so that messages of
// one conversation stay in order.
type flusher struct {
	log    *Log
	window window
	life   context.Context // ends when Close gives up
	end    context.CancelFunc
	ended  chan struct{}
	close  func() error // once

	spare    []store.Message // to be filled by the queue
	unstored int             // given up by Close

	stored, refused, dropped, failures, lost atomic.Int64

	mu  sync.Mutex
	err error // why the last transaction failed
}

func startFlusher(l *Log) *flusher {
	f := &flusher{log: l, ended: make(chan struct{})}
	f.life, f.end = context.WithCancel(context.Background())
	f.close = sync.OnceValue(f.shut)
	f.window = newWindow(f)
	go f.run()
	return f
}

func (f *flusher) shut() error {
	f.log.queue.close()
	f.waitPatiently()
	f.end()
	if f.unstored > 0 {
		return fmt.Errorf("messagelog: %d messages could not be stored before the end: %w", f.unstored, f.failing())
	}
	return nil
}

// waitPatiently waits for the end, and brings it about when nothing was stored
// for too long.
func (f *flusher) waitPatiently() {
	patience := time.NewTimer(f.log.cfg.ClosePatience)
	defer patience.Stop()
	look := time.NewTicker(max(f.log.cfg.ClosePatience/50, time.Millisecond))
	defer look.Stop()
	for before := f.stored.Load(); ; {
		select {
		case <-f.ended:
			return
		case <-patience.C:
			f.end()
		case <-look.C:
			if now := f.stored.Load(); now != before {
				before = now
				patience.Reset(f.log.cfg.ClosePatience)
			}
		}
	}
}

func (f *flusher) run() {
	defer close(f.ended)
	f.window.lookForLost()
	for last := false; !last; {
		last = f.await()
		f.window.lookAgain()
		f.window.keep()
		items := f.log.queue.take(f.spare)
		f.flush(items)
		f.spare = reusable(items)
	}
	if f.unstored == 0 {
		f.window.shut()
	}
}

// reusable empties a buffer, unless a burst has made it large.
func reusable(items []store.Message) []store.Message {
	if cap(items) > 4*transactionRows {
		return nil
	}
	clear(items)
	return items
}

// await returns when something is to be stored, or the window needs care, and
// reports whether the queue was closed. The time of a batch counts from its
// first message and is not prolonged by others.
func (f *flusher) await() (closed bool) {
	q := f.log.queue
	select {
	case <-q.begun:
	case <-q.closing:
		return true
	case <-f.window.tick():
		f.window.tidy()
		return false
	}
	due := time.NewTimer(f.log.cfg.BatchInterval)
	defer due.Stop()
	select {
	case <-due.C:
	case <-q.urgent:
	case <-q.closing:
		return true
	}
	return false
}

// flush stores messages in transactions of a bounded size. They leave the queue
// when they are stored, not before.
func (f *flusher) flush(items []store.Message) {
	for len(items) > 0 {
		n, bytes := 0, 0
		for n < min(len(items), transactionRows) && (n == 0 || bytes < transactionBytes) {
			bytes += sizeOf(&items[n])
			n++
		}
		f.store(f.complete(items[:n]))
		f.window.keep()
		f.log.queue.done(items[:n])
		items = items[n:]
	}
}

// complete makes messages ready, and drops those that are not well-formed.
func (f *flusher) complete(items []store.Message) []store.Message {
	ready := make([]store.Message, 0, len(items))
	for _, m := range items {
		if err := complete(&m); err != nil {
			f.drop(m, err)
			continue
		}
		ready = append(ready, m)
	}
	return ready
}

// store stores messages, trying for as long as the store fails. Where messages
// may be at fault themselves it halves them until those are alone.
func (f *flusher) store(batch []store.Message) {
	for try := 1; len(batch) > 0; try++ {
		err := f.once(batch)
		f.note(err)
		switch atFault := itsOwn(err) || !ofTheDatabase(err) && try >= patientTries; {
		case err == nil:
			f.stored.Add(int64(len(batch)))
			return
		case atFault && len(batch) > 1:
			f.store(batch[:len(batch)/2])
			f.store(batch[len(batch)/2:])
			return
		case atFault:
			f.drop(batch[0], err)
			return
		}
		if !f.pause(try) {
			f.unstored += len(batch)
			return
		}
	}
}

// itsOwn reports whether an error says that a message cannot be stored.
func itsOwn(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrValidation)
}

// once runs one transaction. A panic becomes an error.
func (f *flusher) once(batch []store.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("messagelog: storing panicked: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(f.life, flushTimeout)
	defer cancel()
	sealed := make([]store.Message, len(batch))
	for i, m := range batch {
		if m.Plan, err = f.log.plans.get(ctx, m); err != nil {
			return err
		}
		if sealed[i], err = f.log.seal(m); err != nil {
			return err
		}
	}
	_, err = f.log.cfg.Store.MessageAppend(ctx, sealed)
	return err
}

// note remembers how the last transaction ended, and logs when that changes.
func (f *flusher) note(err error) {
	f.mu.Lock()
	before := f.err
	f.err = err
	f.mu.Unlock()
	if err == nil {
		if before != nil {
			f.log.cfg.Logger.Info("messages are being stored again")
		}
		return
	}
	f.failures.Add(1)
	if before == nil {
		f.log.cfg.Logger.Error("messages could not be stored and are kept", "error", err)
	}
}

func (f *flusher) failing() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *flusher) drop(m store.Message, err error) {
	f.dropped.Add(1)
	f.log.cfg.Logger.LogAttrs(context.Background(), slog.LevelError, "a message was dropped, since it cannot be stored",
		slog.String("message", m.ID), slog.String("user", m.UserID), slog.Any("error", err))
}

// pause waits longer from try to try, and reports whether there is to be
// another: there is, unless Close has lost its patience.
func (f *flusher) pause(try int) bool {
	wait := min(firstPause<<min(try-1, 10), longPause)
	closing := f.log.queue.closing
	select {
	case <-closing: // it began before: hurry, but do not spin
		wait, closing = firstPause, nil
	default:
	}
	select {
	case <-time.After(wait):
	case <-closing:
	case <-f.life.Done():
	}
	return f.life.Err() == nil
}
