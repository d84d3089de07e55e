package metering

import (
	"log/slog"
	"sync"
	"time"
)

// locations keeps the time zones that were loaded, since loading one reads a
// file. Accounts hold valid names only, so there are as many as the time zone
// database has.
type locations struct {
	loaded sync.Map // from name to *time.Location
	logger *slog.Logger
}

// load returns a zone by its IANA name. One that this machine's database does
// not know counts as UTC, which is logged once.
func (l *locations) load(name string) *time.Location {
	if loc, ok := l.loaded.Load(name); ok {
		return loc.(*time.Location)
	}
	loc, err := time.LoadLocation(name)
	if err != nil || loc == time.Local {
		loc = time.UTC
		l.logger.Warn("a time zone is not known on this machine and counts as UTC", "zone", name, "error", err)
	}
	l.loaded.Store(name, loc)
	return loc
}
