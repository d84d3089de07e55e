package store

import (
	"encoding/json"
	"time"
)

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
