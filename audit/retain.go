package audit

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// How much goes in one transaction, so that no change waits long behind it.
const (
	retainChunk = 100
	eraseChunk  = 500
)

// Retain deletes events that are older than Config.Retention, with their
// details, up to the last anchor that is as old: Verify starts there from then
// on. Without a retention, or without such an anchor, it deletes nothing.
//
// It deletes little at a time, and rests as long as each time took. It ends with
// ctx or with the first fault, and what it did stays done.
func (t *Trail) Retain(ctx context.Context) error {
	if t.retention == 0 {
		return nil
	}
	cut := t.clock().Add(-t.retention)
	mark, err := t.lastAnchor(ctx, store.AuditMark, func(a store.AuditAnchor) bool { return !a.At.After(cut) })
	if err != nil {
		return err
	}
	start, _, err := t.start(ctx)
	if err != nil {
		return err
	}
	if mark.Seq > start.Seq {
		start = t.signed(store.AuditStart, store.AuditHead{Seq: mark.Seq, Chain: mark.Chain})
		if err := t.store.AuditAnchorPut(ctx, start); err != nil {
			return err
		}
	}
	return t.purge(ctx, start.Seq)
}

// purge deletes up to an event. It also goes on with what an earlier one had to
// leave.
func (t *Trail) purge(ctx context.Context, upTo int64) error {
	for {
		began := time.Now()
		n, err := t.store.AuditPurge(ctx, upTo, retainChunk)
		if err != nil || n < retainChunk {
			return err
		}
		select {
		case <-time.After(time.Since(began)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Erase deletes the details of all events that a subject, or something that is
// its, is the target of, or that it is the actor of: names, addresses, reasons and values. The events stay and the trail
// verifies. Through the Queries of a transaction it happens in that; through a
// Store in several, a part at a time, and is safe to repeat.
func (t *Trail) Erase(ctx context.Context, q store.Queries, subject string) error {
	for {
		n, err := q.AuditErase(ctx, subject, eraseChunk)
		if err != nil || n < eraseChunk {
			return err
		}
	}
}
