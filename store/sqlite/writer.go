package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// writer owns the one connection that writes. SQLite lets one transaction write
// at a time; those of this process wait here, in order, where waiting costs
// nothing and ends with the context.
type writer struct {
	pool     *sql.DB
	patience time.Duration // with other processes
	logPages int           // after how many the log is written back; 0 is SQLite's own choice

	turn  chan struct{}        // filled by whoever uses what stands below
	conn  *sql.Conn            // nil before the first use and after a fault
	stmts map[string]*sql.Stmt // of conn
}

func openWriter(dsn string, patience time.Duration, logPages int) (*writer, error) {
	pool, err := openPool(dsn, 1)
	if err != nil {
		return nil, err
	}
	return &writer{pool: pool, patience: patience, logPages: logPages, turn: make(chan struct{}, 1)}, nil
}

// transact runs fn in a transaction and commits when it returns nil. Whatever
// else ends fn, a panic too, rolls back, and so does a context that ends before
// the commit begins. The commit itself is not cut short.
func (w *writer) transact(ctx context.Context, fn func(*tx) error) error {
	if err := w.acquire(ctx, w.begin); err != nil {
		return err
	}
	defer w.leave()
	t := &tx{writer: w, ctx: context.WithoutCancel(ctx)}
	committed := false
	defer func() {
		if !committed {
			t.end() // also after a panic: whoever kept the Queries writes nothing into the next one
			w.rollback(t.ctx)
		}
	}()
	if err := cmp.Or(fn(t), t.end(), ctx.Err()); err != nil {
		return err
	}
	if err := w.exec(t.ctx, "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// warm connects, so that what is wrong with the file shows.
func (w *writer) warm(ctx context.Context) error {
	if err := w.acquire(ctx, w.connect); err != nil {
		return err
	}
	w.leave()
	return nil
}

// acquire waits for its turn and then for other processes, and returns with the
// turn when try has succeeded. The patience counts from the beginning, so that
// those who queue behind one another give up after the same time.
func (w *writer) acquire(ctx context.Context, try func(context.Context) error) error {
	wait, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	err := w.enter(wait)
	if err == nil {
		if err = patiently(wait, try); err != nil {
			w.leave()
		}
	}
	if wait.Err() != nil && ctx.Err() == nil && (busy(err) || errors.Is(err, context.DeadlineExceeded)) {
		return store.Unavailable(err)
	}
	return err
}

func (w *writer) enter(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		w.leave()
		return err
	}
	return nil
}

func (w *writer) leave() { <-w.turn }

// patiently tries again while another process has the file, at short random
// intervals, until the context ends.
func patiently(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if !busy(err) {
			return err
		}
		select {
		case <-time.After(50*time.Microsecond + rand.N(450*time.Microsecond)):
		case <-ctx.Done():
			return cmp.Or(context.Cause(ctx), err)
		}
	}
}

// begin is not cut short by a context: the driver in pure Go may report its end
// for a statement that was run, and the transaction would stay open. It does not
// wait either, and the context is looked at between two tries.
func (w *writer) begin(ctx context.Context) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	err := w.exec(context.WithoutCancel(ctx), "BEGIN IMMEDIATE")
	if err != nil && !busy(err) {
		w.discard()
	}
	return err
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return err
	}
	if w.logPages > 0 {
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", w.logPages)); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
	w.conn, w.stmts = conn, map[string]*sql.Stmt{}
	return nil
}

// rollback ends a transaction. SQLite may have ended it by itself, as it does
// when the disk is full; then, and after any other fault, the connection is
// given up and the next transaction makes a new one.
func (w *writer) rollback(ctx context.Context) {
	if w.exec(ctx, "ROLLBACK") != nil {
		w.discard()
	}
}

// discard closes the connection and does not return it to the pool.
func (w *writer) discard() {
	w.closeStmts()
	w.conn.Raw(func(any) error { return driver.ErrBadConn })
	w.conn = nil
}

// closeStmts is needed: database/sql does not close the statements of a
// connection with it, and SQLite keeps the file open for them.
func (w *writer) closeStmts() {
	for _, stmt := range w.stmts {
		stmt.Close()
	}
	w.stmts = nil
}

func (w *writer) exec(ctx context.Context, query string) error {
	stmt, err := w.prepare(ctx, query)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

// prepare compiles a statement at its first use. The texts are those of package
// sqlstore, so there are not many.
func (w *writer) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := w.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, query)
	if err == nil {
		w.stmts[query] = stmt
	}
	return stmt, err
}

// close writes the log into the file, as far as no other process reads from it,
// and closes the connection. No transaction runs any more.
func (w *writer) close() error {
	if w.conn == nil {
		return w.pool.Close()
	}
	w.closeStmts()
	w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(w.conn.Close(), w.pool.Close())
}
