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

// Backup copies the database and the messages into a folder, as store.Backuper
// says. What others write meanwhile is not held up and not in the copy. To
// restore them, copy both files into the place of a database that nobody has
// open, and delete the files there whose names end in -wal and -shm.
func (s *Store) Backup(ctx context.Context, folder string) error {
	if err := s.backup(ctx, folder); err != nil {
		return fmt.Errorf("sqlite: back up: %w", interpret(ctx, err))
	}
	return nil
}

func (s *Store) backup(ctx context.Context, folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(folder); err == nil {
		return store.Errorf(store.ErrConflict, "There is a backup of this name.")
	}
	draft := folder + store.PartialSuffix
	if err := os.Mkdir(draft, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(draft) // which is not there when it has its name
	for _, d := range []*database{s.database, s.messages} {
		if err := d.copyInto(ctx, draft); err != nil {
			return err
		}
	}
	if err := syncFolder(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, folder); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(folder))
}

// copyInto copies one file into a folder, and reads the copy.
func (d *database) copyInto(ctx context.Context, folder string) error {
	if err := d.calls.enter(); err != nil {
		return err
	}
	defer d.calls.leave()
	path := filepath.Join(folder, filepath.Base(d.file))
	// SQLite takes an empty file, and would make one that everybody can read.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := on(ctx, dsn(d.file, sourceRules), "VACUUM INTO ?1", path); err != nil {
		return err
	}
	if err := verify(ctx, path); err != nil {
		return err
	}
	return flush(path)
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
