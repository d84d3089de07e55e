package storetest

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt/store"
)

// readLedger reads all entries of a user, oldest first.
func readLedger(ctx context.Context, s store.Store, user string) (entries []store.LedgerEntry, err error) {
	page := store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst}
	for {
		list, err := s.LedgerList(ctx, user, page)
		if err != nil {
			return nil, err
		}
		entries = append(entries, list.Items...)
		if page.After = list.Next; page.After.IsZero() {
			return entries, nil
		}
	}
}

// checkLedger says what of the following does not hold: each entry says what the
// sum is after it, the sum is never below 0, and what is left of a grant is what
// was given by it, less what was taken from it and not given back.
func checkLedger(entries []store.LedgerEntry) error {
	var sum int64
	left := map[string]int64{}
	for _, e := range entries {
		sum += e.Amount
		if e.Kind == store.LedgerGrant {
			left[e.ID] += e.Amount
		} else {
			left[e.GrantID] += e.Amount
		}
		if sum < 0 || e.BalanceAfter != sum {
			return fmt.Errorf("the sum of the ledger is %d after an entry that says %d: %+v", sum, e.BalanceAfter, e)
		}
	}
	for _, e := range entries {
		if e.Kind == store.LedgerGrant && left[e.ID] != e.Remaining {
			return fmt.Errorf("%d is left of a grant, by its entries %d: %+v", e.Remaining, left[e.ID], e)
		}
	}
	return nil
}

// testLedgerProperties does arbitrary things to the balance of a user, whose
// clock also stands still and runs back a little, and wants the ledger, the
// balance and the verdicts to agree throughout.
func testLedgerProperties(t *testing.T, open Opener) {
	t.Run("Q16 SumOfTheLedgerIsTheBalance", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		rapid.Check(t, func(r *rapid.T) {
			w := &wallet{T: r, Store: s, ctx: t.Context(), user: newID("usr_")}
			for range rapid.IntRange(1, 12).Draw(r, "steps") {
				w.step()
				w.check()
			}
		})
	})
}

// wallet is a user to whose balance arbitrary things are done.
type wallet struct {
	*rapid.T
	store.Store
	ctx    context.Context
	user   string
	now    int
	leases []string
}

func (w *wallet) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *wallet) draw(name string, least, most int) int {
	return rapid.IntRange(least, most).Draw(w.T, name)
}

func (w *wallet) step() {
	w.now = max(0, w.now+w.draw("seconds", -3, 20))
	switch w.draw("do", 0, 6) {
	case 0, 1:
		w.grant()
	case 2, 3:
		w.reserve()
	case 4:
		w.settle()
	case 5:
		w.refund()
	default:
		_, err := w.CreditExpire(w.ctx, []string{w.user}, moment(w.now))
		w.must(err)
	}
}

func (w *wallet) grant() {
	g := newGrant(w.user, int64(w.draw("amount", 1, 30)))
	g.Now, g.Priority, g.Source = moment(w.now), w.draw("priority", 0, 2), rapid.SampledFrom([]string{"a", "b"}).Draw(w.T, "source")
	g.Mode = rapid.SampledFrom([]store.GrantMode{store.GrantAdd, store.GrantTopUp}).Draw(w.T, "mode")
	if w.draw("ends", 0, 1) == 1 {
		g.ExpiresAt = moment(w.now + w.draw("after", -5, 40))
	}
	_, _, err := w.CreditGrant(w.ctx, g)
	w.must(err)
}

// reserve asks for a batch, and holds each verdict against the balance before it.
func (w *wallet) reserve() {
	before, err := w.CreditBalance(w.ctx, w.user, moment(w.now))
	w.must(err)
	var batch []store.Reserve
	for range w.draw("members", 1, 3) {
		batch = append(batch, store.Reserve{ID: newID("res_"), Subject: w.user, Meter: store.Credits,
			Amount: int64(w.draw("amount", 1, 30)), Consume: w.draw("consume", 0, 1) == 1,
			Now: moment(w.now), ExpiresAt: moment(w.now + w.draw("lease", 1, 30))})
	}
	results, err := w.MeterReserve(w.ctx, batch)
	w.must(err)
	for i, res := range results {
		admitted := res.Refused == store.Admitted
		if admitted != (batch[i].Amount <= before.Available()) {
			w.Fatalf("%d of %+v: refused by %d", batch[i].Amount, before, res.Refused)
		}
		if admitted {
			w.leases = append(w.leases, batch[i].ID)
			if batch[i].Consume {
				before.Amount -= batch[i].Amount
			} else {
				before.Reserved += batch[i].Amount
			}
		}
		if *res.Balance != before {
			w.Fatalf("the balance is %+v, the verdict says %+v", before, *res.Balance)
		}
	}
}

func (w *wallet) settle() {
	if len(w.leases) == 0 {
		return
	}
	var batch []store.Settle
	for range w.draw("members", 1, 3) {
		batch = append(batch, store.Settle{ID: rapid.SampledFrom(w.leases).Draw(w.T, "lease"), Now: moment(w.now),
			Amount: int64(w.draw("amount", 0, 40)), Release: w.draw("release", 0, 3) == 0})
	}
	_, err := w.MeterSettle(w.ctx, batch)
	w.must(err)
}

func (w *wallet) refund() {
	if len(w.leases) == 0 {
		return
	}
	id := rapid.SampledFrom(w.leases).Draw(w.T, "lease")
	r, err := w.MeterRefund(w.ctx, store.Refund{ID: id, Now: moment(w.now)})
	if store.CodeOf(err) == store.ErrConflict {
		return // it is not settled
	}
	w.must(err)
	if r.Refunded != r.Settled-r.Shortfall {
		w.Fatalf("what was charged is not what was refunded: %+v", r)
	}
}

func (w *wallet) check() {
	entries, err := readLedger(w.ctx, w.Store, w.user)
	w.must(err)
	w.must(checkLedger(entries))
	var sum int64
	for _, e := range entries {
		sum += e.Amount
		if ends := e.ExpiresAt; e.Kind == store.LedgerGrant && !ends.IsZero() && !ends.After(moment(w.now)) {
			sum -= e.Remaining // not written down yet
		}
	}
	b, err := w.CreditBalance(w.ctx, w.user, moment(w.now))
	w.must(err)
	if b.Amount != sum {
		w.Fatalf("the balance is %d, the ledger says %d", b.Amount, sum)
	}
}
