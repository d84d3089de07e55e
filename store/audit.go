package store

import (
	"context"
	"encoding/json"
	"time"
)

// AuditStore keeps the audit trail.
type AuditStore interface {
	// AuditInsert appends events and their details, in their order. Each gets
	// the Seq after that of the head and the Chain that link computes, and is
	// the head then, all in the transaction of the call: one that is rolled back
	// leaves no gap. An id that exists is ErrConflict for the whole batch; events
	// that stand where the next one belongs are ErrInternal.
	//
	// A driver whose transactions write at the same time need not make them wait
	// for each other here: it may store events without a place, for AuditSequence.
	AuditInsert(ctx context.Context, events []AuditEvent, link AuditLink) error
	// AuditSequence gives a place to committed events that have none, at most
	// limit in one transaction, and returns how many there were; fewer than the
	// limit means that none is left. Where AuditInsert gives each its place, there
	// are none.
	AuditSequence(ctx context.Context, limit int, link AuditLink) (int, error)
	// AuditHead is the end of the trail, zero when it never had an event.
	AuditHead(ctx context.Context) (AuditHead, error)
	// AuditAfter returns at most limit events after a Seq, in order, with their
	// details, where those were not erased.
	AuditAfter(ctx context.Context, seq int64, limit int) ([]AuditEvent, error)
	AuditList(ctx context.Context, f AuditFilter, p Page) (List[AuditEvent], error)
	// AuditErase deletes at most limit details of events that a subject is the
	// target or the actor of, and returns how many; the events stay. Fewer than
	// the limit means that none is left.
	AuditErase(ctx context.Context, subject string, limit int) (int, error)
	// AuditPurge deletes at most limit events up to a Seq, from the oldest on,
	// with their details, and the anchors before that Seq. It returns how many
	// events went; fewer than the limit means that none is left.
	AuditPurge(ctx context.Context, upTo int64, limit int) (int, error)
	// AuditAnchorPut stores an anchor. One of its kind and Seq that exists stays.
	AuditAnchorPut(ctx context.Context, a AuditAnchor) error
	// AuditAnchors returns at most limit anchors of a kind before a Seq, the last
	// of them first.
	AuditAnchors(ctx context.Context, kind AuditAnchorKind, before int64, limit int) ([]AuditAnchor, error)
}

// AuditEvent is one row of the audit trail. What is personal (names, address,
// the values before and after, the reason) stands in Detail, which can be
// erased: the event keeps only DetailHash, a salted hash of it.
type AuditEvent struct {
	ID         string
	Seq        int64 // place in the trail, from 1 without gaps; given by the store
	At         time.Time
	ActorKind  ActorKind
	ActorID    string
	OnBehalfOf string
	Action     string
	Target     Target
	Result     Result
	RequestID  string
	Count      int64 // how many like events this row stands for; at least 1
	DetailHash []byte
	KeyID      string // which audit key made MAC
	MAC        []byte // over every field above but Seq
	Chain      []byte // binds the event to its place and to all before it
	Detail     *AuditDetail
}

// AuditHead is the end of the trail: the place and the chain value of its last
// event. The zero value is that of a trail that never had one.
type AuditHead struct {
	Seq   int64
	Chain []byte
}

// AuditLink computes the chain value of an event that follows head and whose Seq
// is set. An error, such as of a key that it does not have, refuses the event. It
// has no other effects.
type AuditLink func(head AuditHead, e AuditEvent) (chain []byte, err error)

// AuditDetail is the erasable part of an event.
type AuditDetail struct {
	Salt      []byte
	ActorName string
	IP        string
	Reason    string
	Changes   json.RawMessage // {"field":{"from","to"}}, or nil
}

// AuditFilter selects events. Empty fields do not restrict.
type AuditFilter struct {
	ActorID  string
	TargetID string
	About    string // id of an account: what was done to it or what is its, or by it
	Action   string
	Result   Result
	From     time.Time // at or after
	Until    time.Time // before
}

// AuditAnchorKind says what an anchor is for.
type AuditAnchorKind string

// The kinds of anchor.
const (
	AuditMark  AuditAnchorKind = "mark"  // the trail reached this event
	AuditStart AuditAnchorKind = "start" // retention deletes up to this event: the trail starts after it
)

// AuditAnchor says what the chain value of one event was, under a MAC.
type AuditAnchor struct {
	Kind  AuditAnchorKind
	Seq   int64
	Chain []byte
	At    time.Time // when it was made
	KeyID string
	MAC   []byte // over every field above
}
