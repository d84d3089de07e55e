package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"

	"github.com/usermgmt/usermgmt/store/internal/sqlstore"
)

var errTxEnded = errors.New("sqlite: the transaction has ended")

// tx runs statements in the present transaction. The first fault of the
// database ends it for good: SQLite itself may have rolled back, and what
// followed would be written outside of any transaction.
//
// Statements are not cut short when a context ends, for the same reason: each is
// short, and the context is looked at before each and before the commit.
type tx struct {
	writer *writer
	ctx    context.Context // never ends

	mu     sync.Mutex
	err    error // why no statement may run any more
	writes int   // statements that wrote, or may have
}

// ExecContext runs a statement.
func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	err = t.run(ctx, query, func(stmt *sql.Stmt) error {
		if res, err = stmt.ExecContext(t.ctx, args...); err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if n > 0 {
			t.writes++
		}
		return err
	})
	return res, err
}

// QueryContext runs a statement that answers rows.
func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = t.run(ctx, query, func(stmt *sql.Stmt) error {
		if !strings.HasPrefix(query, "SELECT") {
			t.writes++
		}
		rows, err = stmt.QueryContext(t.ctx, args...)
		return err
	})
	return rows, err
}

func (t *tx) run(ctx context.Context, query string, fn func(*sql.Stmt) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	stmt, err := t.writer.prepare(t.ctx, query)
	if err == nil {
		err = fn(stmt)
	}
	t.err = err
	return err
}

// Read runs fn in the transaction.
func (t *tx) Read(ctx context.Context, fn func(sqlstore.Reader) error) error {
	return t.noting(ctx, fn(t))
}

// Write runs fn in the transaction. A method that fails half-way ends it, so
// that no half is committed.
func (t *tx) Write(ctx context.Context, fn func(sqlstore.Conn) error) error {
	before := t.written()
	err := fn(t)
	if err != nil && t.written() != before {
		t.fail(err)
	}
	return t.noting(ctx, err)
}

// noting ends the transaction for faults that came with the rows.
func (t *tx) noting(ctx context.Context, err error) error {
	if _, fault := resultCode(err); fault {
		t.fail(err)
	}
	return interpret(ctx, err)
}

func (t *tx) written() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes
}

func (t *tx) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

// end lets no statement run any more and returns why the transaction cannot be
// committed, or nil.
func (t *tx) end() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.err
	t.err = errTxEnded
	return err
}

// script is a transaction whose statements may be several in one text.
type script struct{ *tx }

// ExecContext runs a script, without compiling it beforehand.
func (s script) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return s.writer.conn.ExecContext(s.ctx, query, args...)
}
