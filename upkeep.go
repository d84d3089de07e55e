package usermgmt

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

// leastMemoryLimit is what a Manager with nothing to do takes, and some room.
const leastMemoryLimit = 64 << 20

// leastUsageRetention is longer than the longest window, so that no counter goes
// that a limit is held against.
const leastUsageRetention = 40 * 24 * time.Hour

// buildTasks makes the runner, with the built-in tasks and those of the host.
func (m *Manager) buildTasks() error {
	if _, ok := m.store.(store.Backuper); !ok && m.cfg.BackupDir != "" {
		return errors.New("usermgmt: BackupDir (USERMGMT_BACKUP_DIR) needs a store that can back itself up, such as SQLite")
	}
	builtin := tasks.Builtins{
		Store:          m.store,
		Door:           m.door,
		Clock:          m.cfg.Clock,
		Logger:         m.logger,
		UsageRetention: m.cfg.UsageRetention,
		GrantCredits:   counted(m.metering.GrantDue),
		ExpireCredits:  counted(m.metering.ExpireCredits),
		RetainMessages: m.messages.Retain,
		PurgeDeleted:   counted(m.users.PurgeDue),
		AnchorAudit:    m.trail.AnchorIfMoved,
		RetainAudit:    m.retainAudit(),
		BackupDir:      m.cfg.BackupDir,
		BackupEvery:    m.cfg.BackupEvery,
		BackupKeep:     m.cfg.BackupKeep,
		MemoryLimit:    uint64(m.cfg.MemoryLimit),
		Flush:          m.flush,
		Shrink:         m.verifier.Shrink,
	}
	var err error
	m.runner, err = tasks.New(tasks.Config{
		Tasks:  append(builtin.Tasks(), m.cfg.Tasks...),
		Store:  m.store,
		Door:   m.door,
		Clock:  m.cfg.Clock,
		Logger: m.logger,
	})
	return err
}

// counted is work that also says how much it did.
func counted(work func(context.Context) (int, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := work(ctx)
		return err
	}
}

// Run does the upkeep: it deletes what expired, makes backups and runs the tasks
// of the host. It blocks until ctx ends or the Manager is closed, ends what is
// under way, and then returns nil; of a Manager that is closed already it
// returns ErrClosed, and beside another call ErrConflict. Nothing is lost and no
// limit is wrong without it.
func (m *Manager) Run(ctx context.Context) error { return m.runner.Run(ctx) }

// Tasks say how the upkeep fares, and run a task beside its times.
func (m *Manager) Tasks() *tasks.Runner { return m.runner }

func (c Config) validateUpkeep(f *faults) {
	f.check(c.UsageRetention >= leastUsageRetention,
		"UsageRetention (USERMGMT_USAGE_RETENTION)", "must be at least 960h, which is 40 days")
	f.check(c.BackupEvery >= time.Minute && c.BackupEvery <= 30*24*time.Hour,
		"BackupEvery (USERMGMT_BACKUP_EVERY)", "must be from 1m to 720h")
	f.check(c.BackupKeep >= 1, "BackupKeep (USERMGMT_BACKUP_KEEP)", "must be at least 1")
	f.check(c.MemoryLimit == 0 || c.MemoryLimit >= leastMemoryLimit,
		"MemoryLimit (USERMGMT_MEMORY_LIMIT)", "must be at least 64MiB")
}
