package account

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine without zones of its own gives the same verdicts
)

func TestDisplayNames(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string]bool{
		"":                       true,
		"Ada Lovelace":           true,
		"李小龍 🐉":                  true,
		"<b>&amp;</b>":           true,
		strings.Repeat("ä", 100): true,
		strings.Repeat("ä", 101): false,
		"two\nlines":             false,
		"a\r\nBcc: b@x.de":       false,
		"nul\x00":                false,
		"next line\u0085":        false,
		"line separator\u2028":   false,
		"broken \xff":            false,
	} {
		if err := checkDisplayName(name); (err == nil) != allowed {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	for zone, allowed := range map[string]bool{
		"UTC":             true,
		"Europe/Berlin":   true,
		"Pacific/Apia":    true,
		"":                false,
		"Local":           false,
		"Mars/Olympus":    false,
		"../etc/passwd":   false,
		"/etc/localtime":  false,
		"Europe/Berlin\n": false,
	} {
		if err := checkZone(zone); (err == nil) != allowed {
			t.Errorf("%q: %v", zone, err)
		}
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{}`:                   `{}`,
		` { "a" : [1, null] }`: `{"a":[1,null]}`,
		`null`:                 `{}`,
		``:                     "",
		`[]`:                   "",
		`"text"`:               "",
		`{"a":1} {"b":2}`:      "",
		`{"a":`:                "",
		"{\"a\":\"\xff\"}":     "",
		`{"a":"` + strings.Repeat("x", 16<<10-8) + `"}`: `{"a":"` + strings.Repeat("x", 16<<10-8) + `"}`,
		`{"a":"` + strings.Repeat("x", 16<<10-7) + `"}`: "",
	} {
		if got, err := parseMetadata(json.RawMessage(raw)); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%.40q: got %.40q, %v", raw, got, err)
		}
	}
}

// The day after is found also where its midnight is skipped, comes twice, or the
// whole day is left out.
func TestNextDay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ zone, now, want string }{
		{"UTC", "2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z"},
		{"UTC", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"},
		{"Asia/Tokyo", "2026-03-01T14:59:59Z", "2026-03-01T15:00:00Z"},
		{"America/New_York", "2026-03-08T04:00:00Z", "2026-03-08T05:00:00Z"},
		{"America/New_York", "2026-03-08T12:00:00Z", "2026-03-09T04:00:00Z"},  // 23 hours
		{"Africa/Cairo", "2025-04-24T12:00:00Z", "2025-04-24T22:00:00Z"},      // begins at 01:00
		{"America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"}, // begins at 01:00
		{"America/Havana", "2025-11-01T12:00:00Z", "2025-11-02T04:00:00Z"},    // 01:00 becomes 00:00
		{"Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-30T10:00:00Z"},      // from the 29th to the 31st
	} {
		loc, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := nextDay(now, loc).Format(time.RFC3339); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.zone, tt.now, got, tt.want)
		}
	}
}
