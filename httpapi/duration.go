package httpapi

import (
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// durationOrNull writes a duration as 720h or 1h30m; zero, which means for good,
// is null.
func durationOrNull(d time.Duration) *string {
	if d == 0 {
		return nil
	}
	text := d.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, nothing) {
			text = text[:len(text)-2]
		}
	}
	return &text
}

// readDuration reads what durationOrNull writes, and adds to the faults of a body
// when it cannot. Null is zero.
func readDuration(faults *[]store.FieldError, field string, text *string) time.Duration {
	if text == nil {
		return 0
	}
	d, err := time.ParseDuration(*text)
	if err != nil || d < 0 {
		*faults = append(*faults, store.FieldError{
			Field: field, Rule: "format", Message: "It must be a duration such as 720h or 90m, or null for good.",
		})
	}
	return d
}
