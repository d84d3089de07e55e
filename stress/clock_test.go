package stress_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// wrist is a clock that is set by hand.
type wrist struct{ micros atomic.Int64 }

func (w *wrist) now() time.Time        { return time.UnixMicro(w.micros.Load()) }
func (w *wrist) set(t time.Time)       { w.micros.Store(t.UnixMicro()) }
func (w *wrist) turn(by time.Duration) { w.micros.Add(by.Microseconds()) }

const day = 24 * time.Hour

// noon is when each of these tests begins.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// clocked is a host in this process whose clock is set by hand.
func clocked(t *testing.T, change func(*usermgmt.Config)) (*process, *usermgmt.Manager, *wrist) {
	t.Helper()
	clock := new(wrist)
	clock.set(noon)
	cfg := household(databasePath(t))
	cfg.Clock = clock.now
	cfg.Limiter = sparing{ratelimit.NewMemory(0)}
	if change != nil {
		change(&cfg)
	}
	m := openManager(t, cfg)
	p, leave := host(t, m)
	t.Cleanup(leave)
	return p, m, clock
}

// sparing leaves the rates of the household alone. Where a clock stands still,
// buckets do not fill, however fast they would.
type sparing struct{ ratelimit.Limiter }

func (s sparing) Allow(ctx context.Context, key ratelimit.Key, r ratelimit.Rate, n int, now time.Time) (ratelimit.Decision, error) {
	if r == household("").RateLimit {
		return ratelimit.Decision{Allowed: true, Limit: r.Burst, Window: r.Window(), Remaining: r.Burst}, nil
	}
	return s.Limiter.Allow(ctx, key, r, n, now)
}

// admitted sends n requests at once and counts those that were admitted.
func (p *process) admitted(n int, method, path, credential string) int {
	p.t.Helper()
	var in atomic.Int64
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			a, err := p.request(p.t.Context(), method, path, credential, nil)
			switch {
			case err == nil && a.status == http.StatusOK:
				in.Add(1)
			case err != nil || a.status != http.StatusTooManyRequests:
				p.t.Errorf("%s: %d %v %v", path, a.status, a.body, err)
			}
		})
	}
	callers.Wait()
	return int(in.Load())
}

// However the clock jumps, no calendar day admits more than its limit, and each
// admits all of it.
func TestCase_RP_13_ADayHasItsLimitOnce(t *testing.T) {
	beside(t)
	const limit = 10
	p, _, clock := clocked(t, func(cfg *usermgmt.Config) { cfg.DailyConversations = new(int64(limit)) })
	who := p.newPerson("alice")
	const chat = "/v1/chat?way=nothing"
	for i, step := range []struct {
		by   time.Duration
		want int
	}{
		{0, limit}, {day, limit}, {-day, 0}, {time.Hour, 0}, {day, 0}, {day, limit}, {-2 * day, 0}, {-time.Hour, 0},
	} {
		clock.turn(step.by)
		if in := p.admitted(2*limit, "POST", chat, who.key); in != step.want {
			t.Errorf("step %d, at %v: %d admitted, want %d", i, clock.now().UTC(), in, step.want)
		}
	}

	bob := p.newPerson("bob")
	perDay := map[string]int{}
	for range form(60, 1000) {
		clock.set(noon.Add(rand.N(10*day) - 5*day))
		perDay[clock.now().UTC().Format(time.DateOnly)] += p.admitted(1+rand.IntN(4), "POST", chat, bob.key)
	}
	for date, n := range perDay {
		if n > limit {
			t.Errorf("%s admitted %d, limit %d", date, n, limit)
		}
	}
	t.Log(perDay)
}

// A lease that was open when the clock jumped is settled as any other, and one
// that nobody ends is returned at its deadline.
func TestCase_RP_13_Leases(t *testing.T) {
	beside(t)
	for _, jump := range []time.Duration{day, -day, 30 * time.Second, -30 * time.Second} {
		t.Run(jump.String(), func(t *testing.T) {
			p, m, clock := clocked(t, func(cfg *usermgmt.Config) { cfg.DailyConversations = new(int64(2)) })
			who := p.newPerson("alice")
			user, err := m.Users().Get(t.Context(), who.id)
			if err != nil {
				t.Fatal(err)
			}
			principal := usermgmt.PrincipalOf(user)
			settled, _, err := m.Metering().Reserve(t.Context(), principal, "conversations", 1, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := m.Metering().Reserve(t.Context(), principal, "conversations", 1, time.Minute); err != nil {
				t.Fatal(err)
			}
			clock.turn(jump)
			if _, err := m.Metering().Settle(t.Context(), settled.ID, 1, store.OutcomeComplete); err != nil {
				t.Errorf("settling after the jump: %v", err)
			}
			clock.set(noon)
			if in := p.admitted(4, "POST", "/v1/chat?way=nothing", who.key); in != 0 {
				t.Errorf("%d admitted beside one that was settled and one that is held", in)
			}
			clock.set(noon.Add(time.Minute + time.Second))
			if in := p.admitted(4, "POST", "/v1/chat?way=nothing", who.key); in != 1 {
				t.Errorf("%d admitted after the deadline of the one that was held, want 1", in)
			}
		})
	}
}

// A bucket gives nothing for time that did not pass, and makes nobody wait for
// time that will not: longer than an empty one takes to fill.
func TestCase_RP_13_Rates(t *testing.T) {
	beside(t)
	const burst = 20 // and one a second
	for _, jump := range []time.Duration{-day, -time.Hour, -time.Second} {
		t.Run(jump.String(), func(t *testing.T) {
			p, _, clock := clocked(t, nil)
			who := p.newPerson("alice")
			key := p.must(http.StatusCreated, "POST", "/auth/me/keys", who.token, map[string]any{"name": "slow", "rate_limit": "1/s,burst=20"}).text("key")
			if in := p.admitted(2*burst, "GET", "/v1/ping", key); in != burst {
				t.Fatalf("%d admitted, want %d", in, burst)
			}
			clock.turn(jump)
			if in := p.admitted(2*burst, "GET", "/v1/ping", key); in != 0 {
				t.Errorf("%d admitted after the jump", in)
			}
			wait := p.must(http.StatusTooManyRequests, "GET", "/v1/ping", key, nil).retryAfter(t)
			if wait > burst*time.Second {
				t.Errorf("to wait %v, longer than the bucket takes to fill", wait)
			}
			clock.turn(wait)
			if in := p.admitted(2*burst, "GET", "/v1/ping", key); in < 1 || in > burst {
				t.Errorf("%d admitted after the wait, want 1 to %d", in, burst)
			}
			clock.turn(day)
			if in := p.admitted(2*burst, "GET", "/v1/ping", key); in != burst {
				t.Errorf("%d admitted a day later, want %d", in, burst)
			}
		})
	}
}

func (a answer) retryAfter(t testing.TB) time.Duration {
	t.Helper()
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		t.Fatalf("Retry-After is %q", a.header.Get("Retry-After"))
	}
	return time.Duration(seconds) * time.Second
}

// guess signs in with a wrong password and reports whether it was compared.
func (p *process) guess(name string) bool {
	p.t.Helper()
	a, err := p.request(p.t.Context(), "POST", "/auth/login", "", map[string]any{"username": name, "password": "not " + password})
	if err != nil || a.status != http.StatusUnauthorized && a.status != http.StatusTooManyRequests {
		p.t.Errorf("a guess: %d %v %v", a.status, a.body, err)
	}
	return a.status == http.StatusUnauthorized
}

// A clock that jumps gives no more guesses, and one that was a day ahead locks
// nobody out for a day: at most for the window, from when it is right again.
func TestCase_RP_13_Lockout(t *testing.T) {
	beside(t)
	const limit, window = 10, 15 * time.Minute
	for _, jump := range []time.Duration{-day, day} {
		t.Run(jump.String(), func(t *testing.T) {
			p, m, clock := clocked(t, nil)
			register(t, m, "alice") // from another address than the guesses come from
			compared := 0
			for i := range 4 * limit {
				if i == limit/2 && jump < 0 {
					clock.turn(jump)
				}
				if p.guess("alice") {
					compared++
				}
			}
			if compared > limit {
				t.Errorf("%d guesses were compared, want at most %d", compared, limit)
			}

			clock.set(noon.Add(day))
			for range 2 * limit {
				p.guess("bob-who-is-not-there")
				p.guess("alice")
			}
			clock.set(noon.Add(2 * window)) // what was counted there has no weight
			login := map[string]any{"username": "alice", "password": password}
			a, err := p.request(t.Context(), "POST", "/auth/login", "", login)
			if err != nil || a.status != http.StatusOK && a.status != http.StatusTooManyRequests {
				t.Fatalf("signing in after the clock was put right: %d %v %v", a.status, a.body, err)
			}
			if a.status == http.StatusTooManyRequests {
				wait := a.retryAfter(t)
				if wait > window {
					t.Errorf("locked for %v", wait)
				}
				clock.turn(wait + time.Second)
				p.must(http.StatusOK, "POST", "/auth/login", "", login)
			}
		})
	}
}

// What was revoked stays so, what lives goes on, and nothing lives longer than
// it should, on whichever side of a jump it was made.
func TestCase_RP_13_Credentials(t *testing.T) {
	beside(t)
	for _, jump := range []time.Duration{-day, day} {
		t.Run(jump.String(), func(t *testing.T) {
			p, _, clock := clocked(t, nil)
			who := p.newPerson("alice")
			lost := p.must(http.StatusCreated, "POST", "/auth/me/keys", who.token, map[string]any{"name": "lost"})
			expiring := p.must(http.StatusCreated, "POST", "/auth/me/keys", who.token,
				map[string]any{"name": "expiring", "expires_at": noon.Add(time.Hour).Format(time.RFC3339)}).text("key")
			for _, credential := range []string{who.key, who.token, lost.text("key"), expiring} {
				p.must(http.StatusOK, "GET", "/v1/ping", credential, nil) // now its verdict is cached
			}

			clock.turn(jump)
			p.must(http.StatusOK, "GET", "/v1/ping", who.key, nil)
			want := http.StatusOK
			if jump > 0 {
				want = http.StatusUnauthorized // these have expired
			}
			p.must(want, "GET", "/v1/ping", expiring, nil)
			renewed := p.must(http.StatusOK, "POST", "/auth/refresh", "", map[string]any{"refresh_token": who.refresh})
			p.must(http.StatusOK, "GET", "/v1/ping", renewed.text("access_token"), nil)
			p.must(http.StatusNoContent, "DELETE", "/auth/me/keys/"+lost.text("id"), renewed.text("access_token"), nil)
			p.must(http.StatusUnauthorized, "GET", "/v1/ping", lost.text("key"), nil)

			clock.set(noon)
			p.must(http.StatusUnauthorized, "GET", "/v1/ping", lost.text("key"), nil)
			p.must(http.StatusOK, "GET", "/v1/ping", who.key, nil)
			again := p.must(http.StatusOK, "POST", "/auth/refresh", "", map[string]any{"refresh_token": renewed.text("refresh_token")})
			p.must(http.StatusOK, "GET", "/v1/ping", again.text("access_token"), nil)
			p.must(http.StatusUnauthorized, "POST", "/auth/refresh", "", map[string]any{"refresh_token": who.refresh})
			p.must(http.StatusUnauthorized, "GET", "/v1/ping", again.text("access_token"), nil) // a replay ends the session

			clock.set(noon.Add(2 * time.Hour))
			p.must(http.StatusUnauthorized, "GET", "/v1/ping", who.token, nil)
			p.must(http.StatusUnauthorized, "GET", "/v1/ping", expiring, nil)
			p.must(http.StatusOK, "GET", "/v1/ping", who.key, nil)
		})
	}
}

// Records made around a jump are listed once each, whatever their order, and a
// conversation has no gap.
func TestCase_RP_13_Lists(t *testing.T) {
	beside(t)
	p, _, clock := clocked(t, nil)
	who := p.newPerson("alice")
	made := map[string][]string{"/auth/me/keys": {who.keyID}, "/auth/me/messages": nil}
	for i, jump := range []time.Duration{0, -day, day, day, -2 * day} {
		clock.turn(jump)
		token := p.must(http.StatusOK, "POST", "/auth/login", "", map[string]any{"username": "alice", "password": password}).text("access_token")
		for n := range 4 {
			key := p.must(http.StatusCreated, "POST", "/auth/me/keys", token, map[string]any{"name": fmt.Sprint(i, n)})
			made["/auth/me/keys"] = append(made["/auth/me/keys"], key.text("id"))
			message := p.must(http.StatusOK, "POST", "/v1/chat?conversation=c", who.key, nil)
			if want := int64(4*i + n + 1); message.number("seq") != want {
				t.Errorf("message %d of the conversation has number %d", want, message.number("seq"))
			}
			made["/auth/me/messages"] = append(made["/auth/me/messages"], message.text("id"))
		}
		for path, want := range made {
			got := p.list(path, token)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("after %v: %s lists\n%s\nwant\n%s", jump, path, strings.Join(got, " "), strings.Join(want, " "))
			}
		}
	}
}

// list reads a list in small pages and returns the ids.
func (p *process) list(path, token string) (ids []string) {
	p.t.Helper()
	for cursor := ""; ; {
		page := p.must(http.StatusOK, "GET", path+"?limit=3&cursor="+cursor, token, nil)
		for _, item := range page.body["items"].([]any) {
			ids = append(ids, answer{body: item.(map[string]any)}.text("id"))
		}
		if cursor = page.text("next_cursor"); cursor == "" {
			return ids
		}
	}
}
