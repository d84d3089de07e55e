package tasks

import (
	"cmp"
	"time"

	"github.com/usermgmt/usermgmt/internal/calendar"
)

// TimeOfDay is a time that comes once on every day of a zone. Where clocks skip
// it, it is the moment at which they do; where they show it twice, it is the
// first.
type TimeOfDay struct {
	Hour, Minute int
	Zone         *time.Location // nil means UTC
}

func (d TimeOfDay) valid() bool {
	return d.Hour >= 0 && d.Hour < 24 && d.Minute >= 0 && d.Minute < 60
}

func (d TimeOfDay) zone() *time.Location { return cmp.Or(d.Zone, time.UTC) }

// on returns the moment on a day, which is written as midnight UTC of its date.
func (d TimeOfDay) on(day time.Time) time.Time {
	clock := time.Duration(d.Hour)*time.Hour + time.Duration(d.Minute)*time.Minute
	return calendar.Opens(day.Add(clock), d.zone())
}

// last returns the latest moment at now or before.
func (d TimeOfDay) last(now time.Time) time.Time {
	day := calendar.Day(now, d.zone())
	if at := d.on(day); !at.After(now) {
		return at
	}
	// Not the date before, which a zone may have left out.
	before := calendar.Opens(day, d.zone()).Add(-time.Nanosecond)
	return d.on(calendar.Day(before, d.zone()))
}

// next returns the first moment after now.
func (d TimeOfDay) next(now time.Time) time.Time {
	if at := d.on(calendar.Day(now, d.zone())); at.After(now) {
		return at
	}
	return d.on(calendar.Day(calendar.NextDay(now, d.zone()), d.zone()))
}
