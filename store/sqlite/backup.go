package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/usermgmt/usermgmt/store"
)

var _ store.Backuper = (*Store)(nil)

const (
	// The copy is made by a connection of its own, which reads: SQLite writes
	// the new file beside what others write meanwhile. (Its stepwise interface
	// would begin anew whenever another process writes.)
	sourceRules = "mode=ro&_busy_timeout=5000"
	// Nobody else has the copy yet, so that it needs no locks and no log.
	copyRules = "mode=ro&immutable=1"
)

// Backup copies the database into a new file, as store.Backuper says, and the
// messages into another beside it, of which MessagesPath is the path; each is of
// one moment. What others write meanwhile is not held up and not in the copy. To
// restore them, put them in the place of a database that nobody has open, and
// delete the files beside that whose names end in -wal and -shm.
func (s *Store) Backup(ctx context.Context, path string) error {
	err := s.messages.backupWhileOpen(ctx, MessagesPath(path))
	if err == nil {
		if err = s.database.backupWhileOpen(ctx, path); err != nil {
			os.Remove(MessagesPath(path))
		}
	}
	if err != nil {
		return fmt.Errorf("sqlite: back up: %w", interpret(ctx, err))
	}
	return nil
}

func (d *database) backupWhileOpen(ctx context.Context, path string) error {
	if err := d.calls.enter(); err != nil {
		return err
	}
	defer d.calls.leave()
	return d.backup(ctx, path)
}

func (d *database) backup(ctx context.Context, path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return store.Errorf(store.ErrConflict, "There is a backup of this name.")
	}
	draft, err := filepath.Abs(path + store.PartialSuffix)
	if err != nil {
		return err
	}
	// SQLite takes an empty file, and would make one that everybody can read.
	file, err := os.OpenFile(draft, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(draft) // which is not there when it has its name
	defer os.Remove(draft + "-journal")
	if err := file.Close(); err != nil {
		return err
	}
	if err := on(ctx, dsn(d.file, sourceRules), "VACUUM INTO ?1", draft); err != nil {
		return err
	}
	if err := verify(ctx, draft); err != nil {
		return err
	}
	if err := flush(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// on runs a statement on a connection of its own.
func on(ctx context.Context, dsn, query string, args ...any) error {
	pool, err := openPool(dsn, 1)
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, query, args...)
	return errors.Join(err, pool.Close())
}

// verify reads a whole database that nobody else has open.
func verify(ctx context.Context, file string) error {
	pool, err := openPool(dsn(file, copyRules), 1)
	if err != nil {
		return err
	}
	var found string
	err = pool.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found)
	if err == nil && found != "ok" {
		err = store.Errorf(store.ErrInternal, "The copy of the database is damaged.")
	}
	return errors.Join(err, pool.Close())
}

// flush makes the content of a file durable.
func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolder makes the name of a new file durable.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // where folders cannot be opened
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
