package store

import "time"

// Setting is something that admins change while the service runs, such as the
// IP allowlist.
type Setting struct {
	Name      string
	Value     string // JSON
	UpdatedAt time.Time
	UpdatedBy string // id of who changed it; empty for the system
}
