// Package calendar says when days begin in a time zone. time.Date alone does
// not: a midnight that is skipped or comes twice, and a day that is left out,
// have no answer there.
//
// A day is written as midnight UTC of its date.
package calendar

import "time"

// Day returns the day that has begun at t in loc. Where clocks go back across
// midnight, the old date is shown once more although the new day has begun: the
// new one counts.
func Day(t time.Time, loc *time.Location) time.Time {
	year, month, day := t.In(loc).Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if tomorrow := today.AddDate(0, 0, 1); !t.Before(Opens(tomorrow, loc)) {
		return tomorrow
	}
	return today
}

// Opens returns the first instant, in UTC, at which clocks in loc show a day or
// a later one. A day that is written with a time of day means that time of it.
func Opens(day time.Time, loc *time.Location) time.Time {
	// No zone is as far from UTC as this, so clocks show an earlier day.
	t := day.Add(-26 * time.Hour).In(loc)
	for {
		_, offset := t.Zone()
		_, end := t.ZoneBounds()
		midnight := day.Add(-time.Duration(offset) * time.Second)
		if midnight.Before(t) {
			midnight = t // skipped by the change of clocks at t
		}
		if end.IsZero() || midnight.Before(end) {
			return midnight.UTC()
		}
		t = end.In(loc)
	}
}

// NextDay returns the first instant after t, in UTC, at which a later day begins
// in loc.
func NextDay(t time.Time, loc *time.Location) time.Time {
	return Opens(Day(t, loc).AddDate(0, 0, 1), loc)
}
