package authn_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

var anywhere authn.Caller = authn.At(netip.MustParseAddr("192.0.2.7"))

// desk is a house with everything that deals with credentials.
type desk struct {
	*house
	sessions *authn.Sessions
	keys     *authn.Keys
	services *authn.ServiceKeys
	verifier *authn.Verifier
	stale    atomic.Bool // changes elsewhere have not been heard of
	uses     atomic.Int64
}

func newDesk(t testing.TB, change func(*authn.VerifierConfig)) *desk {
	t.Helper()
	d := &desk{house: newHouse(t)}
	d.sessions, d.keys, d.services = newSessions(t, d.house), newKeys(d.house), newServiceKeys(d.house)
	d.house.admins[root] = store.Admin{ID: root, Username: "root", Permissions: []string{authn.PermissionOwner}, Status: store.Active}
	tokens, err := authn.NewTokens(authn.TokenConfig{Keyring: newKeyring(t, secret(1)), Algorithm: authn.AlgorithmHS256, Issuer: issuer, Clock: d.now})
	if err != nil {
		t.Fatal(err)
	}
	cfg := authn.VerifierConfig{
		Store: d.house, Tokens: tokens, Versions: d.versions,
		Fresh:    func(time.Time) bool { return !d.stale.Load() },
		OnKeyUse: func(string, time.Time) { d.uses.Add(1) },
	}
	if change != nil {
		change(&cfg)
	}
	d.verifier = authn.NewVerifier(cfg)
	return d
}

func (d *desk) verify(t testing.TB, credential string) (*authn.Principal, error) {
	t.Helper()
	return d.verifier.Verify(t.Context(), credential, anywhere, d.now())
}

func (d *desk) good(t testing.TB, name, credential string) *authn.Principal {
	t.Helper()
	p, err := d.verify(t, credential)
	if err != nil || p == nil {
		t.Fatalf("%s: %v, want a principal", name, err)
	}
	return p
}

func (d *desk) bad(t testing.TB, name, credential string) {
	t.Helper()
	if p, err := d.verify(t, credential); !errors.Is(err, store.ErrInvalidToken) || p != nil {
		t.Errorf("%s: %v, %v; want an invalid token", name, p, err)
	}
}

// held is a credential, how to revoke it, and the version key of its account.
type held struct {
	credential string
	revoke     func() error
	account    string
}

// credentials returns one of each kind.
func (d *desk) credentials(t testing.TB) map[string]held {
	t.Helper()
	grant := start(t, d.house, d.sessions)
	key, plain := create(t, d.keys, owner, authn.NewKey{Name: "n"})
	admin := startAdmin(t, d.house, d.sessions)
	service, plainService := createService(t, d.services, authn.NewServiceKey{Name: "n"})
	return map[string]held{
		"token": {grant.AccessToken.Reveal(), func() error {
			return d.sessions.Revoke(context.Background(), actor, alice, grant.Session.ID)
		}, store.UserVersion(alice)},
		"key": {plain, func() error {
			return d.keys.Revoke(context.Background(), actor, alice, key.ID, "")
		}, store.UserVersion(alice)},
		"admin's token": {admin.AccessToken.Reveal(), func() error {
			return d.sessions.Revoke(context.Background(), actor, root, admin.Session.ID)
		}, store.AdminVersion(root)},
		"service key": {plainService, func() error {
			return d.services.Revoke(context.Background(), actor, service.ID)
		}, store.ServiceKeyVersion(service.ID)},
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	grant := start(t, d.house, d.sessions)
	key, plain := create(t, d.keys, owner, authn.NewKey{Name: "n", Scopes: []string{"files"}, RateLimit: "5/s", Limits: []store.Limit{{Meter: "m", Window: store.Day, Limit: 1}}})
	base := authn.Principal{Subject: alice, Kind: authn.KindUser, Username: "alice", Plan: "free", Zone: store.Zone{Name: "Europe/Berlin"}}
	ofToken, ofKey := base, base
	ofToken.SessionID, ofToken.AllScopes, ofToken.Rate = grant.Session.ID, true, ratelimit.Rate{PerSecond: 20, Burst: 40}
	ofKey.KeyID, ofKey.KeyFamily, ofKey.Scopes, ofKey.Limits, ofKey.Rate = key.ID, key.Family, key.Scopes, key.Limits, ratelimit.Rate{PerSecond: 5, Burst: 5}
	for range 2 { // asked for, then remembered
		if diff := cmp.Diff(&ofToken, d.good(t, "token", grant.AccessToken.Reveal()), cmpopts.EquateComparable(store.Zone{})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(&ofKey, d.good(t, "key", plain), cmpopts.EquateComparable(store.Zone{})); diff != "" {
			t.Error(diff)
		}
	}
	if got := d.lookCount(); got != 2 {
		t.Errorf("%d look-ups for two credentials", got)
	}
}

func TestKeyRatesStayBelowThePlans(t *testing.T) {
	t.Parallel()
	for own, row := range map[string]struct{ plan, configured, want string }{
		"":             {"20/s,burst=40", "50/s", "20/s,burst=40"},
		"5/s":          {"20/s,burst=40", "50/s", "5/s"},
		"5/s,burst=90": {"20/s,burst=40", "50/s", "5/s,burst=40"},
		"99/s":         {"20/s,burst=40", "50/s", "20/s,burst=40"},
		"60/s":         {"", "50/s", "50/s"},
		"61/s":         {"", "", "61/s"},
	} {
		configured, _ := ratelimit.ParseRate(row.configured)
		d := newDesk(t, func(c *authn.VerifierConfig) { c.Rate = configured })
		d.plans["free"] = store.Plan{ID: "free", RateLimit: row.plan}
		_, plain := create(t, d.keys, owner, authn.NewKey{Name: "n", RateLimit: own})
		want, _ := ratelimit.ParseRate(row.want)
		if got := d.good(t, own, plain).Rate; got != want {
			t.Errorf("own %q, plan %q, configured %q: %v, want %v", own, row.plan, row.configured, got, want)
		}
	}
}

func TestBadCredentials(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	grant := start(t, d.house, d.sessions)
	ring := newKeyring(t, secret(1))
	tokens, _ := newTokens(t, authn.AlgorithmHS256, ring)
	sign := func(kind authn.Kind, subject, session string) string {
		token, _, err := tokens.Issue(kind, subject, session)
		if err != nil {
			t.Fatal(err)
		}
		return token.Reveal()
	}
	d.house.sessions["ses_staff"] = store.Session{ID: "ses_staff", Kind: store.ActorStaff, Subject: alice, ExpiresAt: noon.Add(time.Hour), IdleUntil: noon.Add(time.Hour)}
	_, plain := create(t, d.keys, owner, authn.NewKey{Name: "n"})
	for name, credential := range map[string]string{
		"empty":                        "",
		"nonsense":                     "nonsense",
		"1 MiB":                        string(make([]byte, 1<<20)),
		"RT-12 a refresh token":        grant.RefreshToken.Reveal(),
		"an unknown key":               authn.GenerateAPIKey("um_").Reveal(),
		"an unknown service key":       authn.GenerateAPIKey("ums_").Reveal(),
		"a key with a typing error":    plain[:len(plain)-1] + "!",
		"a token of no session":        sign(authn.KindUser, alice, "ses_unknown"),
		"another's session":            sign(authn.KindUser, "usr_bob", grant.Session.ID),
		"a staff token":                sign(authn.KindStaff, alice, "ses_staff"),
		"a staff session's user token": sign(authn.KindUser, alice, "ses_staff"),
	} {
		for range 2 {
			d.bad(t, name, credential)
		}
	}
	d.good(t, "the control", grant.AccessToken.Reveal())
}

func TestCase_AK_05_RevocationHoldsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	for name, c := range d.credentials(t) {
		d.good(t, name, c.credential)
		if err := c.revoke(); err != nil {
			t.Fatal(err)
		}
		d.bad(t, "AK-05 RT-07 a revoked "+name, c.credential)
	}
}

func TestCase_RT_08_SuspensionReachesTokensAndKeys(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	suspend := func(status store.Status, until time.Time) {
		err := d.door.Do(t.Context(), actor, func(_ context.Context, _ store.Queries, c *store.Change) error {
			d.setUser(func(u *store.User) { u.Status, u.SuspendedUntil = status, until })
			c.Action, c.Affects = "user.suspend", []string{store.UserVersion(alice)}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	held := d.credentials(t)
	for _, name := range []string{"token", "key"} {
		c := held[name]
		d.good(t, name, c.credential)
		suspend(store.Suspended, time.Time{})
		d.bad(t, "RT-08 suspended: "+name, c.credential)
		suspend(store.Active, time.Time{})
		d.good(t, "RT-08 reactivated within the second: "+name, c.credential)
	}
}

func TestCase_C7_AnswersEndWithTheCredential(t *testing.T) {
	t.Parallel()
	day := func(c *authn.VerifierConfig) { c.TTL = 24 * time.Hour }
	t.Run("C7 a cached answer does not outlive the key's own expiry", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, day)
		_, key := create(t, d.keys, owner, authn.NewKey{Name: "n", ExpiresAt: noon.Add(time.Minute)})
		d.advance(time.Minute - 1)
		d.good(t, "C7 the key", key)
		d.advance(1)
		d.bad(t, "C7 the key has expired", key)
	})
	t.Run("C7 nor the grace of one that was rotated", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, day)
		old, key := create(t, d.keys, owner, authn.NewKey{Name: "n", ExpiresAt: noon.Add(time.Hour)})
		if _, _, err := d.keys.Rotate(t.Context(), actor, owner, old.ID, time.Minute); err != nil {
			t.Fatal(err)
		}
		d.good(t, "C7 the old key in its grace", key)
		d.advance(time.Minute)
		d.bad(t, "C7 the old key after it", key)
	})
	t.Run("C7 nor the token's, with its leeway", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, day)
		token := start(t, d.house, d.sessions).AccessToken.Reveal()
		d.good(t, "C7 the token", token)
		d.advance(10*time.Minute + 4*time.Second)
		d.good(t, "C7 the token within the leeway", token)
		d.advance(time.Second)
		d.bad(t, "C7 the token has expired", token)
	})
}

func TestAnswersAreAskedForAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	for name, c := range d.credentials(t) {
		before := d.lookCount()
		for range 10 {
			d.good(t, name, c.credential)
		}
		d.advance(5 * time.Second)
		d.good(t, name, c.credential)
		if got := d.lookCount() - before; got != 2 {
			t.Errorf("%s: %d look-ups, want one at the start and one after the TTL", name, got)
		}
	}
}

func TestFailedLookupsAndTheirFailModes(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	down := errors.New("connection refused")
	for name, c := range d.credentials(t) {
		d.setHook(func(context.Context) error { return down })
		if _, err := d.verify(t, c.credential); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, down) {
			t.Errorf("%s with the database down: %v", name, err)
		}
		d.setHook(nil)
		d.good(t, name+" right after the outage", c.credential)
		d.setHook(func(context.Context) error { return down })
		d.good(t, name+" from memory", c.credential)
		d.stale.Store(true)
		if _, err := d.verify(t, c.credential); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s when memory cannot be trusted: %v", name, err)
		}
		d.stale.Store(false)
		d.setHook(nil)
	}
}

func TestStaleMemoryIsNotTrusted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	for name, c := range d.credentials(t) {
		d.good(t, name, c.credential)
		before := d.lookCount()
		d.stale.Store(true)
		for range 3 {
			d.good(t, name, c.credential)
		}
		d.stale.Store(false)
		if got := d.lookCount() - before; got != 3 {
			t.Errorf("%s: %d look-ups for three requests without news", name, got)
		}
	}
}

func TestConcurrentMissesAreOneLookup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		for name, c := range d.credentials(t) {
			gate := make(chan struct{})
			d.setHook(func(context.Context) error { <-gate; return nil })
			before := d.lookCount()
			var callers sync.WaitGroup
			for range 50 {
				callers.Go(func() { d.good(t, name, c.credential) })
			}
			synctest.Wait()
			close(gate)
			callers.Wait()
			d.setHook(nil)
			if got := d.lookCount() - before; got != 1 {
				t.Errorf("%s: %d look-ups for 50 requests at once", name, got)
			}
		}
	})
}

func TestAWaiterLeavesWithItsContextAndALeaderDoesNotTakeTheOthersAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		for name, c := range d.credentials(t) {
			d.setHook(func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Minute):
					return nil
				}
			})
			call := func(limit time.Duration, want error) func() {
				return func() {
					ctx, cancel := context.WithTimeout(context.Background(), limit)
					defer cancel()
					began := time.Now()
					_, err := d.verifier.Verify(ctx, c.credential, anywhere, d.now())
					if !errors.Is(err, want) {
						t.Errorf("%s with a limit of %v: %v, want %v", name, limit, err, want)
					}
					if want != nil && time.Since(began) != limit {
						t.Errorf("%s: left after %v, want %v", name, time.Since(began), limit)
					}
				}
			}
			var callers sync.WaitGroup
			callers.Go(call(10*time.Second, context.DeadlineExceeded)) // leads
			synctest.Wait()
			callers.Go(call(5*time.Second, context.DeadlineExceeded)) // waits, leaves first
			callers.Go(call(time.Hour, nil))                          // waits, then leads itself
			callers.Wait()
			d.setHook(nil)
		}
	})
}

func TestCase_C2_ARevocationDuringALookupWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		for name, c := range d.credentials(t) {
			entered, gate := make(chan struct{}), make(chan struct{})
			var once sync.Once
			d.setHook(func(context.Context) error { // stands after the read
				once.Do(func() { close(entered) })
				<-gate
				return nil
			})
			var callers sync.WaitGroup
			// It began before the revocation and may be answered either way.
			callers.Go(func() { d.verify(t, c.credential) })
			<-entered
			if err := c.revoke(); err != nil {
				t.Fatal(err)
			}
			// It begins after the revocation, while the old look-up is under way.
			callers.Go(func() { d.bad(t, "C2 a request that joins an older look-up: "+name, c.credential) })
			synctest.Wait()
			close(gate)
			callers.Wait()
			d.setHook(nil)
			d.bad(t, "C2 what the old look-up found was remembered: "+name, c.credential)
		}
	})
}

func TestCase_C2_ARevocationAfterALookupWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		for name, c := range d.credentials(t) {
			var callers sync.WaitGroup
			d.verifier.LookUpSlowly(t, c.credential, d.now(), func() {
				if err := c.revoke(); err != nil {
					t.Fatal(err)
				}
				callers.Go(func() { d.bad(t, "C2 a request that joins a finished look-up: "+name, c.credential) })
				synctest.Wait()
			})
			callers.Wait()
			d.bad(t, "C2 what the finished look-up found was remembered: "+name, c.credential)
		}
	})
}

func TestWhatConcernsEverybodyEndsEveryAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	for name, c := range d.credentials(t) {
		d.good(t, name, c.credential)
		before := d.lookCount()
		d.versions.BumpAll()
		d.good(t, name, c.credential)
		if got := d.lookCount() - before; got != 1 {
			t.Errorf("%s: %d look-ups after a change that concerns everybody", name, got)
		}
	}
}

func TestVerdictsSurviveChangesOfOthers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	for name, c := range d.credentials(t) {
		// Somebody else changes during each look-up: the verdict is still found
		// and remembered, for the second look-up knows what it rests on.
		d.setHook(func(context.Context) error { d.versions.Bump("user:usr_somebody_else"); return nil })
		before := d.lookCount()
		for range 5 {
			d.good(t, name, c.credential)
		}
		d.setHook(nil)
		if got := d.lookCount() - before; got != 2 {
			t.Errorf("%s: %d look-ups, want two", name, got)
		}
		// Its own account changes during each: it is answered, not remembered.
		d.advance(time.Minute)
		d.setHook(func(context.Context) error { d.versions.Bump(c.account); return nil })
		before = d.lookCount()
		for range 3 {
			d.good(t, name, c.credential)
		}
		d.setHook(nil)
		if got := d.lookCount() - before; got < 3 {
			t.Errorf("%s: %d look-ups for three requests while the account kept changing", name, got)
		}
	}
}

func TestCase_C6_ARefusalHidesNothingNew(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	key, plain := create(t, d.keys, owner, authn.NewKey{Name: "n"})
	d.good(t, "C6 a key that was just made", plain)
	suspended := d.house.keys[key.ID]
	suspended.Status = store.Suspended
	d.house.keys[key.ID] = suspended
	d.versions.Bump(store.KeyVersion(key.ID))
	d.bad(t, "a suspended key", plain)
	if _, err := d.keys.Enable(t.Context(), actor, owner, key.ID); err != nil {
		t.Fatal(err)
	}
	d.good(t, "C6 a key that was just enabled", plain)
}

func TestRefusalsAreRememberedApart(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *authn.VerifierConfig) { c.Size = 1 << 14 })
	token := start(t, d.house, d.sessions).AccessToken.Reveal()
	d.good(t, "token", token)
	wrong := authn.GenerateAPIKey("um_").Reveal()
	before := d.lookCount()
	for range 10 {
		d.bad(t, "a wrong key", wrong)
	}
	if got := d.lookCount() - before; got != 1 {
		t.Errorf("%d look-ups for one wrong key within a second", got)
	}
	for range 50_000 { // far more than are remembered
		d.verify(t, authn.GenerateAPIKey("um_").Reveal())
	}
	before = d.lookCount()
	d.good(t, "token", token)
	if d.lookCount() != before {
		t.Error("a flood of wrong keys drove a good credential out")
	}
}

// A flood of the longest credentials must not fill the memory.
func TestLongRefusalsAreNotRemembered(t *testing.T) {
	// Not parallel: it measures the heap of the process.
	d := newDesk(t, nil)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, tail := heap(), strings.Repeat("A", 8000)
	for i := range 8192 {
		d.bad(t, "a long credential", fmt.Sprintf("x.%d%s.y", i, tail))
	}
	if after := heap(); after > before+16<<20 {
		t.Errorf("the heap grew by %d MiB", (after-before)>>20)
	}
	runtime.KeepAlive(d)
}

func TestAllowedAddresses(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	_, plain := create(t, d.keys, owner, authn.NewKey{Name: "n", AllowedIPs: []string{"192.0.2.0/24", "2001:db8::/32"}})
	for addr, good := range map[string]bool{
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "2001:db8::1": true, "2001:db8::1%eth0": true,
		"192.0.3.7": false, "::1": false, "2001:db9::1": false, "": false,
	} {
		ip, _ := netip.ParseAddr(addr)
		_, err := d.verifier.Verify(t.Context(), plain, authn.At(ip), d.now())
		if good && err != nil || !good && !errors.Is(err, store.ErrIPNotAllowed) {
			t.Errorf("from %q: %v", addr, err)
		}
	}
	if got := d.lookCount(); got != 1 {
		t.Errorf("%d look-ups for one key", got)
	}
}

func TestUsesOfKeysAreToldOnceASecond(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := start(t, d.house, d.sessions).AccessToken.Reveal()
	_, plain := create(t, d.keys, owner, authn.NewKey{Name: "n"})
	for range 3 {
		for range 10 {
			d.good(t, "key", plain)
			d.good(t, "token", token)
		}
		d.advance(time.Second)
	}
	if got := d.uses.Load(); got != 3 {
		t.Errorf("%d uses told in three seconds", got)
	}
}

func TestARememberedAnswerDoesNotAllocate(t *testing.T) {
	d := newDesk(t, nil)
	ctx, now := t.Context(), d.now()
	for name, c := range d.credentials(t) {
		d.good(t, name, c.credential)
		if allocs := testing.AllocsPerRun(100, func() { d.verifier.Verify(ctx, c.credential, anywhere, now) }); allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func TestManyCallersWhileCredentialsComeAndGo(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for j := range 50 {
				key, plain := create(t, d.keys, owner, authn.NewKey{Name: fmt.Sprint(i, "-", j)})
				d.good(t, "made", plain)
				d.good(t, "remembered", plain)
				if err := d.keys.Revoke(t.Context(), actor, alice, key.ID, ""); err != nil {
					t.Error(err)
				}
				d.bad(t, "revoked", plain)
			}
		})
	}
	callers.Wait()
}

func BenchmarkVerifyRemembered(b *testing.B) {
	d := newDesk(b, nil)
	now := d.now()
	for name, c := range d.credentials(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.verifier.Verify(b.Context(), c.credential, anywhere, now)
			}
		})
	}
}
