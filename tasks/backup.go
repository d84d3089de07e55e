package tasks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// The names of backups, which are folders. They sort by their time.
const (
	backupPrefix = "usermgmt-"
	backupTime   = "20060102T150405Z"
)

const backupTimeout = 6 * time.Hour

// backup copies the database into the folder of backups, records that, and
// deletes the oldest copies beyond those to keep.
func (b Builtins) backup(from store.Backuper) Task {
	return Task{Name: "backup", Every: b.BackupEvery, Timeout: backupTimeout, Shared: true, Run: func(ctx context.Context) error {
		if err := os.MkdirAll(b.BackupDir, 0o700); err != nil {
			return err
		}
		if err := b.deletePartial(); err != nil {
			return err
		}
		name := backupPrefix + b.Clock().UTC().Format(backupTime)
		if err := from.Backup(ctx, filepath.Join(b.BackupDir, name)); err != nil {
			return err
		}
		err := b.Door.Do(ctx, store.System(), func(_ context.Context, _ store.Queries, c *store.Change) error {
			c.Action, c.Target = "backup.create", store.Target{Kind: "backup", ID: name}
			return nil
		})
		if err != nil {
			return err
		}
		return b.deleteOld(name)
	}}
}

// deletePartial deletes what processes left that died in a backup, or while they
// deleted one.
func (b Builtins) deletePartial() error {
	partial, err := b.folders(func(name string) bool {
		of, partial := strings.CutSuffix(name, store.PartialSuffix)
		return partial && isBackup(of)
	})
	errs := []error{err}
	for _, name := range partial {
		errs = append(errs, os.RemoveAll(filepath.Join(b.BackupDir, name)))
	}
	return errors.Join(errs...)
}

// deleteOld deletes the oldest backups beyond those to keep. The latest is
// spared, whatever a clock that was wrong has called the others. One that is
// deleted loses its name first, so that what has one is whole.
func (b Builtins) deleteOld(latest string) error {
	older, err := b.folders(func(name string) bool { return isBackup(name) && name != latest })
	errs := []error{err}
	for _, name := range older[:max(0, len(older)-(b.BackupKeep-1))] {
		path := filepath.Join(b.BackupDir, name)
		errs = append(errs, os.Rename(path, path+store.PartialSuffix))
	}
	return errors.Join(append(errs, b.deletePartial())...)
}

// folders are the names of those folders among the backups that are chosen, in
// order. Whatever else is there is left alone.
func (b Builtins) folders(chosen func(name string) bool) (names []string, err error) {
	files, err := os.ReadDir(b.BackupDir)
	for _, f := range files {
		if f.IsDir() && chosen(f.Name()) {
			names = append(names, f.Name())
		}
	}
	return names, err
}

func isBackup(name string) bool {
	at, err := time.Parse(backupPrefix+backupTime, name)
	return err == nil && at.Format(backupPrefix+backupTime) == name
}
