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
	Seq        int64 // order in the trail, assigned by the store
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
	Detail     *AuditDetail
}

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
	Action   string
}
