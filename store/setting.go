package store

import (
	"context"
	"time"
)

// SettingStore keeps what admins change at run time.
type SettingStore interface {
	SettingGet(ctx context.Context, name string) (Setting, error)
	// SettingPut inserts or replaces.
	SettingPut(ctx context.Context, s Setting) error
}

// Setting is something that admins change while the service runs, such as the
// IP allowlist.
type Setting struct {
	Name      string
	Value     string // JSON
	UpdatedAt time.Time
	UpdatedBy string // id of who changed it; empty for the system
}
