package audit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"math"
	"slices"

	"github.com/usermgmt/usermgmt/store"
)

const (
	verifyPage    = 500  // events that are in memory at a time
	anchorPage    = 200  // likewise, anchors of the database
	sequenceChunk = 1000 // events that are placed in one transaction
)

// Problem says what Verify found.
type Problem string

// The problems.
const (
	Edited     Problem = "edited"      // the event, its detail or its place in the chain is not what was written
	Missing    Problem = "missing"     // there is no event of this seq, and there are later ones
	Reordered  Problem = "reordered"   // the event is genuine and does not follow from the one before it
	Truncated  Problem = "truncated"   // the trail went on here once, with this event or with another one
	KeyMissing Problem = "key_missing" // the audit key that signed it was not given: nothing can be said
	BadAnchor  Problem = "bad_anchor"  // a line among the anchors is none of ours
)

// Verification is what Verify found. The trail is valid up to, and without,
// FirstBad.
type Verification struct {
	Valid       bool  `json:"valid"`
	Events      int64 `json:"events"`       // how many were verified
	FromSeq     int64 `json:"from_seq"`     // the first and the last of them, 0 when there is none
	ToSeq       int64 `json:"to_seq"`       //
	AnchoredSeq int64 `json:"anchored_seq"` // up to here an anchor outside of the database agrees; 0 when none does
	FirstBad    *Bad  `json:"first_bad,omitempty"`
}

// Bad is where a trail is not valid.
type Bad struct {
	Seq     int64   `json:"seq"`
	ID      string  `json:"id"` // empty where no event is
	Problem Problem `json:"problem"`
	KeyID   string  `json:"key_id,omitempty"` // of KeyMissing: which key is needed
	Line    int     `json:"line,omitempty"`   // where an anchor is at fault: which one, counted from 1
}

// VerifyOptions say how much Verify looks at.
type VerifyOptions struct {
	// FromAnchor begins with the event of the last anchor outside of the database
	// instead of where the trail starts: quicker, and silent about what is before.
	FromAnchor bool
}

// Verify reads the trail from where it starts, which is its first event or where
// retention cut it, to its end, and says whether it is what was written: each
// event under its MAC, each following from the one before it without a gap, up
// to the head, and as every anchor says. It reads page by page, takes little
// memory, and holds up nobody; what is appended meanwhile is verified too. An
// error means that it could not be found out.
//
// An event whose detail is gone is valid, since details are erased for good
// reasons: who deletes one unseen destroys what it said and can put nothing in
// its place. What stood after the last anchor can be cut off unseen, and whoever
// has an audit key can write what he wants.
func (t *Trail) Verify(ctx context.Context, o VerifyOptions) (Verification, error) {
	w := &walk{trail: t, cursor: math.MinInt64}
	if _, err := t.head(ctx); err != nil { // what is committed has its place before anchors are read
		return Verification{}, err
	}
	bad, err := w.readAnchors(ctx)
	if err != nil {
		return Verification{}, err
	}
	if o.FromAnchor {
		w.beginAtAnchor()
	}
	found, err := w.run(ctx)
	if err != nil {
		return Verification{}, err
	}
	w.result.FirstBad = cmp.Or(found, bad)
	w.result.Valid = w.result.FirstBad == nil
	return w.result, nil
}

// walk is a verification under way.
type walk struct {
	trail   *Trail
	anchors []anchored // those ahead, in the order of the trail
	cursor  int64      // the seq of the last row that was read
	at      store.AuditHead
	loose   bool // the event before is gone for good: the next one's link cannot be checked
	result  Verification
}

// anchored is a genuine anchor.
type anchored struct {
	store.AuditAnchor
	outside bool // of the database
}

// readAnchors collects the genuine anchors. One outside of the database that is
// not genuine is reported; in the database anybody can write who can write the
// trail, so there it means nothing.
func (w *walk) readAnchors(ctx context.Context) (bad *Bad, err error) {
	if w.trail.anchors != nil {
		line := 0
		for a, err := range w.trail.anchors.All(ctx) {
			if err != nil {
				return nil, err
			}
			line++
			switch k, known := w.trail.keys.byID(a.KeyID); {
			case known && k.anchored(a):
				w.anchors = append(w.anchors, anchored{a, true})
			case bad != nil:
			case !known && a.KeyID != "":
				bad = &Bad{Seq: a.Seq, Problem: KeyMissing, KeyID: a.KeyID, Line: line}
			default:
				bad = &Bad{Seq: a.Seq, Problem: BadAnchor, Line: line}
			}
		}
	}
	for a, err := range w.trail.stored(ctx, store.AuditMark) {
		if err != nil {
			return nil, err
		}
		if k, known := w.trail.keys.byID(a.KeyID); known && k.anchored(a) {
			w.anchors = append(w.anchors, anchored{a, false})
		}
	}
	slices.SortStableFunc(w.anchors, func(a, b anchored) int { return cmp.Compare(a.Seq, b.Seq) })
	return bad, nil
}

// beginAtAnchor skips what is before the event of the last anchor outside of the
// database.
func (w *walk) beginAtAnchor() {
	for i, a := range slices.Backward(w.anchors) {
		if a.outside {
			w.cursor, w.anchors = a.Seq-1, w.anchors[i:]
			w.at, w.loose = store.AuditHead{Seq: a.Seq - 1}, true
			return
		}
	}
}

// run verifies page by page until none is left. The head is read before each
// page: what it says is there then, unless somebody took it away.
func (w *walk) run(ctx context.Context) (*Bad, error) {
	for {
		head, err := w.trail.head(ctx)
		if err != nil {
			return nil, err
		}
		page, err := w.trail.store.AuditAfter(ctx, w.cursor, verifyPage)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return w.end(ctx, head)
		}
		for _, e := range page {
			if bad, err := w.step(ctx, e); bad != nil || err != nil {
				return bad, err
			}
		}
	}
}

// step verifies one event.
func (w *walk) step(ctx context.Context, e store.AuditEvent) (*Bad, error) {
	w.cursor = e.Seq
	if e.Seq > w.at.Seq+1 {
		if bad, err := w.leap(ctx, e); bad != nil || err != nil {
			return bad, err
		}
	}
	bad := func(p Problem) *Bad { return &Bad{Seq: e.Seq, ID: e.ID, Problem: p} }
	k, known := w.trail.keys.byID(e.KeyID)
	switch {
	case !known:
		return &Bad{Seq: e.Seq, ID: e.ID, Problem: KeyMissing, KeyID: e.KeyID}, nil
	case !k.made(e):
		return bad(Edited), nil
	case e.Seq <= w.at.Seq: // below the first
		return bad(Reordered), nil
	}
	if link := k.sumLink(w.at, e); !w.loose && !hmac.Equal(link, e.Chain) {
		edited, err := w.goesOn(ctx, store.AuditHead{Seq: e.Seq, Chain: link})
		if edited {
			return bad(Edited), err
		}
		return bad(Reordered), err
	}
	w.at, w.loose = store.AuditHead{Seq: e.Seq, Chain: e.Chain}, false
	if !w.passAnchors() {
		return bad(Truncated), nil
	}
	if w.result.Events == 0 {
		w.result.FromSeq = e.Seq
	}
	w.result.ToSeq = e.Seq
	w.result.Events++
	return nil, nil
}

// leap goes over a gap before an event, if retention made it.
func (w *walk) leap(ctx context.Context, e store.AuditEvent) (*Bad, error) {
	start, bad, err := w.trail.start(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case e.Seq <= start.Seq: // deletion is under way, or was broken off
		w.at, w.loose = store.AuditHead{Seq: e.Seq - 1}, true
		return nil, nil
	case start.Seq > w.at.Seq && w.startAt(start):
		return nil, nil
	case bad != nil && bad.Seq > w.at.Seq:
		return bad, nil
	}
	return &Bad{Seq: w.at.Seq + 1, Problem: Missing}, nil
}

// startAt goes on after a point that retention deleted up to, if the next event
// is there.
func (w *walk) startAt(start store.AuditAnchor) bool {
	w.at, w.loose = store.AuditHead{Seq: start.Seq, Chain: start.Chain}, false
	return w.passAnchors() && w.cursor == start.Seq+1
}

// goesOn reports whether the trail continues as if its head had been this one.
func (w *walk) goesOn(ctx context.Context, head store.AuditHead) (bool, error) {
	next, err := w.trail.store.AuditAfter(ctx, head.Seq, 1)
	if err != nil {
		return false, err
	}
	if len(next) == 0 {
		now, err := w.trail.store.AuditHead(ctx)
		return now.Seq == head.Seq && bytes.Equal(now.Chain, head.Chain), err
	}
	k, known := w.trail.keys.byID(next[0].KeyID)
	return known && hmac.Equal(next[0].Chain, k.sumLink(head, next[0])), nil
}

// passAnchors compares the last event with the anchors of it. It drops those of
// what is before.
func (w *walk) passAnchors() bool {
	agreed := w.result.AnchoredSeq
	for len(w.anchors) > 0 && w.anchors[0].Seq <= w.at.Seq {
		a := w.anchors[0]
		if a.Seq == w.at.Seq && !w.loose {
			if !bytes.Equal(a.Chain, w.at.Chain) {
				return false
			}
			if a.outside {
				agreed = a.Seq
			}
		}
		w.anchors = w.anchors[1:]
	}
	w.result.AnchoredSeq = agreed
	return true
}

// end compares the last event with the head, and with the anchors of what is no
// more.
func (w *walk) end(ctx context.Context, head store.AuditHead) (*Bad, error) {
	start, bad, err := w.trail.start(ctx)
	switch {
	case err != nil:
		return nil, err
	case start.Seq > w.at.Seq: // everything went
		w.startAt(start)
	case bad != nil && bad.Seq > w.at.Seq:
		return bad, nil
	}
	switch {
	case w.at.Seq < head.Seq, len(w.anchors) > 0:
		return &Bad{Seq: min(w.at.Seq, head.Seq) + 1, Problem: Truncated}, nil
	case w.at.Seq > head.Seq, !bytes.Equal(w.at.Chain, head.Chain):
		return &Bad{Seq: head.Seq, Problem: Edited}, nil
	}
	return nil, nil
}

// start is the last point that retention deleted up to, zero when it never did.
// Where the only one is under a key that is not there, it says so.
func (t *Trail) start(ctx context.Context) (start store.AuditAnchor, bad *Bad, err error) {
	for a, err := range t.stored(ctx, store.AuditStart) {
		if err != nil {
			return a, nil, err
		}
		switch k, known := t.keys.byID(a.KeyID); {
		case known && k.anchored(a):
			return a, nil, nil
		case !known && bad == nil:
			bad = &Bad{Seq: a.Seq, Problem: KeyMissing, KeyID: a.KeyID}
		}
	}
	return store.AuditAnchor{}, bad, nil
}
