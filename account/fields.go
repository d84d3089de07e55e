package account

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/store"
)

const (
	maxDisplayName = 100
	maxMetadata    = 16 << 10
)

// checkDisplayName allows any text of one line, the empty one included. It is
// stored as given: escaping belongs to whoever shows it.
func checkDisplayName(s string) error {
	switch {
	case !utf8.ValidString(s):
		return store.Invalid("display_name", "utf8", "The display name is not valid UTF-8.")
	case utf8.RuneCountInString(s) > maxDisplayName:
		return store.Invalid("display_name", "too_long", "A display name has at most 100 characters.")
	case strings.ContainsFunc(s, breaksLine):
		return store.Invalid("display_name", "characters", "A display name is one line without control characters.")
	}
	return nil
}

func breaksLine(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp)
}

// checkZone allows the names of the IANA time zone database. "Local" is none:
// it would mean another zone on each machine.
func checkZone(name string) error {
	if name != "" && name != "Local" {
		if _, err := time.LoadLocation(name); err == nil {
			return nil
		}
	}
	return store.Invalid("time_zone", "unknown", `A time zone is an IANA name such as "Europe/Berlin".`)
}

// parseMetadata returns a JSON object of at most 16 KiB without insignificant
// space. null clears, which leaves the empty object.
func parseMetadata(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) > maxMetadata {
		return nil, store.Invalid("metadata", "too_large", "Metadata has at most 16 KiB.")
	}
	var compact bytes.Buffer
	if !utf8.Valid(raw) || json.Compact(&compact, raw) != nil {
		return nil, store.Invalid("metadata", "json", "Metadata is not valid JSON.")
	}
	switch b := compact.Bytes(); {
	case string(b) == "null":
		return json.RawMessage("{}"), nil
	case b[0] == '{':
		return b, nil
	}
	return nil, store.Invalid("metadata", "object", "Metadata is a JSON object.")
}
