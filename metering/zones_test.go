package metering_test

import (
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// walker finds windows by looking at a clock and a calendar on the wall every
// quarter of an hour: the day is the latest date that was shown so far.
type walker struct{ day time.Time }

func (w *walker) look(t time.Time, loc *time.Location) {
	year, month, day := t.In(loc).Date()
	if shown := time.Date(year, month, day, 0, 0, 0, 0, time.UTC); shown.After(w.day) {
		w.day = shown
	}
}

// window returns the window that the day belongs to, by leafing back.
func (w *walker) window(kind store.Window) time.Time {
	day := w.day
	for kind == store.Week && day.Weekday() != time.Monday || kind == store.Month && day.Day() != 1 {
		day = day.AddDate(0, 0, -1)
	}
	return day
}

var windowKinds = []store.Window{store.Day, store.Week, store.Month}

// walk holds the windows of a zone against those of the walker, from a moment
// until another, and their ends against the moment at which the walker sees the
// next one. The moment at which a new zone begins to count is the first of a day
// of the old one.
func walk(t *testing.T, zone store.Zone, from, until time.Time) {
	t.Helper()
	loc, windowAt := location(t, zone.Name), metering.Windows()
	old := loc
	if zone.Previous != "" {
		old = location(t, zone.Previous)
	}
	var w walker
	ends, names := map[store.Window]time.Time{}, map[store.Window]time.Time{}
	for now := from; now.Before(until); now = now.Add(15 * time.Minute) {
		if !now.After(zone.From) {
			w.look(now, old)
		}
		if !now.Before(zone.From) {
			w.look(now, loc)
		}
		for _, kind := range windowKinds {
			want := w.window(kind)
			name, end := windowAt(kind, zone, now)
			if !name.Equal(want) {
				t.Fatalf("%s at %v: the window is %v, the calendar says %v", kind, now, name, want)
			}
			if last := ends[kind]; !want.Equal(names[kind]) && !last.IsZero() && !last.Equal(now) {
				t.Fatalf("%s at %v: a window begins, the last one was to end at %v", kind, now, last)
			}
			names[kind], ends[kind] = want, end
		}
	}
}

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skip("this machine does not know the zone: ", err)
	}
	return loc
}

var walkedZones = []string{
	"UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin", "Europe/London", "Africa/Cairo", "America/Havana",
	"America/St_Johns", "America/Sao_Paulo", "America/Santiago", "Asia/Beirut", "Asia/Kathmandu", "Asia/Gaza",
	"Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Apia", "Australia/Lord_Howe", "Antarctica/Troll", "Atlantic/Azores",
}

func TestCase_R2_WindowsAreThoseOfTheCalendarOnTheWall(t *testing.T) {
	t.Parallel()
	spans := map[string][2]string{
		"spring":   {"2026-02-27T00:00:00Z", "2026-05-03T00:00:00Z"},
		"autumn":   {"2026-09-02T00:00:00Z", "2026-11-10T00:00:00Z"},
		"leap day": {"2028-02-26T00:00:00Z", "2028-03-03T00:00:00Z"},
		"new year": {"2026-12-27T00:00:00Z", "2027-01-06T00:00:00Z"},
	}
	for _, name := range walkedZones {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, span := range spans {
				walk(t, store.Zone{Name: name}, at(t, span[0]), at(t, span[1]))
			}
		})
	}
}

// A new zone counts from the next day of the old one, in whatever direction and
// also on the days on which clocks are changed.
func TestCase_R2_ANewZoneCountsFromTheNextDayOfTheOldOne(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"2026-01-31", "2026-03-08", "2026-03-29", "2026-10-31", "2026-11-01", "2028-02-29"} {
		for i, old := range walkedZones {
			for _, next := range []string{walkedZones[(i+1)%len(walkedZones)], walkedZones[(i+7)%len(walkedZones)]} {
				noonThere := at(t, day+"T12:00:00Z")
				_, midnight := metering.WindowAt(store.Day, store.Zone{Name: old}, noonThere)
				zone := store.Zone{Name: next, Previous: old, From: midnight}
				t.Run(day+" "+old+" to "+next, func(t *testing.T) {
					walk(t, zone, noonThere.Add(-24*time.Hour), noonThere.Add(96*time.Hour))
				})
			}
		}
	}
}
