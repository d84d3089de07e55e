package metering_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

var staff = store.Actor{Kind: store.ActorAdmin, ID: "adm_1"}

// withUser makes an account for ann.
func (b *bench) withUser(t *testing.T) *bench {
	t.Helper()
	user := store.User{ID: ann.Subject, Username: "ann", Plan: "free", Status: store.Active, CreatedAt: noon}
	if err := b.store.UserInsert(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	return b
}

// grant gives ann credits.
func (b *bench) grant(t *testing.T, in metering.NewGrant) store.LedgerEntry {
	t.Helper()
	in.Reason = "test"
	entry, _, err := b.GrantCredits(t.Context(), staff, ann.Subject, in)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func credits(n int64) metering.Charge {
	return metering.Charge{Meter: metering.Credits, Amount: n, TTL: time.Minute}
}

func (b *bench) wantBalance(t *testing.T, amount, reserved int64) {
	t.Helper()
	got, err := b.Balance(t.Context(), ann.Subject)
	if want := (store.Balance{Amount: amount, Reserved: reserved}); err != nil || got != want {
		t.Errorf("the balance is %+v, %v; want %+v", got, err, want)
	}
}

// ledger returns the entries of ann, oldest first, and wants their sum to be
// what the last of them says.
func (b *bench) ledger(t *testing.T) []store.LedgerEntry {
	t.Helper()
	list, err := b.Ledger(t.Context(), ann.Subject, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, e := range list.Items {
		if sum += e.Amount; e.BalanceAfter != sum || sum < 0 {
			t.Fatalf("the sum of the ledger is %d after %+v", sum, e)
		}
	}
	return list.Items
}

func TestCreditsAreHeldSpentAndRefunded(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	b.grant(t, metering.NewGrant{Amount: 100})
	v, err := b.Hold(t.Context(), ann, credits(60))
	if err != nil {
		t.Fatal(err)
	}
	if balance, limited := v.Tightest(); !limited || balance.Window != "" || balance.Limit != 100 || balance.Remaining() != 40 {
		t.Errorf("the balance as a counter is %+v", balance)
	}
	if _, err := b.consume(t, ann, credits(41)); !errors.Is(err, store.ErrInsufficientCredits) {
		t.Errorf("more than is free: %v, want ErrInsufficientCredits", err)
	}
	if _, err := b.Settle(t.Context(), v.Reservation.ID, 70, store.OutcomeInterrupted); err != nil {
		t.Fatal(err)
	}
	b.wantBalance(t, 30, 0)
	spend := b.ledger(t)[1]
	if spend.Outcome != store.OutcomeInterrupted || spend.ReservationID != v.Reservation.ID {
		t.Errorf("the spend is %+v", spend)
	}
	for _, id := range []string{v.Reservation.ID, spend.ID} {
		if r, err := b.Refund(t.Context(), id, "broken"); err != nil || r.Refunded != 70 {
			t.Errorf("Refund = %+v, %v", r, err)
		}
	}
	b.wantBalance(t, 100, 0)
	for id, want := range map[string]store.Code{"res_x": store.ErrNotFound, "": store.ErrNotFound, ids.New(ids.Ledger): store.ErrNotFound} {
		if _, err := b.Refund(t.Context(), id, ""); !errors.Is(err, want) {
			t.Errorf("Refund(%q) = %v, want %v", id, err, want)
		}
	}
	b.ledger(t)
}

func TestInsufficientCreditsSaysWhatIsLeftAndWhenThereIsMore(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	b.grant(t, metering.NewGrant{Amount: 5})
	_, err := b.consume(t, ann, credits(6))
	e, ok := errors.AsType[*store.Error](err)
	if !ok || *e.Quota != (store.QuotaRefusal{Meter: metering.Credits, Limit: 5, Remaining: 5}) || e.RetryAfter != 0 {
		t.Errorf("without grants to come: %+v", err)
	}
	b.setGrant(t, &store.CreditGrant{Amount: 1, Window: store.Day, Mode: store.GrantAdd})
	_, err = b.consume(t, ann, credits(7))
	if e, ok := errors.AsType[*store.Error](err); !ok || e.RetryAfter != 12*time.Hour || e.Quota.Remaining != 6 {
		t.Errorf("with a grant at midnight: %+v", err)
	}
}

func TestCreditsHaveLimitsToo(t *testing.T) {
	t.Parallel()
	b := open(t, store.Limit{Meter: metering.Credits, Window: store.Day, Limit: 10}).withUser(t)
	b.grant(t, metering.NewGrant{Amount: 100})
	if _, err := b.consume(t, ann, credits(11)); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("over the day's limit: %v, want ErrQuotaExceeded", err)
	}
	if _, err := b.consume(t, ann, credits(10)); err != nil {
		t.Errorf("within it: %v", err)
	}
	if _, err := b.consume(t, withKey("a", store.Limit{Meter: metering.Credits, Window: store.Month, Limit: 3}), credits(1)); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("the day is used up for keys too: %v", err)
	}
	used, err := b.Usage(t.Context(), ann)
	if err != nil || used.Credits != (store.Balance{Amount: 90}) {
		t.Errorf("Usage = %+v, %v", used, err)
	}
}

func TestReportedCreditsAreTakenDownToNothing(t *testing.T) {
	t.Parallel()
	b := open(t, store.Limit{Meter: metering.Credits, Window: store.Day, Limit: 1}).withUser(t)
	b.grant(t, metering.NewGrant{Amount: 10})
	for _, amount := range []int64{0, 7, 7} {
		if err := b.Count(t.Context(), ann, metering.Credits, amount); err != nil {
			t.Fatal(err)
		}
	}
	b.wantBalance(t, 0, 0)
	if last := b.ledger(t)[2]; last.Amount != -3 || last.Shortfall != 4 {
		t.Errorf("the last spend is %+v", last)
	}
}

func TestCase_Q7_Q15_AGrantHappensOnce(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, _, err := b.GrantCredits(t.Context(), staff, ann.Subject, metering.NewGrant{Amount: 5, Reason: "paid", Key: "order 1"}); err != nil {
				t.Error(err)
			}
			asked := once(metering.Charge{}, "I", "body").Idempotency
			if _, _, err := b.GrantCredits(t.Context(), staff, ann.Subject, metering.NewGrant{Amount: 7, Reason: "paid", Idempotency: asked}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.wantBalance(t, 12, 0)
	entry, replayed, err := b.GrantCredits(t.Context(), staff, ann.Subject,
		metering.NewGrant{Amount: 7, Reason: "paid", Idempotency: once(metering.Charge{}, "I", "body").Idempotency})
	if want := b.ledger(t); err != nil || !replayed || entry != want[0] && entry != want[1] {
		t.Errorf("the replay is %+v, %v, %v", entry, replayed, err)
	}
	_, _, err = b.GrantCredits(t.Context(), staff, ann.Subject,
		metering.NewGrant{Amount: 8, Reason: "paid", Idempotency: once(metering.Charge{}, "I", "another").Idempotency})
	if !errors.Is(err, store.ErrIdempotencyMismatch) {
		t.Errorf("another body: %v, want ErrIdempotencyMismatch", err)
	}
	if n := b.trail.count("user.credits"); n != 2 {
		t.Errorf("%d grants were audited, want 2", n)
	}
}

// Who asks again may do so when what was granted has ended already.
func TestCase_Q7_ARepeatedGrantIsAnsweredAfterItsEnd(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	for name, in := range map[string]metering.NewGrant{
		"an order":  {Key: "order 1"},
		"a request": {Idempotency: once(metering.Charge{}, "I", "body").Idempotency},
	} {
		b.now = noon
		in.Amount, in.ExpiresAt = 5, noon.Add(time.Second)
		granted := b.grant(t, in)
		b.now = noon.Add(time.Second)
		if again := b.grant(t, in); again.ID != granted.ID {
			t.Errorf("%s: asked again: %+v", name, again)
		}
	}
	b.wantBalance(t, 0, 0)
}

// What is remembered of a request outlives a user who is purged meanwhile.
func TestWhatIsRememberedOfAGrantNamesNobody(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	in := metering.NewGrant{Amount: 7, Reason: "for Ann Example", Idempotency: once(metering.Charge{}, "I", "body").Idempotency}
	granted, _, err := b.GrantCredits(t.Context(), staff, ann.Subject, in)
	if err != nil {
		t.Fatal(err)
	}
	record, err := b.store.IdempotencyGet(t.Context(), in.Idempotency.Caller, in.Idempotency.Route, in.Idempotency.Key, b.now)
	if err != nil || strings.Contains(string(record.Outcome), "Example") {
		t.Errorf("remembered: %s, %v", record.Outcome, err)
	}
	again, replayed, err := b.GrantCredits(t.Context(), staff, ann.Subject, in)
	if err != nil || !replayed || again != granted || again.Reason != in.Reason {
		t.Errorf("asked again: %+v, %v, want %+v", again, err, granted)
	}
}

func TestGrantCreditsChecksItsInput(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	for name, row := range map[string]struct {
		user string
		in   metering.NewGrant
		want store.Code
	}{
		"no reason":     {ann.Subject, metering.NewGrant{Amount: 1, Reason: " "}, store.ErrReasonRequired},
		"ended already": {ann.Subject, metering.NewGrant{Amount: 1, Reason: "x", ExpiresAt: noon}, store.ErrValidation},
		"no such user":  {"usr_none", metering.NewGrant{Amount: 1, Reason: "x"}, store.ErrNotFound},
	} {
		if _, _, err := b.GrantCredits(t.Context(), staff, row.user, row.in); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	e := b.grant(t, metering.NewGrant{Amount: 4, Priority: 2, ExpiresAt: noon.Add(time.Hour)})
	if e.Source != "admin" || e.Priority != 2 || !e.ExpiresAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("the entry is %+v", e)
	}
	b.now = noon.Add(time.Hour)
	b.wantBalance(t, 0, 0)
	if n, err := b.ExpireCredits(t.Context()); n != 1 || err != nil {
		t.Errorf("ExpireCredits = %d, %v", n, err)
	}
	if all := b.ledger(t); len(all) != 2 || all[1].Kind != store.LedgerExpire {
		t.Errorf("the ledger is %+v", all)
	}
}

func TestCase_Q4_AnAbandonedHoldOfCreditsIsFreeAtItsDeadline(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	b.grant(t, metering.NewGrant{Amount: 10})
	if _, err := b.Hold(t.Context(), ann, credits(10)); err != nil {
		t.Fatal(err)
	}
	b.now = noon.Add(time.Minute - time.Microsecond)
	b.wantBalance(t, 10, 10)
	b.now = noon.Add(time.Minute)
	b.wantBalance(t, 10, 0)
	if _, err := b.consume(t, ann, credits(10)); err != nil {
		t.Errorf("after the deadline: %v", err)
	}
}

// The charge, its spends and the record of its key stand or fall together.
func TestCase_Q3_AChargeIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10)).withUser(t)
	b.grant(t, metering.NewGrant{Amount: 10})
	exec := b.store.Store.(store.Execer)
	for _, broken := range []string{"idempotency_records", "ledger_entries", "balances", "usage"} {
		if _, err := exec.Exec(t.Context(), `CREATE TRIGGER broken BEFORE INSERT ON `+broken+` BEGIN SELECT RAISE(ABORT, 'broken'); END`); err != nil {
			t.Fatal(err)
		}
		if _, err := b.consume(t, ann, once(credits(4), "I", "body")); err == nil {
			t.Errorf("%s cannot be written, and the charge is admitted", broken)
		}
		if _, err := exec.Exec(t.Context(), `DROP TRIGGER broken`); err != nil {
			t.Fatal(err)
		}
		b.wantBalance(t, 10, 0)
		if entries := b.ledger(t); len(entries) != 1 {
			t.Errorf("%s: the ledger is %+v", broken, entries)
		}
	}
	if v, err := b.consume(t, ann, once(credits(4), "I", "body")); err != nil || v.Replayed {
		t.Errorf("afterwards: %+v, %v", v, err)
	}
	b.wantBalance(t, 6, 0)
}
