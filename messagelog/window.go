package messagelog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

const (
	windowLease  = 15 * time.Second
	windowUpkeep = 5 * time.Second // how often the lease is renewed, and how long an idle window stays
)

// window is what is written down about the queue before it is so: how many
// messages may be in memory alone. It is a row in the store with a lease, which
// is there while messages come and gone after a pause or a Close. A row whose
// lease has ended was left by a process that was killed: no more messages than
// it says are missing.
//
// It is opened ahead of the messages, so the bound holds at every moment; that
// costs a transaction after a pause.
type window struct {
	f        *flusher
	id       string
	renewed  time.Time // when the row was last written; zero when there is none
	nextLook time.Time // when to look for what others left; zero when not
}

func newWindow(f *flusher) window {
	return window{f: f, id: ids.New("log_")}
}

// keep opens the window for those who wait, and renews its lease.
func (w *window) keep() {
	s := w.f.log.queue.state()
	now := w.f.log.cfg.Clock()
	if s.window == 0 && !s.waiting || s.window > 0 && now.Sub(w.renewed) < windowUpkeep {
		return
	}
	rows := w.f.log.cfg.Window
	if w.put(rows, now) {
		w.renewed = now
		w.f.log.queue.widen(rows)
		return
	}
	w.f.pause(1)
	w.f.log.queue.hurry() // and try again
}

func (w *window) put(rows int, now time.Time) bool {
	ctx, cancel := context.WithTimeout(w.f.life, flushTimeout)
	defer cancel()
	err := w.f.log.cfg.Store.MessageWindowPut(ctx, store.MessageWindow{ID: w.id, Rows: rows, Until: now.Add(windowLease)})
	if err == nil || errors.Is(err, store.ErrUnsupported) { // a store without windows reports nothing
		return true
	}
	w.f.note(err)
	return false
}

// tick wakes the flusher while there is a window to renew or to close, or
// something to look for.
func (w *window) tick() <-chan time.Time {
	if w.renewed.IsZero() && w.nextLook.IsZero() {
		return nil
	}
	return time.After(windowUpkeep)
}

// lookAgain looks for what others left when it is time.
func (w *window) lookAgain() {
	if !w.nextLook.IsZero() && !w.f.log.cfg.Clock().Before(w.nextLook) {
		w.look()
	}
}

// tidy closes the window of a queue that was empty for a while.
func (w *window) tidy() {
	if !w.renewed.IsZero() && w.f.log.queue.narrow() {
		w.shut()
	}
}

// shut deletes the row.
func (w *window) shut() {
	if !w.renewed.IsZero() && w.put(0, w.f.log.cfg.Clock()) {
		w.renewed = time.Time{}
	}
}

// lookForLost looks at once, and again when the lease of a process that was
// killed just before must have ended.
func (w *window) lookForLost() {
	w.look()
	w.nextLook = w.f.log.cfg.Clock().Add(windowLease)
}

// look takes the windows that others left, and reports them.
func (w *window) look() {
	ctx, cancel := context.WithTimeout(w.f.life, flushTimeout)
	defer cancel()
	left, err := w.f.log.cfg.Store.MessageWindowTake(ctx, w.f.log.cfg.Clock())
	if err != nil && !errors.Is(err, store.ErrUnsupported) {
		w.f.log.cfg.Logger.WarnContext(ctx, "what a killed process may have lost of the message log is not known", "error", err)
		w.nextLook = w.f.log.cfg.Clock().Add(windowLease)
		return
	}
	w.nextLook = time.Time{}
	for _, l := range left {
		w.f.lost.Add(int64(l.Rows))
		w.f.log.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "a process was killed before it had stored the messages it had taken",
			slog.Int("messages_at_most", l.Rows))
	}
}
