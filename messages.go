package usermgmt

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/messagelog"
)

// leastMessageMemory has room for a few of the largest messages.
const leastMessageMemory = 4 * messagelog.MaxSize

// buildMessages makes the message log.
func (m *Manager) buildMessages(context.Context) error {
	ring, err := seal.New(m.cfg.EncryptionKeys)
	if err != nil {
		return err
	}
	m.messages = messagelog.New(messagelog.Config{
		Store:         m.store,
		Door:          m.door,
		Plans:         m.store,
		PlanOf:        m.planOf,
		Retention:     m.cfg.MessageRetention,
		Seal:          ring,
		Unsealed:      !m.cfg.MessageSeal,
		BatchSize:     m.cfg.MessageBatchSize,
		BatchInterval: m.cfg.MessageBatchInterval,
		Window:        m.cfg.MessageWindow,
		MemoryLimit:   int(m.cfg.MessageMemoryLimit),
		MaxWait:       m.cfg.MessageMaxWait,
		ClosePatience: m.patience(),
		Clock:         m.cfg.Clock,
		Logger:        m.logger,
	})
	return nil
}

// planOf finds the plan of a user for a message.
func (m *Manager) planOf(ctx context.Context, userID string) (string, error) {
	u, err := m.store.UserGet(ctx, userID)
	return u.Plan, err
}

// flush writes what waits in memory.
func (m *Manager) flush(ctx context.Context) error {
	if err := m.messages.Flush(ctx); err != nil {
		return err
	}
	return m.keyUses.Flush(ctx)
}

func (c Config) validateMessages(f *faults) {
	f.check(c.MessageBatchSize >= 1 && c.MessageBatchSize <= 5000,
		"MessageBatchSize (USERMGMT_MESSAGE_BATCH_SIZE)", "must be from 1 to 5000")
	f.check(c.MessageBatchInterval >= time.Millisecond && c.MessageBatchInterval <= time.Minute,
		"MessageBatchInterval (USERMGMT_MESSAGE_BATCH_INTERVAL)", "must be from 1ms to 1m")
	f.check(c.MessageWindow >= 1 && c.MessageWindow <= 100_000,
		"MessageWindow (USERMGMT_MESSAGE_WINDOW)", "must be from 1 to 100000")
	f.check(c.MessageMemoryLimit >= leastMessageMemory,
		"MessageMemoryLimit (USERMGMT_MESSAGE_MEMORY_LIMIT)", "must be at least 4MiB")
	f.check(c.MessageMaxWait >= time.Millisecond && c.MessageMaxWait <= time.Minute,
		"MessageMaxWait (USERMGMT_MESSAGE_MAX_WAIT)", "must be from 1ms to 1m")
	f.check(c.MessageRetention == 0 || c.MessageRetention >= time.Hour,
		"MessageRetention (USERMGMT_MESSAGE_RETENTION)", "must be at least 1h")
}
