package audit

import (
	"context"
	"crypto/hmac"
	"iter"
	"math"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// Anchors keep what Anchor says outside of the database, where whoever can write
// to that cannot take it back. An AnchorFile is one.
type Anchors interface {
	// Append adds an anchor. When it returns nil, the anchor is there for good.
	Append(ctx context.Context, a store.AuditAnchor) error
	// All yields all anchors, in the order in which they were added. What is not
	// an anchor, such as a line that somebody edited, is yielded as the zero
	// AuditAnchor. An error ends it. No anchors is no error.
	All(ctx context.Context) iter.Seq2[store.AuditAnchor, error]
}

// Anchor writes down, outside of the database and in it, how far the trail has
// come: what was there then cannot be cut off afterwards without Verify finding
// it. A trail without events has no anchor, and the zero one is returned.
//
// It records no event. Where a person asks for it, that is recorded before, so
// that the anchor covers it.
func (t *Trail) Anchor(ctx context.Context) (store.AuditAnchor, error) {
	head, err := t.head(ctx)
	if err != nil || head.Seq == 0 {
		return store.AuditAnchor{}, err
	}
	a := t.signed(store.AuditMark, head)
	if t.anchors != nil {
		if err := t.anchors.Append(ctx, a); err != nil {
			return store.AuditAnchor{}, err
		}
	}
	return a, t.store.AuditAnchorPut(ctx, a)
}

// AnchorIfMoved does what Anchor does, unless there is an anchor of the last
// event already.
func (t *Trail) AnchorIfMoved(ctx context.Context) error {
	head, err := t.head(ctx)
	if err != nil {
		return err
	}
	last, err := t.lastAnchor(ctx, store.AuditMark, func(store.AuditAnchor) bool { return true })
	if err != nil || last.Seq == head.Seq {
		return err
	}
	_, err = t.Anchor(ctx)
	return err
}

// head is the end of the trail, of which every event that is committed is part.
func (t *Trail) head(ctx context.Context) (store.AuditHead, error) {
	for {
		n, err := t.store.AuditSequence(ctx, sequenceChunk, t.keys.link)
		if err != nil {
			return store.AuditHead{}, err
		}
		if n < sequenceChunk {
			return t.store.AuditHead(ctx)
		}
	}
}

// signed makes an anchor of what the head was.
func (t *Trail) signed(kind store.AuditAnchorKind, head store.AuditHead) store.AuditAnchor {
	a := store.AuditAnchor{Kind: kind, Seq: head.Seq, Chain: head.Chain, At: t.clock().UTC().Truncate(time.Microsecond)}
	t.keys.signAnchor(&a)
	return a
}

// lastAnchor finds the last genuine anchor of a kind in the database that suits,
// or the zero one.
func (t *Trail) lastAnchor(ctx context.Context, kind store.AuditAnchorKind, suits func(store.AuditAnchor) bool) (store.AuditAnchor, error) {
	for a, err := range t.stored(ctx, kind) {
		if err != nil {
			return a, err
		}
		if k, known := t.keys.byID(a.KeyID); known && k.anchored(a) && suits(a) {
			return a, nil
		}
	}
	return store.AuditAnchor{}, nil
}

// stored yields the anchors of a kind in the database, the last first.
func (t *Trail) stored(ctx context.Context, kind store.AuditAnchorKind) iter.Seq2[store.AuditAnchor, error] {
	return func(yield func(store.AuditAnchor, error) bool) {
		for before := int64(math.MaxInt64); ; {
			page, err := t.store.AuditAnchors(ctx, kind, before, anchorPage)
			if err != nil {
				yield(store.AuditAnchor{}, err)
				return
			}
			for _, a := range page {
				if !yield(a, nil) {
					return
				}
				before = a.Seq
			}
			if len(page) < anchorPage {
				return
			}
		}
	}
}

// anchored reports whether an anchor was made under the key.
func (k key) anchored(a store.AuditAnchor) bool { return hmac.Equal(a.MAC, k.sumAnchor(a)) }
