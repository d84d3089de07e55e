package sqlite

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/internal/sqlstore"
)

// Store is a store.Store in two SQLite files. It is safe for concurrent use, by
// any number of goroutines and by several processes on one machine.
type Store struct {
	*database
	messages *database
}

// database is one file, with its readers and its writer.
type database struct {
	*sqlstore.Queries

	file   string // its absolute path
	calls  gate
	reads  *readPool
	writes *writer
	close  func() error // once
}

var _ store.Store = (*Store)(nil)

// InTx runs fn in one transaction, of which there is one at a time. It waits
// for its turn until ctx ends; while another process writes, for at most
// Options.BusyTimeout. A fault of the database in fn rolls back and is
// returned even when fn returns nil. A call to the Store itself that writes,
// from inside fn, waits for its own transaction: fn uses what it is given.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context, q store.Queries) error) error {
	if err := s.calls.enter(); err != nil {
		return err
	}
	defer s.calls.leave()
	return interpret(ctx, s.writes.transact(ctx, func(t *tx) error {
		return fn(ctx, sqlstore.New(t, sqlstore.Locks{}))
	}))
}

// Ping answers nil when both files can be read.
func (s *Store) Ping(ctx context.Context) error {
	return cmp.Or(s.database.ping(ctx), s.messages.ping(ctx))
}

func (d *database) ping(ctx context.Context) error {
	return runner{d}.Read(ctx, func(r sqlstore.Reader) error {
		rows, err := r.QueryContext(ctx, "SELECT 1 FROM schema_migrations LIMIT 1")
		if err != nil {
			return err
		}
		rows.Next()
		return errors.Join(rows.Err(), rows.Close())
	})
}

// Close waits for running calls, writes what is in the logs into the files and
// closes them. Twice is once.
func (s *Store) Close() error { return errors.Join(s.database.close(), s.messages.close()) }

func (d *database) shut() error {
	d.calls.shut()
	err := d.reads.close()
	return errors.Join(err, d.writes.close())
}

// runner runs the methods of a database: reads from the pool, each write in a
// transaction of its own.
type runner struct{ *database }

// Read runs fn on the pool.
func (r runner) Read(ctx context.Context, fn func(sqlstore.Reader) error) error {
	if err := r.calls.enter(); err != nil {
		return err
	}
	defer r.calls.leave()
	return interpret(ctx, fn(r.reads))
}

// Write runs fn in a transaction.
func (r runner) Write(ctx context.Context, fn func(sqlstore.Conn) error) error {
	if err := r.calls.enter(); err != nil {
		return err
	}
	defer r.calls.leave()
	return interpret(ctx, r.writes.transact(ctx, func(t *tx) error { return fn(t) }))
}

// gate counts the calls that run, so that Close can wait for them.
type gate struct {
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return store.ErrClosed
	}
	g.calls.Add(1)
	return nil
}

func (g *gate) leave() { g.calls.Done() }

// shut lets nobody in any more and waits for those who are.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.calls.Wait()
}
