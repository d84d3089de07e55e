package metering_test

import (
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCase_R2_WindowAt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		window store.Window
		zone   string
		now    string
		day    string // the window's name
		end    string
	}{
		{"a day", store.Day, "UTC", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-30T00:00:00Z"},
		{"its first instant", store.Day, "UTC", "2026-03-29T00:00:00Z", "2026-03-29", "2026-03-30T00:00:00Z"},
		{"its last instant", store.Day, "UTC", "2026-03-28T23:59:59Z", "2026-03-28", "2026-03-29T00:00:00Z"},
		{"no zone is UTC", store.Day, "", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-30T00:00:00Z"},
		{"an unknown zone is UTC", store.Day, "Mars/Olympus", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-30T00:00:00Z"},
		{"the machine's zone is not used", store.Day, "Local", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-30T00:00:00Z"},
		{"R2 Tokyo is ahead", store.Day, "Asia/Tokyo", "2026-03-29T15:00:00Z", "2026-03-30", "2026-03-30T15:00:00Z"},
		{"R2 New York is behind", store.Day, "America/New_York", "2026-01-10T04:59:59Z", "2026-01-09", "2026-01-10T05:00:00Z"},
		{"R2 a day of 23 h", store.Day, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-29T22:00:00Z"},
		{"R2 a day of 25 h", store.Day, "America/New_York", "2026-11-01T12:00:00Z", "2026-11-01", "2026-11-02T05:00:00Z"},
		{"R2 a leap day", store.Day, "UTC", "2028-02-29T12:00:00Z", "2028-02-29", "2028-03-01T00:00:00Z"},
		{"a midnight that is skipped", store.Day, "Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-24", "2026-04-24T21:00:00Z"},
		{"the day before it", store.Day, "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23", "2026-04-23T22:00:00Z"},
		{"a midnight that comes twice", store.Day, "America/Havana", "2026-11-01T04:30:00Z", "2026-11-01", "2026-11-02T05:00:00Z"},
		{"the day before it", store.Day, "America/Havana", "2026-11-01T03:59:59Z", "2026-10-31", "2026-11-01T04:00:00Z"},
		{"a date shown again after midnight", store.Day, "America/St_Johns", "2010-11-07T03:00:00Z", "2010-11-07", "2010-11-08T03:30:00Z"},
		{"a day that is left out", store.Day, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29", "2011-12-30T10:00:00Z"},
		{"the day after it", store.Day, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-31T10:00:00Z"},
		{"a week begins on Monday", store.Week, "UTC", "2026-03-29T12:00:00Z", "2026-03-23", "2026-03-30T00:00:00Z"},
		{"on Monday", store.Week, "UTC", "2026-03-30T00:00:00Z", "2026-03-30", "2026-04-06T00:00:00Z"},
		{"a week with a change of clocks", store.Week, "Europe/Berlin", "2026-03-25T12:00:00Z", "2026-03-23", "2026-03-29T22:00:00Z"},
		{"a week across two years", store.Week, "UTC", "2027-01-01T12:00:00Z", "2026-12-28", "2027-01-04T00:00:00Z"},
		{"a month", store.Month, "UTC", "2026-02-15T12:00:00Z", "2026-02-01", "2026-03-01T00:00:00Z"},
		{"its last day of 31", store.Month, "UTC", "2026-01-31T23:59:59Z", "2026-01-01", "2026-02-01T00:00:00Z"},
		{"December, ahead", store.Month, "Asia/Tokyo", "2026-11-30T15:00:00Z", "2026-12-01", "2026-12-31T15:00:00Z"},
	} {
		name, end := metering.WindowAt(row.window, store.Zone{Name: row.zone}, at(t, row.now))
		if got := name.Format(time.RFC3339); got != row.day+"T00:00:00Z" {
			t.Errorf("%s: the window is named %s, want %s", row.name, got, row.day)
		}
		if got := end.Format(time.RFC3339); got != row.end {
			t.Errorf("%s: the window ends at %s, want %s", row.name, got, row.end)
		}
	}
}

// In every zone the windows follow each other without a gap and without an
// overlap, whatever the clocks do.
func TestWindowsPartitionTime(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{
		"UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin", "Africa/Cairo", "America/Havana",
		"America/St_Johns", "America/Sao_Paulo", "Asia/Beirut", "Asia/Tehran", "Asia/Kathmandu", "Pacific/Apia",
		"Pacific/Kwajalein", "Pacific/Kiritimati", "Australia/Lord_Howe", "Antarctica/Troll",
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			z := store.Zone{Name: zone}
			for _, span := range [][2]string{
				{"1993-08-01T00:00:00Z", "1993-10-01T00:00:00Z"}, // Kwajalein leaves a day out
				{"2010-10-01T00:00:00Z", "2012-02-01T00:00:00Z"}, // so does Apia
				{"2026-01-01T00:00:00Z", "2028-04-01T00:00:00Z"},
			} {
				for _, w := range []store.Window{store.Day, store.Week, store.Month} {
					now, last := at(t, span[0]), at(t, span[1])
					for now.Before(last) {
						name, end := metering.WindowAt(w, z, now)
						if !end.After(now) {
							t.Fatalf("%s at %v: the window ends at %v", w, now, end)
						}
						if before, _ := metering.WindowAt(w, z, end.Add(-1)); !before.Equal(name) {
							t.Fatalf("%s at %v: window %v has become %v before its end at %v", w, now, name, before, end)
						}
						if after, _ := metering.WindowAt(w, z, end); !after.After(name) {
							t.Fatalf("%s at %v: window %v goes on as %v after its end at %v", w, now, name, after, end)
						}
						now = end
					}
				}
			}
		})
	}
}

// A new zone counts from the next day of the old one, and no calendar day, week
// or month is ever given a second counter.
func TestAChangeOfZone(t *testing.T) {
	t.Parallel()
	type step struct{ now, day, end string }
	for _, row := range []struct {
		name   string
		window store.Window
		zone   store.Zone
		steps  []step
	}{
		{"a day, to the west", store.Day, store.Zone{Name: "America/New_York", Previous: "UTC", From: at(t, "2026-01-10T00:00:00Z")}, []step{
			{"2026-01-09T12:00:00Z", "2026-01-09", "2026-01-10T00:00:00Z"},
			{"2026-01-10T00:00:00Z", "2026-01-10", "2026-01-11T05:00:00Z"}, // New York still has the 9th
			{"2026-01-10T12:00:00Z", "2026-01-10", "2026-01-11T05:00:00Z"},
			{"2026-01-11T05:00:00Z", "2026-01-11", "2026-01-12T05:00:00Z"},
		}},
		{"a day, to the east", store.Day, store.Zone{Name: "Asia/Tokyo", Previous: "UTC", From: at(t, "2026-01-10T00:00:00Z")}, []step{
			{"2026-01-09T20:00:00Z", "2026-01-09", "2026-01-10T00:00:00Z"},
			{"2026-01-10T00:00:00Z", "2026-01-10", "2026-01-10T15:00:00Z"},
			{"2026-01-10T15:00:00Z", "2026-01-11", "2026-01-11T15:00:00Z"},
		}},
		{"a month goes on", store.Month, store.Zone{Name: "Asia/Tokyo", Previous: "UTC", From: at(t, "2026-01-10T00:00:00Z")}, []step{
			{"2026-01-09T20:00:00Z", "2026-01-01", "2026-02-01T00:00:00Z"},
			{"2026-01-10T00:00:00Z", "2026-01-01", "2026-01-31T15:00:00Z"},
		}},
		{"a week goes on", store.Week, store.Zone{Name: "America/New_York", Previous: "UTC", From: at(t, "2026-01-08T00:00:00Z")}, []step{
			{"2026-01-07T20:00:00Z", "2026-01-05", "2026-01-12T00:00:00Z"},
			{"2026-01-08T00:00:00Z", "2026-01-05", "2026-01-12T05:00:00Z"},
		}},
		{"a month that the old zone had left is not entered again", store.Month, store.Zone{Name: "America/New_York", Previous: "UTC", From: at(t, "2026-02-01T00:00:00Z")}, []step{
			{"2026-01-31T20:00:00Z", "2026-01-01", "2026-02-01T00:00:00Z"},
			{"2026-02-01T00:00:00Z", "2026-02-01", "2026-03-01T05:00:00Z"},
		}},
	} {
		for _, s := range row.steps {
			name, end := metering.WindowAt(row.window, row.zone, at(t, s.now))
			if name.Format(time.DateOnly) != s.day || end.Format(time.RFC3339) != s.end {
				t.Errorf("%s, at %s: window %s until %s, want %s until %s", row.name, s.now,
					name.Format(time.DateOnly), end.Format(time.RFC3339), s.day, s.end)
			}
		}
	}
}
