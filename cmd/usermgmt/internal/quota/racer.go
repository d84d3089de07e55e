package quota

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// order is what a racing process is told first. After it comes a second value,
// which starts the race, and nothing more: the end of the input ends the race.
type order struct {
	URL      string        `json:"url"`
	Account  Account       `json:"account"`
	Callers  int           `json:"callers"`
	Requests int           `json:"requests"` // for the limit and for the balance each
	Lease    time.Duration `json:"lease"`
}

// verdict is what became of one request.
type verdict string

const (
	ready    verdict = "ready" // of none: the process waits for the start
	admitted verdict = "admitted"
	refused  verdict = "refused"
	failed   verdict = "failed" // charged, or held, or neither
)

// outcome is what a racing process says of each of its requests, once it is sure.
type outcome struct {
	Meter   string  `json:"meter,omitempty"`
	Verdict verdict `json:"verdict"`
	Charged int64   `json:"charged,omitempty"`
	Late    int64   `json:"late,omitempty"` // of it, what was settled after the lease was over
	Error   string  `json:"error,omitempty"`
}

// Run is the part of one process in a race: it reads its order from in and writes
// outcomes to out, until all requests are made or in ends.
func Run(ctx context.Context, in io.Reader, out io.Writer, open Opener) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	var o order
	if err := orders.Decode(&o); err != nil {
		return err
	}
	db, err := open(ctx, o.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	service, err := o.Account.meter(db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	if err := answers.Encode(outcome{Verdict: ready}); err != nil {
		return err
	}
	var start bool
	if err := orders.Decode(&start); err != nil {
		return err
	}
	go func() { // ends with the process
		_ = orders.Decode(&start)
		cancel()
	}()
	r := &racer{order: o, service: service, answers: answers}
	return r.race(ctx)
}

// racer makes the requests of one process.
type racer struct {
	order
	service *metering.Service
	next    atomic.Int64

	mu      sync.Mutex
	answers *json.Encoder
	err     error // of the first outcome that nobody took
}

func (r *racer) race(ctx context.Context) error {
	var callers sync.WaitGroup
	for range r.Callers {
		callers.Go(func() {
			for ctx.Err() == nil {
				n := r.next.Add(1) - 1
				if n >= 2*int64(r.Requests) {
					return
				}
				meter := []string{metering.Conversations, metering.Credits}[n%2]
				r.say(r.request(ctx, meter))
			}
		})
	}
	callers.Wait()
	return r.err
}

func (r *racer) say(o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.answers.Encode(o); r.err == nil {
		r.err = err
	}
}

// largestHold is the most that one request asks for.
const largestHold = 3

// request asks in one of the ways in which hosts do: at once, or with a lease
// that is settled, returned or forgotten.
func (r *racer) request(ctx context.Context, meter string) outcome {
	charge := metering.Charge{Meter: meter, Amount: 1, TTL: r.Lease}
	way := rand.N(10)
	if way < 5 {
		v, err := r.service.Consume(ctx, r.Account.principal(), charge)
		return outcomeOf(meter, v.Reservation, err)
	}
	charge.Amount = 1 + rand.Int64N(largestHold)
	v, err := r.service.Hold(ctx, r.Account.principal(), charge)
	if err != nil {
		return outcomeOf(meter, v.Reservation, err)
	}
	settled := v.Reservation
	switch {
	case way == 8:
		settled, err = r.service.Release(ctx, settled.ID)
	case way < 8:
		settled, err = r.service.Settle(ctx, settled.ID, rand.Int64N(charge.Amount+1), store.OutcomeComplete)
	}
	return outcomeOf(meter, settled, err)
}

func outcomeOf(meter string, r store.Reservation, err error) outcome {
	switch {
	case errors.Is(err, store.ErrQuotaExceeded), errors.Is(err, store.ErrInsufficientCredits):
		return outcome{Meter: meter, Verdict: refused}
	case err != nil:
		return outcome{Meter: meter, Verdict: failed, Error: err.Error()}
	}
	o := outcome{Meter: meter, Verdict: admitted, Charged: r.Settled - r.Shortfall}
	if r.Status == store.ReservationSettledLate {
		o.Late = o.Charged
	}
	return o
}
