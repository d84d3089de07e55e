package ratelimit

import (
	"math"
	"strconv"
	"time"
)

// The header fields that tell clients of their limits, refused or not
// (draft-ietf-httpapi-ratelimit-headers-11).
const (
	PolicyHeader = "RateLimit-Policy"
	LimitHeader  = "RateLimit"
)

// Item is one policy as the header fields tell it. Quotas that are counted
// elsewhere make items of their own.
type Item struct {
	Policy    string        // its name in printable ASCII, such as "requests"
	Quota     int64         // the units of a whole window
	Window    time.Duration // the window's length; zero is not told
	Remaining int64         // the units left; below zero is told as zero
	Reset     time.Duration // how long until the quota is whole again; zero is not told
}

// Item is the decision as a policy of the given name.
func (d Decision) Item(policy string) Item {
	return Item{
		Policy:    policy,
		Quota:     int64(d.Limit),
		Window:    d.Window,
		Remaining: int64(d.Remaining),
		Reset:     d.ResetAfter,
	}
}

// PolicyField renders the value of RateLimit-Policy, for instance
//
//	"requests";q=200;w=4, "conversations-day";q=100;w=86400
func PolicyField(items ...Item) string {
	var b []byte
	for _, it := range items {
		b = appendName(b, it.Policy)
		b = appendParam(b, 'q', it.Quota)
		if it.Window > 0 {
			b = appendParam(b, 'w', seconds(it.Window))
		}
	}
	return string(b)
}

// LimitField renders the value of RateLimit, for instance
//
//	"requests";r=199;t=1, "conversations-day";r=57;t=3600
func LimitField(items ...Item) string {
	var b []byte
	for _, it := range items {
		b = appendName(b, it.Policy)
		b = appendParam(b, 'r', it.Remaining)
		if it.Reset > 0 {
			b = appendParam(b, 't', seconds(it.Reset))
		}
	}
	return string(b)
}

// seconds rounds up: a client that waits as long as it is told waits enough.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

// appendName appends a String of structured fields (RFC 9651, section 3.3.3)
// as the next member of the list.
func appendName(b []byte, name string) []byte {
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	b = append(b, '"')
	for i := range len(name) {
		if name[i] == '"' || name[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, name[i])
	}
	return append(b, '"')
}

// appendParam appends a parameter with an Integer of structured fields, which
// has at most 15 digits (RFC 9651, section 3.3.1).
func appendParam(b []byte, name byte, n int64) []byte {
	b = append(b, ';', name, '=')
	return strconv.AppendInt(b, min(max(n, 0), 999_999_999_999_999), 10)
}
