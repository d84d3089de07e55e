package metering

import (
	"log/slog"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// WindowAt is the arithmetic of windows by itself.
func WindowAt(w store.Window, zone store.Zone, now time.Time) (name, end time.Time) {
	return Windows()(w, zone, now)
}

// Windows is WindowAt for many moments: it loads each zone once.
func Windows() func(w store.Window, zone store.Zone, now time.Time) (name, end time.Time) {
	l := &locations{logger: slog.New(slog.DiscardHandler)}
	return func(w store.Window, zone store.Zone, now time.Time) (name, end time.Time) {
		return windowAt(w, zone, l.load, now)
	}
}
