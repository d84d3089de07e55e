package tasks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// The names of backups, which are folders. They sort by their time.
const (
	backupPrefix = "usermgmt-"
	backupTime   = "20060102T150405Z"
)

const (
	backupTask    = "backup"
	backupTimeout = 6 * time.Hour
)

// Backup is a copy of the database.
type Backup struct {
	Name  string // of its folder, in the folder of backups
	Bytes int64
	Took  time.Duration
}

// backupFor is whom a backup is made for, and what became of it.
type backupFor struct {
	actor store.Actor
	made  Backup
}

type backupKey struct{}

// BackUp makes a backup now, for somebody, whom the audit trail names. It does not
// wait: one that is under way, here or on another instance, is ErrConflict, and
// so is BackUp where no backups are made at all. The end of ctx does not break it
// off, but Close does.
func (r *Runner) BackUp(ctx context.Context, actor store.Actor) (Backup, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return Backup{}, err
	}
	j := r.find(backupTask)
	if j == nil {
		return Backup{}, store.Errorf(store.ErrConflict, "No folder for backups is configured; set USERMGMT_BACKUP_DIR.")
	}
	f := &backupFor{actor: actor}
	err := r.runNow(context.WithValue(context.WithoutCancel(ctx), backupKey{}, f), j, order{})
	return f.made, err
}

// backup copies the database into the folder of backups, records that, and
// deletes the oldest copies beyond those to keep.
func (b Builtins) backup(from store.Backuper) Task {
	return Task{Name: backupTask, Every: b.BackupEvery, Timeout: backupTimeout, Shared: true, Run: func(ctx context.Context) error {
		whose, ok := ctx.Value(backupKey{}).(*backupFor)
		if !ok {
			whose = &backupFor{actor: store.System()}
		}
		began := b.Clock()
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
		err := b.Door.Do(ctx, whose.actor, func(_ context.Context, _ store.Queries, c *store.Change) error {
			c.Action, c.Target = "backup.create", store.Target{Kind: "backup", ID: name}
			return nil
		})
		if err != nil {
			return err
		}
		whose.made = Backup{Name: name, Bytes: sizeOf(filepath.Join(b.BackupDir, name)), Took: b.Clock().Sub(began)}
		return b.deleteOld(name)
	}}
}

// sizeOf is how many bytes the files of a folder have.
func sizeOf(folder string) (bytes int64) {
	files, _ := os.ReadDir(folder) // which was just written
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
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
