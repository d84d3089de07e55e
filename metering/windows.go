package metering

import (
	"time"

	"github.com/usermgmt/usermgmt/internal/calendar"
	"github.com/usermgmt/usermgmt/store"
)

// A window is named by its first local day, written as midnight UTC of that
// date; its counters are kept under this name, not under the instant at which it
// opens. So an account that changes its time zone keeps what it has used: each
// calendar day, week and month has one counter, however the account moves, and
// is admitted its limit once.

// windowAt returns the name of the window that now falls into for an account's
// zone, and the first instant of the next one.
//
// The zone of the account is the previous one until zone.From. From there on the
// new one counts, and no window that the old one had left is entered again.
func windowAt(w store.Window, zone store.Zone, location func(name string) *time.Location, now time.Time) (name, end time.Time) {
	loc := location(zone.At(now))
	name = containing(w, now, loc)
	if zone.Previous != "" && !now.Before(zone.From) {
		if least := containing(w, zone.From, location(zone.Previous)); name.Before(least) {
			name = least
		}
	}
	return name, calendar.Opens(next(w, name), loc)
}

// containing returns the name of the window that t falls into in loc.
func containing(w store.Window, t time.Time, loc *time.Location) time.Time {
	return first(w, calendar.Day(t, loc))
}

// first returns the first day of the window that a day belongs to.
func first(w store.Window, day time.Time) time.Time {
	switch w {
	case store.Week:
		sinceMonday := (int(day.Weekday()) + 6) % 7
		return day.AddDate(0, 0, -sinceMonday)
	case store.Month:
		return day.AddDate(0, 0, 1-day.Day())
	default:
		return day
	}
}

// next returns the name of the window after the one named.
func next(w store.Window, name time.Time) time.Time {
	switch w {
	case store.Week:
		return name.AddDate(0, 0, 7)
	case store.Month:
		return name.AddDate(0, 1, 0)
	default:
		return name.AddDate(0, 0, 1)
	}
}
