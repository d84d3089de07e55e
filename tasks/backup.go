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

// The names of backups. They sort by their time. A store may add to what stands
// before the suffix, where one backup is several files.
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
		if err := b.deletePartial(); err != nil {
			return err
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
		return b.deleteOld(name)
	}}
}

// deletePartial deletes what processes left that died in a backup.
func (b Builtins) deletePartial() error {
	return b.deleteAll(func(names []string) []string {
		return slices.DeleteFunc(names, func(name string) bool {
			of, _, partial := strings.Cut(name, store.PartialSuffix)
			return !partial || !isBackup(of)
		})
	})
}

// deleteOld deletes the oldest backups beyond those to keep. The latest is
// spared, whatever a clock that was wrong has called the others.
func (b Builtins) deleteOld(latest string) error {
	return b.deleteAll(func(names []string) []string {
		names = slices.DeleteFunc(names, func(name string) bool { return !isBackup(name) || backupOf(name) == backupOf(latest) })
		var older []string // each once
		for _, name := range names {
			older = append(older, backupOf(name))
		}
		older = slices.Compact(older)
		gone := older[:max(0, len(older)-(b.BackupKeep-1))]
		return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(gone, backupOf(name)) })
	})
}

// backupOf is what the names of the files of one backup begin with.
func backupOf(name string) string { return name[:len(backupPrefix)+len(backupTime)] }

// deleteAll deletes those of the folder's files that choose returns, of all
// their names in order.
func (b Builtins) deleteAll(choose func(names []string) []string) error {
	files, err := os.ReadDir(b.BackupDir)
	if err != nil {
		return err
	}
	var names []string
	for _, f := range files {
		if f.Type().IsRegular() {
			names = append(names, f.Name())
		}
	}
	var errs []error
	for _, name := range choose(names) {
		if err := os.Remove(filepath.Join(b.BackupDir, name)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// isBackup reports whether a file is one of ours: others in the folder are left
// alone.
func isBackup(name string) bool {
	if !strings.HasPrefix(name, backupPrefix) || !strings.HasSuffix(name, backupSuffix) || len(name) < len(backupPrefix+backupTime+backupSuffix) {
		return false
	}
	_, err := time.Parse(backupTime, strings.TrimPrefix(backupOf(name), backupPrefix))
	rest := name[len(backupPrefix+backupTime):]
	return err == nil && (rest == backupSuffix || strings.HasPrefix(rest, "-"))
}
