package store

import (
	"context"
	"time"
)

// SignInStore counts failed sign-ins and remembers known devices.
type SignInStore interface {
	// SignInAttempt counts one attempt under key before the password is
	// checked, in one statement: of any number of concurrent attempts at most
	// rule.Limit within rule.Window come back with a zero LockedUntil or one
	// that is not after now; every further one comes back locked. A lock lasts
	// rule.Window from the attempt that set it and is not prolonged by others.
	// Counting starts anew after a lock, and after rule.Window without attempts.
	// A lock whose end is more than two windows ahead was set by a clock that
	// was wrong: it ends rule.Window from now.
	SignInAttempt(ctx context.Context, key string, rule SignInRule, now time.Time) (SignInFailures, error)
	// SignInClear forgets the attempts under a key.
	SignInClear(ctx context.Context, key string) error
	// SignInForgive takes back one attempt under a key, because the password was
	// not checked after all. A lock that is set stays.
	SignInForgive(ctx context.Context, key string) error
	// SignInPurge deletes at most limit keys that no longer count at now.
	SignInPurge(ctx context.Context, now time.Time, limit int) (int, error)

	// SignInLocks returns until when keys are locked; those that are not locked at
	// now are left out.
	SignInLocks(ctx context.Context, keys []string, now time.Time) (map[string]time.Time, error)
	// SignInUnlock forgets the attempts under a key and under those that begin
	// with a prefix, and returns how many of these keys there were.
	SignInUnlock(ctx context.Context, key, prefix string) (int, error)

	// KnownDevicePut inserts or refreshes a device.
	KnownDevicePut(ctx context.Context, d KnownDevice) error
	// KnownDeviceSince reports whether a device was seen at or after a time.
	KnownDeviceSince(ctx context.Context, subject, address string, since time.Time) (bool, error)
	// KnownDeviceDelete forgets the devices of a subject.
	KnownDeviceDelete(ctx context.Context, subject string) error
	// KnownDevicePurge deletes at most limit devices last seen before a time.
	KnownDevicePurge(ctx context.Context, before time.Time, limit int) (int, error)
}

// SignInFailures is the count of failed sign-ins under one key.
type SignInFailures struct {
	Count       int       // attempts in the present window, this one included
	LockedUntil time.Time // zero when not locked
}

// SignInRule is how many failures within a window lock a key, and for how long.
type SignInRule struct {
	Limit  int
	Window time.Duration
}

// KnownDevice is an address (IPv6: its /64) from which an account signed in.
type KnownDevice struct {
	Subject string
	Address string
	At      time.Time
}
