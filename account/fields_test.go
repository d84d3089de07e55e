package account

import (
	"encoding/json"
	"strings"
	"testing"
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
