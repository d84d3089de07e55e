package tasks

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// The names of backups. They sort by their time.
const (
	backupPrefix = "usermgmt-"
	backupTime   = "20060102T150405Z"
	backupSuffix = ".db"
)

const backupTimeout = 6 * time.Hour

// backup copies the database into the folder of backups, records that, and
// deletes the oldest copies beyond those to keep.
func (b Builtins) backup(from store.Backuper) Task {
	return Task{Name: "backup", Every: b.BackupEvery, Timeout: backupTimeout, Shared: true, Run: func(ctx context.Context) error {
		if err := os.MkdirAll(b.BackupDir, 0o700); err != nil {
			return err
		}
		if err := b.deleteBackups(store.PartialSuffix, 0, ""); err != nil {
			return err // what a process left that died in a backup
		}
		name := backupPrefix + b.Clock().UTC().Format(backupTime) + backupSuffix
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
		return b.deleteBackups("", b.BackupKeep, name)
	}}
}

// deleteBackups deletes all but the newest of the backups whose names end in a
// suffix beyond their own. The latest is spared, whatever a clock that was wrong
// has called the others.
func (b Builtins) deleteBackups(suffix string, keep int, latest string) error {
	files, err := os.ReadDir(b.BackupDir)
	if err != nil {
		return err
	}
	var names []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), suffix); ok && isBackup(name) && f.Type().IsRegular() && f.Name() != latest {
			names = append(names, f.Name())
		}
	}
	if latest != "" {
		keep--
	}
	slices.Sort(names)
	var errs []error
	for _, name := range names[:max(0, len(names)-keep)] {
		if err := os.Remove(filepath.Join(b.BackupDir, name)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// isBackup reports whether a file is one of ours: others in the folder are left
// alone.
func isBackup(name string) bool {
	at, ok := strings.CutPrefix(name, backupPrefix)
	at, ok2 := strings.CutSuffix(at, backupSuffix)
	_, err := time.Parse(backupTime, at)
	return ok && ok2 && err == nil
}
