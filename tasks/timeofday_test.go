package tasks_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/tasks"
)

// A task of a time of day runs once on every day, also where clocks skip that
// time or show it twice.
func TestDailyTasksRunOnceOnEveryDay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, from   string
		hour, minute int
		want         []string
	}{
		{"UTC", "2026-03-01T00:00:00Z", 3, 15, []string{"2026-03-01T03:15:00Z", "2026-03-02T03:15:00Z", "2026-03-03T03:15:00Z"}},
		{"UTC", "2024-02-28T04:00:00Z", 3, 15, []string{"2024-02-29T03:15:00Z", "2024-03-01T03:15:00Z"}},
		// 02:30 is skipped on the second day: clocks go from 02:00 to 03:00.
		{"Europe/Berlin", "2026-03-28T00:00:00+01:00", 2, 30,
			[]string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		// It comes twice on the second day.
		{"Europe/Berlin", "2026-10-24T00:00:00+02:00", 2, 30,
			[]string{"2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		// Midnight is skipped.
		{"America/Havana", "2026-03-07T12:00:00-05:00", 0, 0,
			[]string{"2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"}},
		// A whole day is left out.
		{"Pacific/Apia", "2011-12-29T00:00:00-10:00", 9, 0,
			[]string{"2011-12-29T09:00:00-10:00", "2011-12-31T09:00:00+14:00", "2012-01-01T09:00:00+14:00"}},
		// The night of the change lasts from 23:00 to 23:00 and on.
		{"America/Asuncion", "2023-03-25T12:00:00-03:00", 23, 30,
			[]string{"2023-03-25T23:30:00-03:00", "2023-03-26T23:30:00-04:00"}},
	} {
		t.Run(c.zone+" "+c.from, func(t *testing.T) {
			loc, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			from, err := time.Parse(time.RFC3339, c.from)
			if err != nil {
				t.Fatal(err)
			}
			last, err := time.Parse(time.RFC3339, c.want[len(c.want)-1])
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				clock := func() time.Time { return from.Add(time.Since(began)) }
				daily := tasks.Task{Name: "daily", DailyAt: &tasks.TimeOfDay{Hour: c.hour, Minute: c.minute, Zone: loc}, Jitter: -1,
					Run: func(context.Context) error {
						if at := clock(); at.After(from) { // else it makes up for the day before
							got = append(got, at.In(loc).Format(time.RFC3339))
						}
						return nil
					}}
				runFor(t, last.Sub(from)+time.Hour, tasks.Config{Tasks: []tasks.Task{daily}, Clock: clock})
			})
			if len(got) != len(c.want) {
				t.Fatalf("ran at %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("run %d was at %s, want %s", i, got[i], c.want[i])
				}
			}
		})
	}
}
