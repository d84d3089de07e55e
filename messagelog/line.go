package messagelog

import (
	"slices"

	"github.com/usermgmt/usermgmt/store"
)

// waiting is a set of messages in the queue's line: there is no room for it yet.
type waiting struct {
	set   []store.Message
	bytes int
	ended chan struct{} // closed when it was taken, or never will be
	err   error         // nil when it was taken
}

func (w *waiting) end(err error) {
	w.err = err
	close(w.ended)
}

// wait gives a set a place in the line.
func (q *queue) wait(set []store.Message) *waiting {
	w := &waiting{set: set, bytes: sizeOfAll(set), ended: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		w.end(store.ErrClosed)
		return w
	}
	q.line = append(q.line, w)
	q.admit()
	return w
}

// admit takes those in line, the first first, as far as there is room, and has
// room made for the others. A set that has to wait lets none behind it pass.
func (q *queue) admit() {
	for len(q.line) > 0 && q.fits(len(q.line[0].set), q.line[0].bytes) {
		q.add(q.line[0].set, q.line[0].bytes)
		q.line[0].end(nil)
		q.line = slices.Delete(q.line, 0, 1)
	}
	if len(q.line) > 0 {
		q.hurry()
	}
}

// withdraw takes a set out of the line and reports whether it was still there.
func (q *queue) withdraw(w *waiting) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.line, w)
	if i < 0 {
		return false
	}
	q.line = slices.Delete(q.line, i, i+1)
	q.admit()
	return true
}
