// Package storetest is the suite that every store.Store passes. The test of a
// driver is a call of Run:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			s, err := mydriver.Open(t.Context(), t.TempDir())
//			if err != nil {
//				t.Fatal(err)
//			}
//			return s
//		})
//	}
//
// It sees a store only through its interface. What store.Store promises is
// tested here, so that a driver needs tests of its own only for what is its
// own: how it is opened, and what happens when its database fails.
package storetest

import (
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usermgmt/usermgmt/store"
)

// Opener opens a store that is empty and shares nothing with those opened
// before. Run closes it.
type Opener func(t *testing.T) store.Store

// Run runs the suite. Its subtests are named Entity/Method/Behaviour and run in
// parallel.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	entities := []struct {
		name string
		test func(*testing.T, Opener)
	}{
		{"Users", testUsers},
		{"UserList", testUserList},
		{"UserCounts", testUserCounts},
		{"SuspensionEnd", testSuspensionEnd},
		{"Identifiers", testIdentifiers},
		{"PasswordHashes", testPasswordHashes},
		{"PasswordSchemes", testPasswordSchemes},
		{"DeletedUsers", testDeletedUsers},
		{"Sessions", testSessions},
		{"SessionEnds", testSessionEnds},
		{"RefreshTokens", testRefreshTokens},
		{"SignIns", testSignIns},
		{"KnownDevices", testKnownDevices},
		{"APIKeys", testAPIKeys},
		{"ServiceKeys", testServiceKeys},
		{"SignInLocks", testSignInLocks},
		{"Admins", testAdmins},
		{"Staff", testStaff},
		{"Settings", testSettings},
		{"Plans", testPlans},
		{"Reserve", testReserve},
		{"Consume", testConsume},
		{"Idempotency", testIdempotency},
		{"Settle", testSettle},
		{"Extend", testExtend},
		{"MeterPurge", testMeterPurge},
		{"Usage", testUsage},
		{"Refund", testRefund},
		{"History", testHistory},
		{"UsageOfAll", testUsageOfAll},
		{"UsagePurge", testUsagePurge},
		{"MeterErase", testMeterErase},
		{"PersonErase", testPersonErase},
		{"Credits", testCredits},
		{"LedgerProperties", testLedgerProperties},
		{"Tasks", testTasks},
		{"Messages", testMessages},
		{"MessageUsage", testMessageUsage},
		{"MessagePurge", testMessagePurge},
		{"MessageWindows", testMessageWindows},
		{"Audit", testAudit},
		{"Feed", testFeed},
		{"InTx", testInTx},
		{"Cancellation", testCancellation},
		{"Close", testClose},
	}
	for _, e := range entities {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			e.test(t, func(t *testing.T) store.Store {
				t.Helper()
				s := open(t)
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				return s
			})
		})
	}
}

// moment returns a time of the suite, n seconds after its first: finer than a
// microsecond and not in UTC, so that what a store keeps of it shows.
func moment(n int) time.Time {
	return time.Date(2026, 3, 14, 15, 9, 26, 535_897_932, time.FixedZone("", 3600)).Add(time.Duration(n) * time.Second)
}

// kept is what a store keeps of a time.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// newID makes an id that no other test uses.
func newID(prefix string) string { return prefix + rand.Text() }

// newHash makes the hash of some secret.
func newHash() (h [32]byte) {
	rand.Read(h[:])
	return h
}

// together runs fn n times at the same moment and waits for all.
func together(n int, fn func(i int)) {
	start := make(chan struct{})
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	calls.Wait()
}

// must fails the test unless err is nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// got returns a value whose error is nil, and otherwise fails the test.
func got[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// wantError fails the test unless err has the category.
func wantError(t *testing.T, err error, want store.Code) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

// want fails the test unless the two are equal; a nil slice equals an empty one.
func want[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("unexpected result (-want +got):\n%s", diff)
	}
}
