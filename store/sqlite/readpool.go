package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// readPool runs statements that only read, on connections that refuse to write.
// The text of each is compiled once a connection.
type readPool struct {
	pool  *sql.DB
	mu    sync.RWMutex
	stmts map[string]*sql.Stmt
}

func openReadPool(dsn string, size int) (*readPool, error) {
	pool, err := openPool(dsn, size)
	if err != nil {
		return nil, err
	}
	return &readPool{pool: pool, stmts: map[string]*sql.Stmt{}}, nil
}

// QueryContext runs a statement.
func (r *readPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := r.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// prepare compiles a statement at its first use. The texts are those of package
// sqlstore, so there are not many.
func (r *readPool) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.RLock()
	stmt := r.stmts[query]
	r.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := r.pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.stmts[query]; other != nil {
		return other, stmt.Close()
	}
	r.stmts[query] = stmt
	return stmt, nil
}

// close also closes the statements.
func (r *readPool) close() error { return r.pool.Close() }
