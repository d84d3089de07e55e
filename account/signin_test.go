package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	h.pass(time.Hour)
	user, grant, err := h.SignIn(t.Context(), "Alice@EXAMPLE.com", goodPassword, away)
	must(t, err)
	if user.ID != alice.ID || !user.LastLoginAt.Equal(noon.Add(time.Hour)) || !user.UpdatedAt.Equal(noon) {
		t.Errorf("%+v", user)
	}
	if grant.Session.Subject != alice.ID || grant.Session.IP != "198.51.100.9" || h.live(alice.ID) != 2 {
		t.Errorf("%+v", grant.Session)
	}
	events := h.events("user.login")
	if len(events) != 1 || events[0].ActorID != alice.ID || events[0].Detail.IP != "198.51.100.9" || events[0].RequestID != "req_2" {
		t.Errorf("the trail: %+v", events)
	}
	if stored, err := h.Get(t.Context(), alice.ID); err != nil || !stored.LastLoginAt.Equal(user.LastLoginAt) {
		t.Errorf("%+v, %v", stored, err)
	}
}

// Whatever a stranger tries, the answer is the same to the byte.
func TestCase_EN_01_RefusalsAreAlike(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.register("alice")
	suspended, _ := h.register("sue")
	must(t, h.Suspend(t.Context(), staff, suspended.ID, "spam", time.Time{}))
	deleted, _ := h.register("dan")
	must(t, h.Delete(t.Context(), staff, deleted.ID, "left"))
	_, err := h.Create(t.Context(), staff, account.Registration{Username: "nopass"})
	must(t, err)

	_, _, want := h.SignIn(t.Context(), "alice", "wrong", away)
	for _, name := range []string{"nobody", "nobody@example.com", "sue", "dan", "dan@example.com", "nopass", "", "not a name", "a@b@c", strings.Repeat("x", 5000), "root", "\x00", "bøb"} {
		_, _, err := h.SignIn(t.Context(), name, "wrong", away)
		if !errors.Is(err, store.ErrInvalidCredentials) || err.Error() != want.Error() {
			t.Errorf("%.20q: %v, want %v", name, err, want)
		}
	}
}

// No refusal is faster than the floor, whatever the reason.
func TestCase_EN_02_RefusalsTakeTheirTime(t *testing.T) {
	t.Parallel()
	const floor = 40 * time.Millisecond
	h := newHouse(t, func(c *account.Config) {
		hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 4, Floor: floor})
		must(t, err)
		c.Hasher, c.Lockout = hasher, store.SignInRule{Limit: 1, Window: time.Minute}
	})
	h.register("alice")
	suspended, _ := h.register("sue")
	must(t, h.Suspend(t.Context(), staff, suspended.ID, "spam", time.Time{}))
	deleted, _ := h.register("dan")
	must(t, h.Delete(t.Context(), staff, deleted.ID, "left"))
	for _, tt := range []struct {
		name, password string
		code           store.Code
	}{
		{"alice", "wrong", store.ErrInvalidCredentials},
		{"alice", goodPassword, store.ErrLocked},
		{"nobody", "wrong", store.ErrInvalidCredentials},
		{"nobody", "wrong", store.ErrLocked},
		{"sue", goodPassword, store.ErrSuspended},
		{"dan", goodPassword, store.ErrInvalidCredentials},
		{"not a name", "wrong", store.ErrInvalidCredentials},
		{"root", strings.Repeat("x", 2000), store.ErrInvalidCredentials},
	} {
		began := time.Now()
		code := h.code(tt.name, tt.password, away)
		if took := time.Since(began); took < floor || code != tt.code {
			t.Errorf("%s: %s after %v, want %s", tt.name, code, took, tt.code)
		}
	}
}

func TestCase_LK_01_Lockout(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.register("alice")
	for _, name := range []string{"alice", "nobody"} {
		for i := range 10 {
			if code := h.code(name, "wrong", away); code != store.ErrInvalidCredentials {
				t.Fatalf("%s: attempt %d: %s", name, i+1, code)
			}
		}
		_, _, err := h.SignIn(t.Context(), name, goodPassword, away)
		e, _ := errors.AsType[*store.Error](err)
		if e == nil || e.Code != store.ErrLocked || e.RetryAfter != 15*time.Minute {
			t.Fatalf("%s: the right password while locked: %v", name, err)
		}
	}
	// The wait that was told is the true one, and is not prolonged by trying.
	h.pass(15*time.Minute - time.Second)
	if code := h.code("alice", goodPassword, away); code != store.ErrLocked {
		t.Errorf("a second early: %q", code)
	}
	h.pass(time.Second)
	if code := h.code("alice", goodPassword, away); code != "" {
		t.Errorf("after the wait: %s", code)
	}
}

// User name and address are one account: their failures add up.
func TestFailuresOfBothNamesAddUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.register("alice")
	for range 5 {
		h.code("alice", "wrong", away)
		h.code("ALICE@example.com", "wrong", away)
	}
	if code := h.code("alice", goodPassword, away); code != store.ErrLocked {
		t.Errorf("got %q", code)
	}
}

func TestASuccessClearsTheCount(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.register("alice")
	for range 3 {
		for range 9 {
			h.code("alice", "wrong", away)
		}
		if code := h.code("alice", goodPassword, away); code != "" {
			t.Fatalf("got %s", code)
		}
	}
}

// However many guesses come at once, on however many instances, no more than
// the limit are compared.
func TestCase_LK_02_GuessesConcurrently(t *testing.T) {
	t.Parallel()
	first := newHouse(t)
	first.register("alice")
	instances := []*house{first, moveIn(t, first.store), moveIn(t, first.store)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[store.Code]int{}
	for i := range 200 {
		wg.Go(func() {
			h := instances[i%len(instances)]
			from := authn.Origin{IP: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})}
			code := h.code("alice", "wrong", from)
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	wg.Wait()
	// A machine that is too slow for so many at once leaves some unanswered.
	compared := codes[store.ErrInvalidCredentials]
	if compared > 10 || compared+codes[store.ErrLocked]+codes[store.ErrUnavailable] != 200 || codes[store.ErrUnavailable] == 0 && compared != 10 {
		t.Errorf("ended as %v", codes)
	}
	for _, h := range instances {
		must(t, h.trail.Flush(t.Context()))
	}
	checked := 0
	for _, e := range first.events("user.login_failed") {
		if e.Result == store.Failed {
			checked += int(e.Count)
		}
	}
	if checked != compared {
		t.Errorf("%d checks in the trail, of %d", checked, compared)
	}
}

// While a stranger keeps an account locked, its owner gets in from an address he
// has signed in from; for thirty days, with a count of his own.
func TestCase_LK_07_KnownDevices(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ known, now string }{
		"IPv4":           {"192.0.2.7", "192.0.2.7"},
		"IPv4 in IPv6":   {"192.0.2.7", "::ffff:192.0.2.7"},
		"same IPv6 net":  {"2001:db8:1:2::5", "2001:db8:1:2:aaaa::1"},
		"IPv6 and scope": {"fe80::1%eth0", "fe80::2%eth1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			known := authn.Origin{IP: netip.MustParseAddr(tt.known)}
			_, _, err := h.Register(t.Context(), account.Registration{Username: "alice", Password: goodPassword}, known)
			must(t, err)
			lock := func() {
				for range 11 {
					h.code("alice", "wrong", away)
				}
			}
			lock()
			again := authn.Origin{IP: netip.MustParseAddr(tt.now)}
			for _, from := range []authn.Origin{away, {}, {IP: netip.MustParseAddr("2001:db8:1:3::5")}} {
				if code := h.code("alice", goodPassword, from); code != store.ErrLocked {
					t.Errorf("from %v: %q", from.IP, code)
				}
			}
			if code := h.code("alice", goodPassword, again); code != "" {
				t.Errorf("from the known device: %s", code)
			}
			if code := h.code("alice", goodPassword, away); code != store.ErrLocked {
				t.Errorf("the owner's sign-in freed the stranger: %q", code)
			}
			h.pass(30*24*time.Hour + time.Second)
			lock()
			if code := h.code("alice", goodPassword, again); code != store.ErrLocked {
				t.Errorf("after thirty days: %q", code)
			}
		})
	}
}

func TestAKnownDeviceIsLockedToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.register("alice")
	for range 10 {
		h.code("alice", "wrong", home)
	}
	if code := h.code("alice", goodPassword, home); code != store.ErrLocked {
		t.Errorf("the known device: %q", code)
	}
	if code := h.code("alice", goodPassword, away); code != "" {
		t.Errorf("elsewhere: %s", code)
	}
}

// Failures are in the trail with the account they were about, where there is
// one, and never with what was typed.
func TestFailuresAreRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.Lockout.Limit = 1 })
	alice, _ := h.register("alice")
	sue, _ := h.register("sue")
	must(t, h.Suspend(t.Context(), staff, sue.ID, "spam", time.Time{}))
	h.code("alice", "wrong", away)
	h.code("alice", goodPassword, away)
	h.code("sue", goodPassword, away)
	h.code("hunter2hunter2", "wrong", away)
	var got []string
	for _, e := range h.events("user.login_failed") {
		got = append(got, fmt.Sprintf("%s %s %s", e.Target.ID, e.Result, e.Detail.Reason))
		if e.ActorKind != store.ActorAnonymous || e.Detail.IP != "198.51.100.9" || strings.Contains(fmt.Sprintf("%+v", e), "hunter2") {
			t.Errorf("%+v", e)
		}
	}
	want := []string{alice.ID + " failed wrong name or password", alice.ID + " denied locked", sue.ID + " denied suspended", " failed wrong name or password"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSuspendedSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	must(t, h.Suspend(t.Context(), staff, alice.ID, "spam", noon.Add(time.Hour)))
	if code := h.code("alice", goodPassword, home); code != store.ErrSuspended {
		t.Errorf("the right password: %q", code)
	}
	if code := h.code("alice", "wrong", home); code != store.ErrInvalidCredentials {
		t.Errorf("the wrong password: %q", code)
	}
	if h.live(alice.ID) != 0 {
		t.Error("there is a session")
	}
	h.pass(time.Hour)
	user, _, err := h.SignIn(t.Context(), "alice", goodPassword, home)
	if must(t, err); user.Status != store.Active || user.SuspendedReason != "" || !user.SuspendedUntil.IsZero() {
		t.Errorf("after the end: %+v", user)
	}
}

func TestCase_PW_10_SignInUpgradesTheHash(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	old, err := bcrypt.GenerateFromPassword([]byte(goodPassword), 5)
	must(t, err)
	must(t, h.store.PasswordHashPut(t.Context(), store.PasswordHash{Subject: alice.ID, Hash: string(old), UpdatedAt: noon}))
	hashOf := func() string {
		hash, err := h.store.PasswordHashGet(t.Context(), alice.ID)
		must(t, err)
		return hash.Hash
	}
	// Many at once: one stores its hash, the others find it right as well.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if code := h.code("alice", goodPassword, home); code != "" {
				t.Errorf("sign-in: %s", code)
			}
		})
	}
	wg.Wait()
	upgraded := hashOf()
	if cost, err := bcrypt.Cost([]byte(upgraded)); err != nil || cost != 4 {
		t.Errorf("cost %d, %v", cost, err)
	}
	if code := h.code("alice", goodPassword, home); code != "" || hashOf() != upgraded {
		t.Errorf("the second sign-in: %q", code)
	}
	if code := h.code("alice", "wrong", home); code != store.ErrInvalidCredentials || hashOf() != upgraded {
		t.Errorf("a wrong one: %q", code)
	}
}

// A sign-in whose password is changed while it is compared does not get in with
// the old one.
func TestSignInLosesToAPasswordChange(t *testing.T) {
	t.Parallel()
	db := newHouse(t).store
	racing := &racingStore{Store: db}
	h := moveIn(t, racing)
	alice, _ := h.register("alice")
	racing.onAttempt = func() { // after the hash was read, before the session starts
		racing.onAttempt = nil
		hash, err := h.cfg.Hasher.Hash(t.Context(), "another-good-one-7")
		must(t, err)
		must(t, db.PasswordHashPut(t.Context(), store.PasswordHash{Subject: alice.ID, Hash: hash, UpdatedAt: noon}))
	}
	if code := h.code("alice", goodPassword, home); code != store.ErrInvalidCredentials {
		t.Errorf("got %q", code)
	}
	if h.live(alice.ID) != 1 {
		t.Errorf("%d sessions", h.live(alice.ID))
	}
}

// racingStore lets a test do something in the middle of an attempt.
type racingStore struct {
	store.Store
	onAttempt func()
}

func (s *racingStore) SignInAttempt(ctx context.Context, key string, rule store.SignInRule, now time.Time) (store.SignInFailures, error) {
	if s.onAttempt != nil {
		s.onAttempt()
	}
	return s.Store.SignInAttempt(ctx, key, rule, now)
}

func TestPasswordLoginDisabled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.PasswordLoginDisabled = true })
	h.register("alice")
	if code := h.code("alice", goodPassword, home); code != store.ErrForbidden {
		t.Errorf("AZ-13: %q", code)
	}
}

func TestADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.register("alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := h.SignIn(ctx, "alice", goodPassword, home); err == nil || errors.Is(err, store.ErrInvalidCredentials) {
		t.Errorf("got %v", err)
	}
}

// counted notes what failures are counted under.
type counted struct {
	store.Store
	keys map[string]bool
}

func (c counted) SignInAttempt(ctx context.Context, key string, rule store.SignInRule, now time.Time) (store.SignInFailures, error) {
	c.keys[key] = true
	return c.Store.SignInAttempt(ctx, key, rule, now)
}

// However many names are tried, their counters are 262,144 at the most: five
// hexadecimal digits that begin with 0 to 3.
func TestAFloodOfUnknownNamesIsCountedInABoundedTable(t *testing.T) {
	t.Parallel()
	seen := counted{keys: map[string]bool{}}
	h := newHouse(t, func(cfg *account.Config) {
		seen.Store = cfg.Store
		cfg.Store = seen
	})
	const names = 300
	for i := range names {
		_, _, err := h.SignIn(t.Context(), fmt.Sprintf("stranger%d", i), "wrong", away)
		if !errors.Is(err, store.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	for key := range seen.keys {
		n, ok := strings.CutPrefix(key, "name:")
		if !ok || len(n) != 5 || n[0] > '3' {
			t.Fatalf("a failure is counted under %q", key)
		}
	}
	if len(seen.keys) < names-5 {
		t.Errorf("%d names share %d counters", names, len(seen.keys))
	}
}
