package stress_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/metering"
)

// account is a user whom several spenders charge at once, and the books of what
// they were told.
type account struct {
	id, name string

	// careful accounts settle in time and no more than they held, and have no
	// credits that end: what is held of their balance is always there.
	careful bool

	mu       sync.Mutex
	granted  map[string]int64    // amounts by the ids of the entries
	spent    int64               // credits
	refunded int64               // credits
	used     int64               // conversations, without those refunded
	durable  []string            // messages that were stored when they were acknowledged
	queued   map[string]*process // messages that were not, and who acknowledged them
	asked    map[string]bool     // all messages
	admitted []admitted
}

// admitted is a request that took effect, and its answer. Asked again, it has no
// other effect and the same answer.
type admitted struct {
	request
	raw string
}

// mostRepeated is how many requests of an account are asked again at the end.
const mostRepeated = 500

func (a *account) note(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// spender charges an account, in the name of a service, at one of several
// processes and then at another.
type spender struct {
	*account
	t      *testing.T
	slots  []*slot
	ahead  func() time.Duration // of the clock of the processes
	secret string               // the key of the service
	name   string
	done   *tally
	steps  int // names what it asks
}

// ask sends a request until it is answered, and not with 503, with one of the
// statuses wanted. It returns who answered.
func (s *spender) ask(r request, want ...int) (answer, *process) {
	for {
		s.steps++
		p := s.slots[s.steps%len(s.slots)].current()
		a, err := p.send(s.t.Context(), r)
		switch {
		case err == nil && a.status != http.StatusServiceUnavailable:
			if !slices.Contains(want, a.status) {
				s.t.Errorf("%s: %s %s %v: %d %s; want %v", s.name, r.method, r.path, r.body, a.status, a.raw, want)
			}
			return a, p
		case s.t.Context().Err() != nil:
			return a, p
		case err == nil:
			s.done.add("503")
		default:
			s.done.add("not answered")
		}
		<-time.After(2 * time.Millisecond)
	}
}

// once asks for what happens once under a key. Every now and then it asks again
// although it was answered.
func (s *spender) once(r request, want ...int) answer {
	a, _ := s.ask(r, want...)
	if a.status != want[0] {
		s.done.add("refused")
		return a
	}
	s.note(func() {
		if len(s.admitted) < mostRepeated {
			s.admitted = append(s.admitted, admitted{r, a.raw})
		}
	})
	if rand.N(4) == 0 {
		s.again(admitted{r, a.raw}, want[0])
	}
	return a
}

func (s *spender) again(before admitted, status int) {
	a, _ := s.ask(before.request, status)
	if a.raw != before.raw {
		s.t.Errorf("%s: %s asked again: %s; the first answer was %s", s.name, before.path, a.raw, before.raw)
	}
	s.done.add("repeat")
}

// next names what is asked.
func (s *spender) next() string {
	s.steps++
	return fmt.Sprintf("%s-%d", s.name, s.steps)
}

// run charges until over says that it is enough.
func (s *spender) run(over func() bool) {
	for !over() && !s.t.Failed() {
		switch n := rand.N(20); {
		case n < 4:
			s.grant()
		case n < 7:
			s.consume(metering.Credits, 1+rand.Int64N(300))
		case n < 9 && !s.scarce():
			s.consume(metering.Conversations, 1+rand.Int64N(3))
		case n < 13:
			s.hold(metering.Credits, 1+rand.Int64N(300))
		case n < 15:
			s.hold(metering.Conversations, 1+rand.Int64N(ledgerLimit/3))
		case n < 17:
			s.append()
		default:
			s.enqueue()
		}
	}
}

// scarce reports whether so much of the limit is used that the rest is wanted
// for leases, which keep it in dispute to the end.
func (s *spender) scarce() (yes bool) {
	s.note(func() { yes = s.used > ledgerLimit/2 })
	return yes
}

func (s *spender) grant() {
	amount, until := 1+rand.Int64N(1000), int64(0)
	if !s.careful && rand.N(3) == 0 {
		until = time.Now().Add(s.ahead() + 100*time.Millisecond + rand.N(time.Minute)).UnixMicro()
	}
	as := []string{"order", "request"}[rand.N(2)]
	path := fmt.Sprintf("/control/credits/grant?user=%s&amount=%d&until=%d&%s=%s", s.id, amount, until, as, s.next())
	a := s.once(request{method: "POST", path: path}, http.StatusOK, http.StatusUnprocessableEntity)
	if a.status != http.StatusOK {
		return // it took so long to ask that it would have ended
	}
	s.note(func() { s.granted[a.text("id")] = a.number("amount") })
	s.done.add("grant")
}

func (s *spender) consume(meter string, amount int64) {
	a := s.once(s.charge("/service/consume", map[string]any{"meter": meter, "amount": amount}),
		http.StatusOK, http.StatusPaymentRequired, http.StatusTooManyRequests)
	if a.status == http.StatusOK {
		s.charged(meter, amount)
		s.done.add("consume " + meter)
	}
}

func (s *spender) charge(path string, body map[string]any) request {
	body["subject"] = s.id
	return request{method: "POST", path: path, credential: s.secret, key: s.next(), body: body}
}

func (s *spender) charged(meter string, amount int64) {
	s.note(func() {
		if meter == metering.Credits {
			s.spent += amount
		} else {
			s.used += amount
		}
	})
}

// hold takes a lease and settles it, releases it, or leaves it to its deadline.
// Late is only who need not be careful: a late settle may pass a limit.
func (s *spender) hold(meter string, amount int64) {
	risky := !s.careful && meter == metering.Credits
	fate := rand.N(8)
	ttl := 3600
	if fate == 0 || risky {
		ttl = 1 + rand.N(60)
	}
	a := s.once(s.charge("/service/reservations", map[string]any{"meter": meter, "amount": amount, "ttl_seconds": ttl}),
		http.StatusCreated, http.StatusPaymentRequired, http.StatusTooManyRequests)
	if a.status != http.StatusCreated {
		return
	}
	id := a.text("id")
	switch fate {
	case 0:
		s.done.add("leave " + meter)
	case 1:
		s.end(id, "release", "released", struct{}{})
		s.done.add("release " + meter)
	default:
		if risky {
			amount *= 2
		}
		s.settle(id, meter, rand.Int64N(amount+1))
	}
}

func (s *spender) end(id, how, status string, body any) answer {
	a, _ := s.ask(request{method: "POST", path: "/service/reservations/" + id + "/" + how, credential: s.secret, body: body}, http.StatusOK)
	if got := a.text("status"); got != status && got != status+"_late" {
		s.t.Errorf("%s: %s of %s: %s", s.name, how, id, a.raw)
	}
	return a
}

// settle ends a lease with what was used, and takes it back now and then.
func (s *spender) settle(id, meter string, amount int64) {
	a := s.end(id, "settle", "settled", map[string]any{"amount": amount})
	if a.number("settled") != amount {
		s.t.Errorf("%s: settled with %d: %s", s.name, amount, a.raw)
	}
	paid := amount - a.number("shortfall")
	s.charged(meter, paid)
	s.done.add("settle " + meter)
	if rand.N(3) > 0 && (meter == metering.Credits || !s.scarce()) {
		return
	}
	a, _ = s.ask(request{method: "POST", path: "/control/credits/refund?id=" + id}, http.StatusOK)
	if a.number("refunded") != paid {
		s.t.Errorf("%s: a refund of %d: %s", s.name, paid, a.raw)
	}
	if meter == metering.Credits {
		s.note(func() { s.refunded += paid })
	} else {
		s.charged(meter, -paid)
	}
	s.done.add("refund " + meter)
}

// append logs messages that are stored when they are acknowledged.
func (s *spender) append() {
	ids, _ := s.log("?durable=true", http.StatusCreated)
	s.note(func() { s.durable = append(s.durable, ids...) })
	s.done.add("append")
}

// enqueue logs messages that are stored soon after.
func (s *spender) enqueue() {
	ids, by := s.log("", http.StatusAccepted)
	s.note(func() {
		for _, id := range ids {
			s.queued[id] = by
		}
	})
	s.done.add("enqueue")
}

func (s *spender) log(how string, status int) (ids []string, by *process) {
	var messages []any
	turns := []any{map[string]any{"role": "user", "content": "hello"}}
	for range 1 + rand.N(5) {
		id := "msg_" + s.next()
		ids = append(ids, id)
		messages = append(messages, map[string]any{
			"id": id, "user_id": s.id, "conversation_id": s.account.name, "request": turns, "response": turns,
		})
	}
	s.note(func() {
		for _, id := range ids {
			s.asked[id] = true
		}
	})
	body := map[string]any{"messages": messages}
	_, by = s.ask(request{method: "POST", path: "/service/messages" + how, credential: s.secret, body: body}, status)
	return ids, by
}
