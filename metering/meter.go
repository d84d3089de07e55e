package metering

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/store"
)

// The built-in meters, whose names no host can declare. Conversations is counted
// everywhere; Credits is the balance of an account, in micro-units.
const (
	Conversations = "conversations"
	Credits       = store.Credits
)

// Meter is something the host counts, such as tokens or pictures.
type Meter struct {
	// Name is 1 to 32 of a-z, 0-9, _ and -, the first a letter.
	Name string
}

// ValidateMeters reports every fault of the meters a host declares, by index.
func ValidateMeters(declared []Meter) error {
	_, err := meterNames(declared)
	return err
}

// meterNames returns the names of all meters, built in and declared.
func meterNames(declared []Meter) ([]string, error) {
	names := []string{Conversations}
	var faults []error
	for i, m := range declared {
		switch {
		case !validMeterName(m.Name):
			faults = append(faults, fmt.Errorf("Meters[%d].Name must be 1 to 32 of a-z, 0-9, _ and -, the first a letter", i))
		case m.Name == Credits || m.Name == Conversations:
			faults = append(faults, fmt.Errorf("Meters[%d].Name is that of a built-in meter", i))
		case slices.Contains(names, m.Name):
			faults = append(faults, fmt.Errorf("Meters[%d].Name is taken by another meter", i))
		default:
			names = append(names, m.Name)
		}
	}
	return names, errors.Join(faults...)
}

func validMeterName(s string) bool {
	return len(s) >= 1 && len(s) <= 32 && s[0] >= 'a' && s[0] <= 'z' && slug(s, "_-")
}

// slug reports whether s is made of a-z, 0-9 and the characters of extra.
func slug(s, extra string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789"+extra) == ""
}

// limitable are the names of all meters, Credits among them.
func (s *Service) limitable() []string { return append(slices.Clip(s.meters), Credits) }

// declared answers ErrValidation for a meter that nobody declared.
func (s *Service) declared(meter string) error {
	if meter == Credits || slices.Contains(s.meters, meter) {
		return nil
	}
	return store.Invalid("meter", "unknown", "must be the name of a meter that is declared")
}

// inRange answers ErrValidation for an amount outside least to MaxAmount.
func inRange(amount, least int64) error {
	if amount >= least && amount <= store.MaxAmount {
		return nil
	}
	return store.Invalid("amount", "range", fmt.Sprintf("must be from %d to %d", least, store.MaxAmount))
}
