package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/internal/sqlstore"
)

const readOnlyConns = 4

// ReadOnly is a database that is only read, such as a backup, or one that a
// server has open. Its methods that write answer ErrUnsupported. It has no
// messages. It is safe for concurrent use.
type ReadOnly struct {
	*sqlstore.Queries
	database *database
}

var _ store.Queries = (*ReadOnly)(nil)

// OpenReadOnly opens the database at path without the file of messages. It makes
// and changes nothing: neither the file nor its folder need be writable, and the
// schema stays as it is.
func OpenReadOnly(ctx context.Context, path string) (*ReadOnly, error) {
	d, err := openReadOnly(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %q to read: %w", path, err)
	}
	return &ReadOnly{Queries: sqlstore.New(onlyReads{runner{d}}, sqlstore.Locks{}), database: d}, nil
}

func openReadOnly(ctx context.Context, path string) (*database, error) {
	file, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case info.Size() < shortestFile:
		return nil, errNotDatabase
	}
	d, err := tryReadOnly(ctx, file, sourceRules)
	if err == nil {
		return d, nil
	}
	// In a folder that cannot be written SQLite cannot make the file by which it
	// shares a log. Without a log there is nothing to share.
	if log, none := os.Stat(file + "-wal"); none != nil || log.Size() == 0 {
		if d, err := tryReadOnly(ctx, file, copyRules); err == nil {
			return d, nil
		}
	}
	return nil, err
}

func tryReadOnly(ctx context.Context, file, rules string) (*database, error) {
	reads, err := openReadPool(dsn(file, rules), readOnlyConns)
	if err != nil {
		return nil, err
	}
	d := &database{file: file, reads: reads}
	if err = d.checkOwner(ctx); err == nil {
		err = d.ping(ctx)
	}
	if err != nil {
		return nil, errors.Join(refusal(err), reads.close())
	}
	return d, nil
}

// Close waits for running calls. Twice is once.
func (r *ReadOnly) Close() error {
	r.database.calls.shut()
	return r.database.reads.close()
}

// onlyReads refuses to write.
type onlyReads struct{ runner }

// Write answers ErrUnsupported.
func (onlyReads) Write(context.Context, func(sqlstore.Conn) error) error {
	return store.Errorf(store.ErrUnsupported, "The database was opened to be read only.")
}
