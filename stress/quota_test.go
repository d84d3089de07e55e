package stress_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tillNoon is how far ahead of the machine's a clock is that shows noon (UTC):
// a test of a daily limit must not see a day end.
func tillNoon() time.Duration {
	now := time.Now().UTC()
	return now.Truncate(24 * time.Hour).Add(12 * time.Hour).Sub(now)
}

// leaseOver is longer than a killed process keeps what it held.
const leaseOver = 2 * time.Minute

// burst is many requests for one user's conversations at once.
type burst struct {
	who       *person
	processes []*process
	answers   tally
	admitted  atomic.Int64 // answered 200, so certainly charged
	unknown   atomic.Int64 // not answered: charged, or held, or neither
	ended     atomic.Int64
	half      chan struct{} // closed when half of them have ended
}

// fire sends n requests at once, every second one to the other process, and
// waits for all of them.
func (b *burst) fire(ctx context.Context, n int) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			b.one(ctx, i)
			if b.ended.Add(1) == int64(n/2) {
				close(b.half)
			}
		})
	}
	all.Wait()
}

// one asks in one of the ways in which a request can go: it may fail, panic,
// be slow, or lose its client. Whoever meets a process that is gone asks the
// other one.
func (b *burst) one(ctx context.Context, i int) {
	credential := []string{b.who.token, b.who.key}[i/2%2]
	way := []string{"nothing", "nothing", "nothing", "dawdle&for=30ms", "fail", "panic", "abort"}[rand.N(7)]
	for range b.processes {
		p := b.processes[i%len(b.processes)]
		a, err := p.chat(ctx, way, credential, rand.N(10) == 0)
		if err == nil {
			b.answers.add(fmt.Sprint(a.status))
			if a.status == http.StatusOK {
				b.admitted.Add(1)
			}
			return
		}
		b.unknown.Add(1)
		if errors.Is(err, context.DeadlineExceeded) || way == "abort" {
			b.answers.add("cut off")
			return
		}
		i++
	}
	b.answers.add("lost")
}

// chat asks for one conversation; a client without patience is gone in no time.
func (p *process) chat(ctx context.Context, way, credential string, impatient bool) (answer, error) {
	if impatient {
		short, cancel := context.WithTimeout(ctx, rand.N(40*time.Millisecond))
		defer cancel()
		ctx = short
	}
	return p.request(ctx, "POST", "/v1/chat?way="+way, credential, nil)
}

// watch looks into the file until stop is closed and returns the most that a
// user had in use or held at any moment.
func watch(file database, subject string, ahead time.Duration, stop <-chan struct{}) (most int64) {
	for {
		held := file.count(`SELECT COALESCE((SELECT SUM(used) FROM usage WHERE subject = ?1 AND period = 'day'), 0)
			+ COALESCE((SELECT SUM(amount) FROM holds WHERE subject = ?1 AND period = 'day' AND expires_at > ?2), 0)`,
			subject, time.Now().Add(ahead).UnixMicro())
		most = max(most, held)
		select {
		case <-stop:
			return most
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A thousand requests at once, by two processes of which one is killed half
// way, never get more than the limit, however they end; and when what the dead
// process held has run out, all that is left is there.
func TestCase_QT_01_Q1_TwoProcessesAndAKillAdmitExactlyTheLimit(t *testing.T) {
	beside(t)
	const limit = 300
	ahead := tillNoon()
	path := databasePath(t)
	host := settings{Path: path, Ahead: ahead, Variables: []string{"USERMGMT_DAILY_CONVERSATIONS=300"}}
	file := openFile(t, path)
	for round := range form(1, 20) {
		survivor, victim := start(t, host), start(t, host)
		b := &burst{
			who:       survivor.newPerson(fmt.Sprintf("person%d", round)),
			processes: []*process{survivor, victim},
			half:      make(chan struct{}),
		}
		stop := make(chan struct{})
		var others sync.WaitGroup
		var most int64
		others.Go(func() { most = watch(file, b.who.id, ahead, stop) })
		others.Go(func() {
			<-b.half
			victim.kill()
		})
		b.fire(t.Context(), 1000)
		close(stop)
		others.Wait()
		survivor.terminate() // what it held is ended then
		left := file.count("SELECT COALESCE(SUM(amount), 0) FROM holds WHERE subject = ? AND period = 'day'", b.who.id)
		if most > limit {
			t.Errorf("round %d: %d were in use or held at once; the limit is %d", round, most, limit)
		}
		b.fill(t, host, limit)
		t.Logf("round %d: %v; at most %d at once, %d held by the dead", round, &b.answers, most, left)
	}
}

// fill asks a host whose clock is past every lease for more than the limit, and
// checks that it gives exactly what was left.
func (b *burst) fill(t *testing.T, host settings, limit int64) {
	t.Helper()
	host.Ahead += leaseOver
	later := start(t, host)
	used, reserved := later.conversations(b.who.token)
	certain := b.admitted.Load()
	if used < certain || used > certain+b.unknown.Load() || reserved != 0 {
		t.Errorf("%d are used and %d held after %d were admitted and %d not answered", used, reserved, certain, b.unknown.Load())
	}
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range limit + 50 {
		all.Go(func() {
			if a, err := later.chat(t.Context(), "nothing", b.who.token, false); err == nil && a.status == http.StatusOK {
				admitted.Add(1)
			}
		})
	}
	all.Wait()
	if now, reserved := later.conversations(b.who.token); admitted.Load() != limit-used || now != limit || reserved != 0 {
		t.Errorf("%d were used, then %d admitted, now %d are used and %d held; the limit is %d", used, admitted.Load(), now, reserved, limit)
	}
	later.terminate()
}
