package ratelimit

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The range of rates. The bounds keep the arithmetic in whole nanoseconds exact
// and far from overflow.
const (
	maxPerSecond = 1e6
	maxBurst     = 1_000_000_000
	maxWindow    = 366 * 24 * time.Hour
)

// Rate is how fast a bucket fills and how much it holds. The zero Rate is no
// rate: Valid is false, and Allow refuses to work with it.
type Rate struct {
	PerSecond float64 // units gained a second, above 0 and at most 1,000,000
	Burst     int     // units of a full bucket, at least 1
}

// Valid reports whether the rate can be used: both members in range, and an
// empty bucket full again within 366 days.
func (r Rate) Valid() bool {
	return r.PerSecond > 0 && r.PerSecond <= maxPerSecond &&
		r.Burst >= 1 && r.Burst <= maxBurst &&
		float64(r.Burst) <= maxWindow.Seconds()*r.PerSecond
}

// Window is how long an empty bucket takes to fill.
func (r Rate) Window() time.Duration { return time.Duration(r.interval() * int64(r.Burst)) }

// interval is the time one unit takes, in nanoseconds. It is rounded up, so that
// rounding never admits more.
func (r Rate) interval() int64 { return int64(math.Ceil(1e9 / r.PerSecond)) }

// Spend decides about n units of a bucket that is full after the given time, and
// returns when it will be full afterwards. A refusal changes nothing. The rate
// must be valid and n not negative.
//
// This is the generic cell rate algorithm (ITU-T I.371): the whole state of a
// bucket is the one instant at which it is full.
func (r Rate) Spend(untilFull time.Duration, n int) (d Decision, after time.Duration) {
	interval := r.interval()
	window := interval * int64(r.Burst)
	// The state can lie outside the bucket: in the past when it has filled, too
	// far ahead when the rate was changed or the clock was set back.
	missing := min(max(int64(untilFull), 0), window)

	d.Limit, d.Window = r.Burst, time.Duration(window)
	switch room := window - missing; {
	case n > r.Burst:
	case int64(n)*interval > room:
		d.RetryAfter = time.Duration(int64(n)*interval - room)
	default:
		d.Allowed = true
		missing += int64(n) * interval
	}
	d.Remaining = int((window - missing) / interval)
	d.ResetAfter = time.Duration(missing)
	return d, d.ResetAfter
}

var units = [...]struct {
	name    string
	seconds float64
}{{"s", 1}, {"m", 60}, {"h", 3600}}

// ParseRate reads "50/s", "30/m" or "100/h", optionally followed by ",burst="
// and a whole number. Without a burst the bucket holds the number before the
// slash, rounded up. Nothing else is accepted, no space either; an error names
// the rule that was broken and never the text.
func ParseRate(s string) (Rate, error) {
	rate, burst, hasBurst := strings.Cut(s, ",burst=")
	number, unit, _ := strings.Cut(rate, "/")
	count, ok := parseNumber(number)
	if !ok {
		return Rate{}, errors.New("ratelimit: a rate begins with a number, as in 50/s")
	}
	var r Rate
	for _, u := range units {
		if unit == u.name {
			r = Rate{PerSecond: count / u.seconds, Burst: int(math.Ceil(min(count, maxBurst)))}
		}
	}
	if r.Burst == 0 {
		return Rate{}, errors.New("ratelimit: a rate is above zero and per s, m or h, as in 50/s")
	}
	if hasBurst {
		n, ok := parseNumber(burst)
		if !ok || n < 1 || n > maxBurst || n != math.Trunc(n) {
			return Rate{}, fmt.Errorf("ratelimit: a burst is a whole number from 1 to %d, as in 50/s,burst=200", maxBurst)
		}
		r.Burst = int(n)
	}
	if !r.Valid() {
		return Rate{}, errors.New("ratelimit: a rate is at most 1000000/s, and a burst must be regained within 366 days")
	}
	return r, nil
}

// parseNumber reads digits with at most one point among them: less than
// strconv does, which also knows signs, exponents, infinities and more.
func parseNumber(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.") != "" || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// String writes the rate in the form that ParseRate reads, in the unit that
// needs the fewest words. A rate that is not valid has a form that ParseRate
// refuses.
func (r Rate) String() string {
	var whole string
	for _, u := range units {
		count := math.Round(r.PerSecond * u.seconds)
		if count/u.seconds != r.PerSecond {
			continue
		}
		s := strconv.FormatFloat(count, 'f', -1, 64) + "/" + u.name
		if count == float64(r.Burst) {
			return s
		}
		if whole == "" {
			whole = s
		}
	}
	if whole == "" {
		whole = strconv.FormatFloat(r.PerSecond, 'f', -1, 64) + "/s"
	}
	return whole + ",burst=" + strconv.Itoa(r.Burst)
}
