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

// queue is the messages that were taken and are not stored yet. Those that are
// being stored count until they are.
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
	room   chan struct{}   // closed when there may be room; nil when nobody waits
	closed bool
}

func newQueue(cfg Config) *queue {
	return &queue{
		batch: cfg.BatchSize, memory: cfg.MemoryLimit,
		begun: make(chan struct{}, 1), urgent: make(chan struct{}, 1), closing: make(chan struct{}),
	}
}

// put adds a message. Where there is no room it returns a channel that is
// closed when there may be; one message has room in any empty queue.
func (q *queue) put(m *store.Message) (full <-chan struct{}, err error) {
	size := sizeOf(m)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, store.ErrClosed
	}
	if q.rows >= q.window || q.rows > 0 && q.bytes+size > q.memory {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		q.hurry()
		return q.room, nil
	}
	q.items = append(q.items, *m)
	q.rows++
	q.bytes += size
	if len(q.items) == 1 {
		token(q.begun)
	}
	if len(q.items) == q.batch || q.bytes > q.memory/4 && q.bytes-size <= q.memory/4 {
		token(q.urgent)
	}
	return nil, nil
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
	bytes := 0
	for i := range rows {
		bytes += sizeOf(&rows[i])
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rows -= len(rows)
	q.bytes -= bytes
	q.makeRoom()
}

// progress returns a channel that is closed when some messages were stored, or
// nil when there are none.
func (q *queue) progress() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rows == 0 {
		return nil
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	q.hurry()
	return q.room
}

// widen sets how many rows there may be.
func (q *queue) widen(window int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.window = window
	q.makeRoom()
}

// narrow sets the window to nothing if the queue is empty, and reports whether
// it was.
func (q *queue) narrow() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rows > 0 || q.room != nil {
		return false
	}
	q.window = 0
	return true
}

func (q *queue) makeRoom() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// close lets nothing in any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.closing)
		q.makeRoom()
	}
}

// state is how full the queue is.
type state struct {
	rows, bytes, window int
	waiting             bool // somebody waits for room
}

func (q *queue) state() state {
	q.mu.Lock()
	defer q.mu.Unlock()
	return state{q.rows, q.bytes, q.window, q.room != nil}
}
