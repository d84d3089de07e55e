package quota

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// closeTheBooks waits until all leases are over, takes what is left, and holds
// what was given out against what there was.
func (j *judge) closeTheBooks(ctx context.Context) error {
	select {
	case <-time.After(j.Lease):
	case <-ctx.Done():
		return ctx.Err()
	}
	r := &j.report
	for _, meter := range []string{metering.Conversations, metering.Credits} {
		if err := j.fill(ctx, meter); err != nil {
			return err
		}
	}
	limit, credits, err := j.read(ctx, time.Now())
	if err != nil {
		return err
	}
	r.Limit.Peak, r.Limit.Used, r.Limit.Reserved = j.peakLimit, limit.Used, limit.Reserved
	r.Credits.Peak, r.Credits.Used, r.Credits.Reserved = j.peakCredits, j.Credits-credits.Amount, credits.Reserved
	r.Limit.close()
	r.Credits.close()
	r.Balance = credits.Amount
	r.Ledger, err = j.ledger(ctx)
	return err
}

// fill consumes what is left of a meter, by many callers at once, and one more
// than that.
func (j *judge) fill(ctx context.Context, meter string) error {
	for {
		limit, credits, err := j.read(ctx, time.Now())
		if err != nil {
			return err
		}
		left := limit.Remaining()
		if meter == metering.Credits {
			left = credits.Available()
		}
		got, err := j.consume(ctx, meter, max(1, left/int64(j.Callers)))
		if err != nil {
			return err
		}
		j.book(meter).Filled += got
		if left == 0 || got == 0 {
			return nil
		}
	}
}

// consume asks for an amount by each of the callers and returns what they got.
func (j *judge) consume(ctx context.Context, meter string, amount int64) (int64, error) {
	var got atomic.Int64
	var callers sync.WaitGroup
	errs := make([]error, j.Callers)
	for i := range j.Callers {
		callers.Go(func() {
			_, err := j.service.Consume(ctx, j.account.principal(), metering.Charge{Meter: meter, Amount: amount})
			switch {
			case err == nil:
				got.Add(amount)
			case !errors.Is(err, store.ErrQuotaExceeded) && !errors.Is(err, store.ErrInsufficientCredits):
				errs[i] = err
			}
		})
	}
	callers.Wait()
	return got.Load(), errors.Join(errs...)
}

// ledger adds up the entries of the account.
func (j *judge) ledger(ctx context.Context) (sum int64, err error) {
	page := store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst}
	for {
		entries, err := j.db.LedgerList(ctx, j.account.Subject, page)
		if err != nil {
			return 0, err
		}
		for _, e := range entries.Items {
			sum += e.Amount
		}
		if page.After = entries.Next; page.After.IsZero() {
			return sum, nil
		}
	}
}
