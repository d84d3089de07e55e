package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// leastAuditRetention leaves time to look at what happened.
const leastAuditRetention = 24 * time.Hour

// lastAnchorTimeout bounds what Close does for the trail's end.
const lastAnchorTimeout = 2 * time.Second

// AuditTrail makes a trail on a store that is open, with the audit keys and
// anchors of a Config, for whoever verifies one without a Manager. Keys that the
// Config does not have are read from the file beside the database, and never
// made. The store may be one that only reads. The trail must be closed.
func AuditTrail(cfg Config, s store.AuditStore) (*audit.Trail, error) {
	cfg = cfg.withDefaults()
	if len(cfg.AuditKeys) == 0 {
		path, _ := cfg.keysPath()
		kept, err := readKeys(path)
		if err != nil {
			return nil, fmt.Errorf("usermgmt: the audit keys are missing: set USERMGMT_AUDIT_KEYS, or put %s in its place: %w", path, err)
		}
		cfg.AuditKeys = strings.Split(kept["USERMGMT_AUDIT_KEYS"], ",")
	}
	return cfg.trailOn(s)
}

// trailOn makes the trail.
func (c Config) trailOn(s store.AuditStore) (*audit.Trail, error) {
	anchors, err := c.anchors()
	if err != nil {
		return nil, err
	}
	return audit.New(audit.Config{
		Store:     s,
		Keys:      bytesOf(c.AuditKeys),
		Anchors:   anchors,
		Retention: c.AuditRetention,
		Clock:     c.Clock,
		Logger:    c.Logger,
	})
}

// warnOfMissingAuditKey says so at the start where a key was replaced to which
// another one should have been added.
func (m *Manager) warnOfMissingAuditKey(ctx context.Context) error {
	missing, err := m.trail.MissingKey(ctx)
	if err == nil && missing != "" {
		m.logger.Error("the audit trail cannot be verified: add the key that its last event is under to AuditKeys (USERMGMT_AUDIT_KEYS), after the new one", "key", missing)
	}
	return err
}

// anchors are where the trail's are kept outside of the database, or nil.
func (c Config) anchors() (audit.Anchors, error) {
	if c.AuditAnchors != nil || c.AuditAnchorFile == "" {
		return c.AuditAnchors, nil
	}
	file, err := filepath.Abs(c.AuditAnchorFile)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return nil, errors.New("usermgmt: AuditAnchorFile (USERMGMT_AUDIT_ANCHOR_FILE): its folder does not exist; make it first")
	}
	return audit.NewAnchorFile(file), nil
}

// anchorFile is beside the database, when that is a file that New opens.
func (c Config) anchorFile() string {
	if path, err := sqlite.Path(c.DatabaseURL); err == nil && c.Store == nil {
		return path + ".anchors"
	}
	return ""
}

// anchorLast lets nothing be cut off unseen that this process wrote. That it
// cannot be done loses nothing.
func (m *Manager) anchorLast() {
	ctx, cancel := context.WithTimeout(context.Background(), lastAnchorTimeout)
	defer cancel()
	if err := m.trail.AnchorIfMoved(ctx); err != nil {
		m.logger.Warn("the end of the audit trail has no anchor", "error", err)
	}
}

// retainAudit is the task of retention, if there is one.
func (m *Manager) retainAudit() func(context.Context) error {
	if m.cfg.AuditRetention == 0 {
		return nil
	}
	return m.trail.Retain
}

func (c Config) validateAudit(f *faults) {
	f.check(c.AuditRetention == 0 || c.AuditRetention >= leastAuditRetention,
		"AuditRetention (USERMGMT_AUDIT_RETENTION)", "must be at least 24h")
	database, err := sqlite.Path(c.DatabaseURL)
	f.check(err != nil || c.Store != nil || filepath.Clean(c.AuditAnchorFile) != filepath.Clean(database),
		"AuditAnchorFile (USERMGMT_AUDIT_ANCHOR_FILE)", "must be another file than the database")
}
