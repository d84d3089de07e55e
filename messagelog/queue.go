package messagelog

import (
	"sync"

	"github.com/usermgmt/usermgmt/store"
)

// overhead is what a message takes beside its text, generously.
const overhead = 512

// sizeOf is how many bytes of memory a message is counted as.
func sizeOf(m *store.Message) int {
	return overhead + len(m.Request) + len(m.Response) + len(m.Metadata)
}

func sizeOfAll(set []store.Message) (bytes int) {
	for i := range set {
		bytes += sizeOf(&set[i])
	}
	return bytes
}

// queue is the messages that were taken and are not stored yet. Those that are
// being stored count until they are. Messages come in sets, each of which is
// taken whole; where there is no room, sets wait in a line.
type queue struct {
	batch  int // so many are stored at once
	memory int // the most bytes

	begun   chan struct{} // a token when the first message comes
	urgent  chan struct{} // a token when it is time before the time
	closing chan struct{} // closed by close

	mu     sync.Mutex
	items  []store.Message // not yet taken by the flusher
	rows   int             // of items, and those being stored
	bytes  int             // likewise
	window int             // the most rows: as many as may be lost by a kill
	line   []*waiting      // the first is let in first
	taken  int64           // rows, since the beginning
	gone   int64           // of these, in the same order: stored or dropped
	moved  chan struct{}   // closed when more are gone; nil when nobody looks
	closed bool
}

func newQueue(cfg Config) *queue {
	return &queue{
		batch: min(cfg.BatchSize, cfg.Window), memory: cfg.MemoryLimit,
		begun: make(chan struct{}, 1), urgent: make(chan struct{}, 1), closing: make(chan struct{}),
	}
}

// put takes a set if there is room and nobody waits for it. It keeps no
// reference to the slice.
func (q *queue) put(set []store.Message) (taken bool, err error) {
	bytes := sizeOfAll(set)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false, store.ErrClosed
	}
	if len(q.line) > 0 || !q.fits(len(set), bytes) {
		return false, nil
	}
	q.add(set, bytes)
	return true, nil
}

// fits reports whether there is room. By its bytes any set has room in an empty
// queue.
func (q *queue) fits(rows, bytes int) bool {
	return q.rows+rows <= q.window && (q.rows == 0 || q.bytes+bytes <= q.memory)
}

// add takes a set.
func (q *queue) add(set []store.Message, bytes int) {
	items, all := len(q.items), q.bytes
	q.items = append(q.items, set...)
	q.rows += len(set)
	q.taken += int64(len(set))
	q.bytes += bytes
	if items == 0 {
		token(q.begun)
	}
	if items < q.batch && len(q.items) >= q.batch || all <= q.memory/4 && q.bytes > q.memory/4 {
		token(q.urgent)
	}
}

// token fills a channel that holds one.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// hurry makes the flusher look at once.
func (q *queue) hurry() {
	token(q.begun)
	token(q.urgent)
}

// take takes all messages out and leaves the room of an earlier batch.
func (q *queue) take(spare []store.Message) []store.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = spare[:0]
	return items
}

// done forgets messages that were stored, or never will be.
func (q *queue) done(rows []store.Message) {
	bytes := sizeOfAll(rows)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rows -= len(rows)
	q.bytes -= bytes
	q.gone += int64(len(rows))
	q.admit()
	if q.moved != nil {
		close(q.moved)
		q.moved = nil
	}
}

// mark stands for all messages that were taken so far.
func (q *queue) mark() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken
}

// progress returns a channel that is closed when more messages were stored, or
// nil when all before the mark were.
func (q *queue) progress(mark int64) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone >= mark {
		return nil
	}
	if q.moved == nil {
		q.moved = make(chan struct{})
	}
	q.hurry()
	return q.moved
}

// widen sets how many rows there may be.
func (q *queue) widen(window int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.window = window
	q.admit()
}

// narrow sets the window to nothing if the queue is empty, and reports whether
// it was.
func (q *queue) narrow() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rows > 0 || len(q.line) > 0 {
		return false
	}
	q.window = 0
	return true
}

// close lets nothing in any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	close(q.closing)
	for _, w := range q.line {
		w.end(store.ErrClosed)
	}
	q.line = nil
}

// state is how full the queue is.
type state struct {
	rows, bytes, window int
	waiting             bool // somebody waits for room
}

func (q *queue) state() state {
	q.mu.Lock()
	defer q.mu.Unlock()
	return state{q.rows, q.bytes, q.window, len(q.line) > 0}
}
