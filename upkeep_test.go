package usermgmt_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func TestRunMakesBackupsThatCanBeOpened(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "backups")
	secrets := func(cfg *usermgmt.Config) { // which are in no backup
		cfg.SecretKeys, cfg.EncryptionKeys, cfg.AuditKeys = []string{strongSecret}, []string{encryptionKey}, []string{strongSecret}
	}
	mgr := open(t, databasePath(t), secrets, func(cfg *usermgmt.Config) { cfg.BackupDir, cfg.BackupKeep = folder, 2 })
	user, err := mgr.Users().Create(t.Context(), usermgmt.System(), usermgmt.Registration{Username: "alice", Password: "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := mgr.Tasks().RunOnce(t.Context(), "backup"); err != nil && !errors.Is(err, usermgmt.ErrConflict) {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*Z", "usermgmt.db"))
	if err != nil || len(files) == 0 || len(files) > 2 {
		t.Fatalf("the folder holds %v: %v", files, err)
	}
	restored := open(t, files[0], secrets)
	if u, err := restored.Users().Get(t.Context(), user.ID); err != nil || u.Username != "alice" {
		t.Errorf("in the backup the user is %v: %v", u, err)
	}
	list, err := mgr.Audit().List(t.Context(), store.AuditFilter{Action: "backup.create"}, usermgmt.Page{})
	if err != nil || len(list.Items) < len(files) || list.Items[0].Target.Kind != "backup" {
		t.Errorf("the trail holds %v: %v", list.Items, err)
	}
}

func TestTheHostsTasksRunBesideTheBuiltInOnes(t *testing.T) {
	t.Parallel()
	ran := make(chan struct{}, 1)
	failing := errors.New("the newsletter was not sent")
	h := newHost(t, func(cfg *usermgmt.Config) {
		cfg.Tasks = []usermgmt.Task{{Name: "newsletter", DailyAt: &usermgmt.TimeOfDay{Hour: 8}, Shared: true, Jitter: -1,
			Run: func(context.Context) error { ran <- struct{}{}; return failing }}}
	})
	health := h.call("GET", "/health", "", nil)
	if health.status != 200 || health.text("status") != "ok" {
		t.Errorf("before the run the health is %d %v", health.status, health.body)
	}
	done := make(chan error, 1)
	go func() { done <- h.mgr.Run(t.Context()) }()
	<-ran // it makes up for eight o'clock
	for poll := time.Tick(5 * time.Millisecond); h.mgr.Tasks().Check(t.Context()) == nil; {
		<-poll
	}
	health = h.call("GET", "/health", "", nil)
	if health.status != 200 || health.text("status") != "degraded" {
		t.Errorf("after a failure the health is %d %v", health.status, health.body)
	}
	names := ""
	for _, s := range h.mgr.Tasks().Stats() {
		names += s.Name + " "
		if s.Name == "newsletter" && !errors.Is(s.LastError, failing) {
			t.Errorf("its stats are %+v", s)
		}
	}
	if !strings.Contains(names, "sessions.purge") || !strings.Contains(names, "database.upkeep") {
		t.Errorf("the tasks are %s", names)
	}
	if err := h.mgr.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Run after Close: %v", err)
	}
	if err := h.mgr.Tasks().RunOnce(t.Context(), "newsletter"); !errors.Is(err, usermgmt.ErrClosed) {
		t.Errorf("RunOnce after Close: %v", err)
	}
}

// A store of a third party may not know how to copy itself: better said at the
// start than found out when a backup is needed.
func TestBackupsNeedAStoreThatCanMakeThem(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), databasePath(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cfg := usermgmt.Config{Store: struct{ store.Store }{s}, BackupDir: t.TempDir(), BcryptCost: 4,
		SecretKeys: []string{strongSecret}, EncryptionKeys: []string{encryptionKey}, AuditKeys: []string{strongSecret}}
	if _, err := usermgmt.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "USERMGMT_BACKUP_DIR") {
		t.Errorf("New: %v", err)
	}
}

func TestUpkeepSettings(t *testing.T) {
	t.Parallel()
	_, err := usermgmt.New(t.Context(), usermgmt.Config{UsageRetention: 39 * 24 * time.Hour, BackupEvery: time.Second,
		BackupKeep: -1, MemoryLimit: 1 << 20})
	for _, name := range []string{"USAGE_RETENTION", "BACKUP_EVERY", "BACKUP_KEEP", "MEMORY_LIMIT"} {
		if err == nil || !strings.Contains(err.Error(), "USERMGMT_"+name) {
			t.Errorf("the error does not name %s:\n%v", name, err)
		}
	}
	_, err = usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + databasePath(t),
		Tasks: []usermgmt.Task{{Name: "sessions.purge", Every: time.Hour, Run: func(context.Context) error { return nil }}}})
	if err == nil || !strings.Contains(err.Error(), "sessions.purge") {
		t.Errorf("a task with the name of a built-in one: %v", err)
	}
}

func TestSizesInTheEnvironment(t *testing.T) {
	t.Chdir(t.TempDir())
	for text, want := range map[string]usermgmt.Bytes{"64MiB": 64 << 20, "2GiB": 2 << 30, "1048576": 1 << 20, "100 KiB": 100 << 10, "5B": 5} {
		t.Setenv("USERMGMT_MEMORY_LIMIT", text)
		if cfg, err := usermgmt.FromEnv(); err != nil || cfg.MemoryLimit != want {
			t.Errorf("%s is %d: %v", text, cfg.MemoryLimit, err)
		}
	}
	for _, text := range []string{"-1", "64MB", "1.5GiB", "MiB", "9999999999GiB", "x"} {
		t.Setenv("USERMGMT_MEMORY_LIMIT", text)
		if _, err := usermgmt.FromEnv(); err == nil || !strings.Contains(err.Error(), "USERMGMT_MEMORY_LIMIT must be a size") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
