package store

// Window is the calendar period a limit counts over, in the account's time
// zone.
type Window string

// The windows. A week begins on Monday (ISO 8601).
const (
	Day   Window = "day"
	Week  Window = "week"
	Month Window = "month"
)
