package metering_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// The account of the model: credits, of which a limit may be used in a day.
const linearLimit = 60

// op is one call, and said its answer.
type (
	op struct {
		do     string
		lease  string
		amount int64
	}
	said struct {
		unknown  bool // the database did not answer: it may have happened
		refused  bool
		lease    string // that a hold or a consume got
		a, b     int64
		released bool
	}
	modelLease struct {
		amount, settled, shortfall, refunded int64
		state                                store.ReservationStatus
	}
	model struct {
		used, balance int64
		leases        map[string]modelLease
	}
)

func (m model) reserved() (sum int64) {
	for _, l := range m.leases {
		if l.state == store.ReservationHeld {
			sum += l.amount
		}
	}
	return sum
}

func (m model) with(id string, l modelLease) model {
	m.leases = maps.Clone(m.leases)
	m.leases[id] = l
	return m
}

// step returns the account after a call, and what the call answers.
func (m model) step(in op, id string) (model, said) {
	switch in.do {
	case "consume", "hold":
		if m.used+m.reserved()+in.amount > linearLimit || m.balance-m.reserved() < in.amount {
			return m, said{refused: true}
		}
		l := modelLease{amount: in.amount, state: store.ReservationHeld}
		if in.do == "consume" {
			l.state, l.settled = store.ReservationSettled, in.amount
			m.used, m.balance = m.used+in.amount, m.balance-in.amount
		}
		return m.with(id, l), said{lease: id}
	case "settle", "release":
		l := m.leases[in.lease]
		if l.state == store.ReservationHeld {
			l.state = store.ReservationReleased
			if in.do == "settle" {
				l.state, l.settled = store.ReservationSettled, in.amount
				l.shortfall = max(0, in.amount-m.balance)
				m.used, m.balance = m.used+in.amount, m.balance-in.amount+l.shortfall
			}
			m = m.with(in.lease, l)
		}
		return m, said{a: l.settled, b: l.shortfall, released: l.state == store.ReservationReleased}
	case "refund":
		l := m.leases[in.lease]
		if l.state != store.ReservationSettled {
			return m, said{refused: true}
		}
		if l.refunded == 0 && l.settled > l.shortfall {
			l.refunded = l.settled - l.shortfall
			m.used, m.balance = m.used-l.settled, m.balance+l.refunded
			m = m.with(in.lease, l)
		}
		return m, said{a: l.refunded}
	case "grant":
		m.balance += in.amount
		return m, said{a: m.balance}
	case "usage":
		return m, said{a: m.used, b: m.reserved()}
	default: // balance
		return m, said{a: m.balance, b: m.reserved()}
	}
}

func accountModel() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{model{leases: map[string]modelLease{}}} },
		Step: func(state, input, output any) []any {
			before, in, out := state.(model), input.(op), output.(said)
			id := out.lease
			after, answer := before.step(in, id)
			switch {
			case out.unknown:
				return []any{before, after}
			case answer == out:
				return []any{after}
			default:
				return nil
			}
		},
		Equal: func(a, b any) bool {
			x, y := a.(model), b.(model)
			return x.used == y.used && x.balance == y.balance && maps.Equal(x.leases, y.leases)
		},
	}
	return m.ToModel()
}

// account is one user whom several clients charge through two instances.
type account struct {
	services []*metering.Service
	began    time.Time

	mu      sync.Mutex
	leases  []string
	history []porcupine.Operation
}

// call does one thing and notes it with its answer.
func (a *account) call(client int, rng *rand.Rand) {
	a.mu.Lock()
	n := len(a.history)
	in := op{do: []string{"consume", "hold", "hold", "settle", "settle", "release", "refund", "grant", "usage", "balance"}[rng.IntN(10)]}
	in.amount = 1 + rng.Int64N(9)
	if len(a.leases) > 0 {
		in.lease = a.leases[rng.IntN(len(a.leases))]
	} else if in.do == "settle" || in.do == "release" || in.do == "refund" {
		in.do = "grant"
	}
	began := time.Since(a.began).Nanoseconds()
	a.mu.Unlock()

	out, err := do(context.Background(), a.services[client%len(a.services)], in)
	ended := time.Since(a.began).Nanoseconds()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case errors.Is(err, store.ErrUnavailable):
		// An ending is tried again until it is written: it may happen at any time.
		out, ended = said{unknown: true, lease: fmt.Sprint("unknown ", client, n)}, math.MaxInt64
	case out.lease != "":
		a.leases = append(a.leases, out.lease)
	}
	a.history = append(a.history, porcupine.Operation{ClientId: client, Input: in, Call: began, Output: out, Return: ended})
}

func do(ctx context.Context, s *metering.Service, in op) (said, error) {
	charge := metering.Charge{Meter: metering.Credits, Amount: in.amount, TTL: time.Hour}
	ended := func(r store.Reservation, err error) (said, error) {
		return said{a: r.Settled, b: r.Shortfall, released: r.Status == store.ReservationReleased}, err
	}
	var v metering.Verdict
	var err error
	switch in.do {
	case "consume":
		v, err = s.Consume(ctx, ann, charge)
	case "hold":
		v, err = s.Hold(ctx, ann, charge)
	case "settle":
		return ended(s.Settle(ctx, in.lease, in.amount, ""))
	case "release":
		return ended(s.Release(ctx, in.lease))
	case "refund":
		r, err := s.Refund(ctx, in.lease, "")
		if errors.Is(err, store.ErrConflict) {
			return said{refused: true}, nil
		}
		return said{a: r.Refunded}, err
	case "grant":
		e, _, err := s.GrantCredits(ctx, store.System(), ann.Subject, metering.NewGrant{Amount: in.amount, Reason: "test"})
		return said{a: e.BalanceAfter}, err
	case "usage":
		u, err := s.Usage(ctx, ann)
		for _, c := range u.Counters {
			if c.Meter == metering.Credits {
				return said{a: c.Used, b: c.Reserved}, err
			}
		}
		return said{}, err
	default:
		b, err := s.Balance(ctx, ann.Subject)
		return said{a: b.Amount, b: b.Reserved}, err
	}
	if errors.Is(err, store.ErrQuotaExceeded) || errors.Is(err, store.ErrInsufficientCredits) {
		return said{refused: true}, nil
	}
	return said{lease: v.Reservation.ID}, err
}

// chargeTogether lets five clients charge one account over two instances of a store, and
// says whether there is an order in which each call does what it answered.
func chargeTogether(t *testing.T, wrap func(store.Store) store.Store, calls int, seed uint64) porcupine.CheckResult {
	t.Helper()
	db := openStore(t, t.TempDir()).Store
	if err := db.UserInsert(t.Context(), store.User{ID: ann.Subject, Plan: "free", Status: store.Active}); err != nil {
		t.Fatal(err)
	}
	a := &account{began: time.Now()}
	for i := range 2 {
		a.services = append(a.services, instance(t, db, wrap(db), fmt.Sprint(i)))
	}
	var clients sync.WaitGroup
	for client := range 5 {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(client)))
			for range calls {
				a.call(client, rng)
			}
		})
	}
	clients.Wait()
	for _, s := range a.services {
		s.Close() // what waits to be written is
	}
	b, err := db.CreditBalance(t.Context(), ann.Subject, noon)
	if err != nil {
		t.Fatal(err)
	}
	a.history = append(a.history, porcupine.Operation{Input: op{do: "balance"}, Call: math.MaxInt64 - 1,
		Output: said{a: b.Amount, b: b.Reserved}, Return: math.MaxInt64})
	return porcupine.CheckOperationsTimeout(accountModel(), a.history, 20*time.Second)
}

// instance makes a service over a store whose default plan limits the credits of
// a day.
func instance(t *testing.T, db, s store.Store, name string) *metering.Service {
	t.Helper()
	clock := func() time.Time { return noon }
	limits := []store.Limit{{Meter: metering.Credits, Window: store.Day, Limit: linearLimit}}
	versions := version.New()
	service, err := metering.New(metering.Config{
		Store:       s,
		Door:        change.NewDoor(change.Config{Store: s, Trail: discard{}, Versions: versions, Origin: name, Clock: clock}),
		Versions:    versions,
		Clock:       clock,
		DefaultPlan: store.Plan{ID: "free", Limits: limits},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	err = db.PlanInsert(t.Context(), store.Plan{ID: "free", Limits: limits, OnInterrupt: store.ChargeDelivered})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		t.Fatal(err)
	}
	return service
}

// discard is a trail that keeps nothing.
type discard struct{}

func (discard) Append(context.Context, store.Queries, store.Change) error { return nil }

func TestCase_QT_03_ChargesAreLinearizable(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(store.Store) store.Store{
		"no faults": func(s store.Store) store.Store { return s },
		"faults": func(s store.Store) store.Store {
			return &flaky{Store: s, rng: rand.New(rand.NewPCG(1, 2))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				got := chargeTogether(t, wrap, 24, seed)
				t.Logf("seed %d: the history is %v", seed, got)
				if got == porcupine.Illegal {
					t.Errorf("seed %d: no order of the calls explains their answers", seed)
				}
			}
		})
	}
}

// A store that reads and then writes must be found out by the same test.
func TestCase_QT_03_ReadThenWriteIsFoundOut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		if chargeTogether(t, func(s store.Store) store.Store { return readThenWrite{s} }, 24, seed) == porcupine.Illegal {
			return
		}
	}
	t.Error("a store that checks outside of its transaction passes")
}

// flaky is a store that sometimes does not answer, before it did what it was
// asked or after.
type flaky struct {
	store.Store
	mu  sync.Mutex
	rng *rand.Rand
}

func faulty[T any](s *flaky, do func() (T, error)) (T, error) {
	s.mu.Lock()
	dice := s.rng.IntN(16)
	s.mu.Unlock()
	var none T
	if dice == 0 {
		return none, errAway
	}
	v, err := do()
	if dice == 1 && err == nil {
		return none, errAway
	}
	return v, err
}

func (s *flaky) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	return faulty(s, func() ([]store.ReserveResult, error) { return s.Store.MeterReserve(ctx, batch) })
}

func (s *flaky) MeterSettle(ctx context.Context, batch []store.Settle) ([]store.Reservation, error) {
	return faulty(s, func() ([]store.Reservation, error) { return s.Store.MeterSettle(ctx, batch) })
}

func (s *flaky) MeterRefund(ctx context.Context, r store.Refund) (store.Reservation, error) {
	return faulty(s, func() (store.Reservation, error) { return s.Store.MeterRefund(ctx, r) })
}

func (s *flaky) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	_, err := faulty(s, func() (struct{}, error) { return struct{}{}, s.Store.InTx(ctx, fn) })
	return err
}

// readThenWrite decides on what it read before the transaction that counts.
type readThenWrite struct{ store.Store }

func (s readThenWrite) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	decided := make([]store.Reserve, len(batch))
	for i, r := range batch {
		decided[i] = r
		states, err := s.MeterUsage(ctx, r.Limits, r.Now)
		if err != nil {
			return nil, err
		}
		decided[i].Limits = make([]store.CounterLimit, len(states))
		for j, c := range states {
			decided[i].Limits[j] = c.CounterLimit
			if c.Used+c.Reserved+r.Amount <= c.Limit {
				decided[i].Limits[j].Limit = store.Unlimited
			}
		}
	}
	for range 500 {
		runtime.Gosched()
	}
	return s.Store.MeterReserve(ctx, decided)
}
