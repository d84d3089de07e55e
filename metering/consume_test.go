package metering_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// units is a charge of units of conversations.
func units(n int64) metering.Charge {
	return metering.Charge{Meter: metering.Conversations, Amount: n}
}

// once is a charge with an idempotency key, of a request with a body.
func once(c metering.Charge, key, body string) metering.Charge {
	id := store.Idempotency{Caller: "svc_1", Route: "POST /consume", Key: key}
	copy(id.BodyHash[:], body)
	c.Idempotency = &id
	return c
}

func (b *bench) consume(t *testing.T, p authn.Principal, c metering.Charge) (metering.Verdict, error) {
	t.Helper()
	return b.Consume(t.Context(), p, c)
}

func TestConsumeCountsAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t, daily(5))
	v, err := b.consume(t, ann, units(3))
	if err != nil || v.Reservation.Status != store.ReservationSettled || v.Reservation.Settled != 3 {
		t.Fatalf("Consume = %+v, %v", v.Reservation, err)
	}
	if least, limited := v.Tightest(); !limited || least.Remaining() != 2 || !least.End.Equal(noon.Add(12*time.Hour)) {
		t.Errorf("the tightest limit is %+v, %v", least, limited)
	}
	v, err = b.consume(t, ann, units(3))
	if e, ok := errors.AsType[*store.Error](err); !ok || e.Code != store.ErrQuotaExceeded || e.Quota.Remaining != 2 {
		t.Errorf("more than is left: %v", err)
	}
	if len(v.Counters) != 1 || v.Counters[0].Used != 3 {
		t.Errorf("a refusal comes with %+v", v.Counters)
	}
	if v, _ := open(t).consume(t, ann, units(3)); v.Counters[0].Used != 3 {
		t.Errorf("without a limit the counters are %+v", v.Counters)
	} else if _, limited := v.Tightest(); limited {
		t.Error("nothing is limited, and there is a tightest limit")
	}
}

func TestCase_QT_04_ConsumesByTwoKeysHoldThreeLimits(t *testing.T) {
	t.Parallel()
	tokens := func(n int64) store.Limit { return store.Limit{Meter: "tokens", Window: store.Day, Limit: n} }
	b := open(t, daily(50), tokens(20))
	keys := []authn.Principal{withKey("a", daily(30), tokens(15)), withKey("b", daily(30))}
	var admitted [2][2]atomic.Int64 // by key, then by meter
	var wg sync.WaitGroup
	for k, p := range keys {
		for m, meter := range []string{metering.Conversations, "tokens"} {
			for range 60 {
				wg.Go(func() {
					if _, err := b.Consume(t.Context(), p, metering.Charge{Meter: meter, Amount: 1}); err == nil {
						admitted[k][m].Add(1)
					}
				})
			}
		}
	}
	wg.Wait()
	a, c := admitted[0][0].Load(), admitted[1][0].Load()
	if a > 30 || c > 30 || a+c != 50 {
		t.Errorf("conversations: %d and %d admitted, want at most 30 each and 50 together", a, c)
	}
	d, e := admitted[0][1].Load(), admitted[1][1].Load()
	if d > 15 || d+e != 20 {
		t.Errorf("tokens: %d and %d admitted, want at most 15 by the first key and 20 together", d, e)
	}
	for i, family := range []string{"kfm_a", "kfm_b"} { // a refusal by one limit burns no other
		if got := b.usage(t, keys[i], family, store.Day).Used; got != admitted[i][0].Load() {
			t.Errorf("%s has used %d, want the %d admitted", family, got, admitted[i][0].Load())
		}
	}
}

func TestCase_QT_05_ConsumeOfWhatIsNoAmount(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	for _, c := range []metering.Charge{
		units(0), units(-1), units(1 << 53), units(-1 << 63), {Meter: "pictures", Amount: 1}, {Amount: 1}, {Meter: metering.Credits},
	} {
		if _, err := b.consume(t, ann, c); !errors.Is(err, store.ErrValidation) {
			t.Errorf("%+v: %v, want ErrValidation", c, err)
		}
	}
	for _, amount := range []int64{0, -5, 1 << 53} {
		if _, _, err := b.GrantCredits(t.Context(), store.System(), ann.Subject, metering.NewGrant{Amount: amount, Reason: "x"}); !errors.Is(err, store.ErrValidation) {
			t.Errorf("a grant of %d: %v, want ErrValidation", amount, err)
		}
		limits := []authn.LimitChange{{Limit: daily(amount - 10)}}
		if _, err := b.SetLimits(t.Context(), store.System(), ann.Subject, limits, "x"); amount < 1<<53 && !errors.Is(err, store.ErrValidation) {
			t.Errorf("a limit of %d: %v, want ErrValidation", amount-10, err)
		}
	}
	if _, err := b.consume(t, ann, units(store.MaxAmount)); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("the largest amount: %v, want ErrQuotaExceeded", err)
	}
	if got := b.usage(t, ann, ann.Subject, store.Day).Used; got != 0 {
		t.Errorf("%d was counted", got)
	}
}

func TestCase_QT_08_ARepeatedConsumeIsOneCharge(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := openIn(t, folder, daily(10))
	first, err := b.consume(t, ann, once(units(2), "I", "body"))
	if err != nil || first.Replayed {
		t.Fatalf("the first: %+v, %v", first, err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			v, err := b.Consume(t.Context(), ann, once(units(2), "I", "body"))
			if err != nil || !v.Replayed || v.Reservation != first.Reservation || v.Counters[0] != first.Counters[0] {
				t.Errorf("a repeat: %+v, %v", v, err)
			}
		})
	}
	wg.Wait()
	if _, err := b.consume(t, ann, once(units(3), "I", "another")); !errors.Is(err, store.ErrIdempotencyMismatch) {
		t.Errorf("another body: %v, want ErrIdempotencyMismatch", err)
	}
	again := openIn(t, folder, daily(10)) // after a restart, and on another instance
	if v, err := again.consume(t, ann, once(units(2), "I", "body")); err != nil || v.Reservation != first.Reservation {
		t.Errorf("after a restart: %+v, %v", v, err)
	}
	held, err := b.Hold(t.Context(), ann, once(metering.Charge{Meter: metering.Conversations, Amount: 1, TTL: time.Minute}, "J", "body"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := again.Hold(t.Context(), ann, once(metering.Charge{Meter: metering.Conversations, Amount: 1, TTL: time.Minute}, "J", "body")); err != nil || v.Reservation != held.Reservation {
		t.Errorf("a repeated hold: %+v, %v", v, err)
	}
	if c := b.usage(t, ann, ann.Subject, store.Day); c.Used != 2 || c.Reserved != 1 {
		t.Errorf("the counter is %+v, want 2 used and 1 held", c)
	}
	again.now = noon.Add(24 * time.Hour)
	if v, err := again.consume(t, ann, once(units(2), "I", "body")); err != nil || v.Replayed {
		t.Errorf("a day later: %+v, %v, want a new charge", v, err)
	}
}

// lostAnswers is a store whose first batch is committed and not acknowledged.
type lostAnswers struct {
	store.Store
	lost atomic.Bool
}

func (s *lostAnswers) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	results, err := s.Store.MeterReserve(ctx, batch)
	if err == nil && s.lost.CompareAndSwap(false, true) {
		return nil, errAway
	}
	return results, err
}

func TestCase_QT_10_ALostAnswerIsNoSecondCharge(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	b.store.Store = &lostAnswers{Store: b.store.Store}
	if _, err := b.consume(t, ann, once(units(2), "I", "body")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("the lost answer: %v, want ErrUnavailable", err)
	}
	if v, err := b.consume(t, ann, once(units(2), "I", "body")); err != nil || !v.Replayed {
		t.Errorf("the retry: %+v, %v", v, err)
	}
	if got := b.usage(t, ann, ann.Subject, store.Day).Used; got != 2 {
		t.Errorf("%d were charged, want 2", got)
	}
}

func TestCase_QT_12_TenConsumesADayThenTenAgain(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	p := ann
	p.Zone = store.Zone{Name: "Asia/Kathmandu"}
	midnight := time.Date(2026, 1, 9, 18, 15, 0, 0, time.UTC)
	for _, at := range []time.Time{midnight.Add(-time.Minute), midnight, midnight.Add(time.Hour)} {
		b.now = at
		admitted := 0
		for range 15 {
			if _, err := b.consume(t, p, units(1)); err == nil {
				admitted++
			}
		}
		if want := map[bool]int{true: 10, false: 0}[!at.Equal(midnight.Add(time.Hour))]; admitted != want {
			t.Errorf("at %v: %d admitted, want %d", at, admitted, want)
		}
	}
}

func TestCase_Q1_TwoInstancesAdmitExactlyTheLimit(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	instances := []*bench{openIn(t, folder, daily(300)), openIn(t, folder, daily(300))}
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			if _, err := instances[i%2].Consume(t.Context(), ann, units(1)); err == nil {
				admitted.Add(1)
			} else if !errors.Is(err, store.ErrQuotaExceeded) {
				t.Errorf("Consume: %v", err)
			}
		})
	}
	wg.Wait()
	if got := instances[0].usage(t, ann, ann.Subject, store.Day); admitted.Load() != 300 || got.Used != 300 || got.Remaining() != 0 {
		t.Errorf("%d admitted, the counter is %+v; want 300", admitted.Load(), got)
	}
}
