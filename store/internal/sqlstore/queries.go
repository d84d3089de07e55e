package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/usermgmt/usermgmt/store"
)

// Reader runs single statements that only read.
type Reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Conn runs the statements of a transaction.
type Conn interface {
	Reader
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Bulk is a Conn that can run one statement many times at less cost a time. The
// arguments are int64, string or []byte, and are read before the next are asked
// for. It returns how many rows were changed in all.
type Bulk interface {
	ExecEach(ctx context.Context, query string, args iter.Seq[[]any]) (int64, error)
}

// Runner decides where the statements of a method run. The Runner of a store
// reads from a pool and writes in a transaction of its own; that of a
// transaction does both in the transaction. It turns errors of the database
// into those of package store, and leaves those that are already.
type Runner interface {
	Read(ctx context.Context, fn func(Reader) error) error
	Write(ctx context.Context, fn func(Conn) error) error
}

// Locks is how a database orders transactions that write at the same time. One
// that lets a single transaction write needs none: its Locks is zero.
type Locks struct {
	// Feed is called immediately before rows are added to the change feed, and
	// holds until the commit.
	Feed func(ctx context.Context, c Conn) error
	// Counters is called before counters are decided on, with each once and in
	// an order that is the same everywhere, and holds until the commit.
	Counters func(ctx context.Context, c Conn, counters []store.Counter) error
	// Conversations does the same before messages get their seq.
	Conversations func(ctx context.Context, c Conn, conversations []Conversation) error
	// Task is called before a run of a task is claimed, and holds until the
	// commit.
	Task func(ctx context.Context, c Conn, task string) error
}

// Queries implements store.Queries and store.MessageStore.
type Queries struct {
	run   Runner
	locks Locks
}

var (
	_ store.Queries      = (*Queries)(nil)
	_ store.MessageStore = (*Queries)(nil)
	_ store.Execer       = (*Queries)(nil)
)

// New makes Queries that run where run says.
func New(run Runner, locks Locks) *Queries { return &Queries{run: run, locks: locks} }

// scanner is a row under the cursor.
type scanner interface{ Scan(dest ...any) error }

// read runs fn outside of any transaction of its own.
// What fn returns with an error is dropped.
func read[T any](ctx context.Context, q *Queries, fn func(Reader) (T, error)) (T, error) {
	var out, none T
	err := q.run.Read(ctx, func(c Reader) (err error) {
		out, err = fn(c)
		return err
	})
	if err != nil {
		return none, err
	}
	return out, nil
}

// write runs fn in one transaction. What fn returns with an error is dropped.
func write[T any](ctx context.Context, q *Queries, fn func(Conn) (T, error)) (T, error) {
	var out, none T
	err := q.run.Write(ctx, func(c Conn) (err error) {
		out, err = fn(c)
		return err
	})
	if err != nil {
		return none, err
	}
	return out, nil
}

// get reads one row.
func get[T any](ctx context.Context, q *Queries, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	return read(ctx, q, func(c Reader) (T, error) { return one(ctx, c, scan, query, args...) })
}

// change writes with one statement and returns the number of rows.
func (q *Queries) change(ctx context.Context, query string, args ...any) (int64, error) {
	return write(ctx, q, func(c Conn) (int64, error) { return exec(ctx, c, query, args...) })
}

// Exec runs a statement of the host's own.
func (q *Queries) Exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	return q.change(ctx, query, args...)
}

// insert adds one row. The statement does nothing when the row exists, which is
// ErrConflict.
func (q *Queries) insert(ctx context.Context, query string, args ...any) error {
	return q.mustChange(ctx, store.ErrConflict, query, args...)
}

// update changes one row, and is ErrNotFound when there is none.
func (q *Queries) update(ctx context.Context, query string, args ...any) error {
	return q.mustChange(ctx, store.ErrNotFound, query, args...)
}

func (q *Queries) mustChange(ctx context.Context, otherwise error, query string, args ...any) error {
	n, err := q.change(ctx, query, args...)
	if err == nil && n == 0 {
		return otherwise
	}
	return err
}

// exec runs a statement that answers no rows, and returns how many it changed.
func exec(ctx context.Context, c Conn, query string, args ...any) (int64, error) {
	res, err := c.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// execEach runs a statement once for each of args, and returns how many rows
// were changed in all.
func execEach(ctx context.Context, c Conn, query string, args iter.Seq[[]any]) (changed int64, err error) {
	if b, ok := c.(Bulk); ok {
		return b.ExecEach(ctx, query, args)
	}
	for row := range args {
		n, err := exec(ctx, c, query, row...)
		if err != nil {
			return changed, err
		}
		changed += n
	}
	return changed, nil
}

// one reads the first row. None is ErrNotFound.
func one[T any](ctx context.Context, c Reader, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	var none T
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return none, err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return none, err
		}
		return none, store.ErrNotFound
	}
	out, err := scan(rows)
	if err != nil {
		return none, err
	}
	return out, rows.Close()
}

// all reads every row.
func all[T any](ctx context.Context, c Reader, scan func(scanner) (T, error), query string, args ...any) (out []T, err error) {
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, rows.Err()
}
