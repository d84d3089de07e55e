package calendar_test

import (
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/internal/calendar"
)

func TestCase_R2_DaysBeginWhereClocksAreOdd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, now, day, next string }{
		{"UTC", "2026-03-01T12:00:00Z", "2026-03-01", "2026-03-02T00:00:00Z"},
		{"Asia/Tokyo", "2026-03-01T14:59:59Z", "2026-03-01", "2026-03-01T15:00:00Z"},
		{"Asia/Tokyo", "2026-03-01T15:00:00Z", "2026-03-02", "2026-03-02T15:00:00Z"},
		// A day of 23 hours and one of 25.
		{"America/New_York", "2026-03-08T05:00:00Z", "2026-03-08", "2026-03-09T04:00:00Z"},
		{"America/New_York", "2026-11-01T04:00:00Z", "2026-11-01", "2026-11-02T05:00:00Z"},
		{"UTC", "2024-02-28T23:59:59Z", "2024-02-28", "2024-02-29T00:00:00Z"},
		{"Africa/Cairo", "2025-04-24T12:00:00Z", "2025-04-24", "2025-04-24T22:00:00Z"},      // begins at 01:00
		{"America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-03", "2018-11-04T03:00:00Z"}, // begins at 01:00
		{"America/Havana", "2025-11-01T12:00:00Z", "2025-11-01", "2025-11-02T04:00:00Z"},    // 01:00 becomes 00:00
		// Midnight is skipped: clocks go from 00:00 to 01:00.
		{"America/Havana", "2026-03-07T12:00:00Z", "2026-03-07", "2026-03-08T05:00:00Z"},
		// Clocks go back to 23:00 as midnight comes: the day has not begun yet.
		{"America/Asuncion", "2023-03-26T03:30:00Z", "2023-03-25", "2023-03-26T04:00:00Z"},
		// A whole day is left out.
		{"Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-29", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-31T10:00:00Z"},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := calendar.Day(now, loc).Format(time.DateOnly); got != c.day {
			t.Errorf("%s at %s: the day is %s, want %s", c.zone, c.now, got, c.day)
		}
		if got := calendar.NextDay(now, loc).Format(time.RFC3339); got != c.next {
			t.Errorf("%s at %s: the next day begins %s, want %s", c.zone, c.now, got, c.next)
		}
	}
}

// Days follow one another without a gap, and each instant has exactly one.
func TestEveryInstantHasOneDay(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"America/Havana", "America/Asuncion", "America/St_Johns", "Pacific/Apia", "Africa/Cairo", "Europe/Berlin"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC)
		for range 3000 {
			next := calendar.NextDay(now, loc)
			if !next.After(now) || !calendar.Day(next, loc).After(calendar.Day(next.Add(-time.Second), loc)) {
				t.Fatalf("%s: after %v the next day begins %v", zone, now, next)
			}
			now = next
		}
	}
}
