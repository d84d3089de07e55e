package account

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzMetadata stores an object that reads as what was sent, in a form that
// stays as it is.
func FuzzMetadata(f *testing.F) {
	for _, s := range []string{`{}`, ` { "a" : [1, null] }`, `null`, ` null `, `[]`, ``, `{"a":1e999}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":1}{"b":2}`, "{\"a\":\"\u2028\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseMetadata(raw)
		if err != nil {
			return
		}
		if len(got) > maxMetadata || got[0] != '{' || !json.Valid(got) || !utf8.Valid(got) {
			t.Fatalf("%q became %q", raw, got)
		}
		if again, err := parseMetadata(got); err != nil || string(again) != string(got) {
			t.Errorf("%q became %q, %v", got, again, err)
		}
		var sent, stored any
		if json.Unmarshal(raw, &sent) == nil && json.Unmarshal(got, &stored) == nil && sent != nil && !reflect.DeepEqual(sent, stored) {
			t.Errorf("%q was sent, %q is stored", raw, got)
		}
	})
}

// FuzzDisplayName takes one line of text, and FuzzZone the name of a zone that
// says the time: neither takes anything by which a header or a file is reached.
func FuzzDisplayName(f *testing.F) {
	for _, s := range []string{"", "Ada Lovelace", "李小龍 🐉", "a\r\nBcc: b@x.de", "\x00", "\u0085", "\u2028", "\xff", strings.Repeat("ä", 101)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkDisplayName(name) != nil {
			return
		}
		if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxDisplayName || len(strings.FieldsFunc(name, breaksLine)) > 1 || strings.ContainsAny(name, "\x00\r\n\v\f\u0085\u2028\u2029") {
			t.Errorf("%q is taken", name)
		}
	})
}

func FuzzZone(f *testing.F) {
	for _, s := range []string{"UTC", "Europe/Berlin", "Local", "", "../etc/passwd", "/etc/localtime", "Europe/Berlin\n", "Etc/GMT+12", "Europe//Berlin", "./UTC", "Europe", `a\b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkZone(name) != nil {
			return
		}
		zone, err := time.LoadLocation(name)
		if err != nil || zone.String() != name || strings.Contains(name, "..") || strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\x00\\") {
			t.Errorf("%q is taken: %v, %v", name, zone, err)
		}
	})
}
