package httpapi

import (
	"encoding/json"
	"time"

	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// AuditEvent is one event of the audit trail. What was erased of it is empty.
type AuditEvent struct {
	ID         string       `json:"id"`
	Seq        int64        `json:"seq" doc:"Its place in the trail, from 1"`
	At         time.Time    `json:"at"`
	Actor      AuditActor   `json:"actor"`
	OnBehalfOf *string      `json:"on_behalf_of" doc:"The id of the account that was acted for, if another"`
	Action     string       `json:"action" doc:"Such as user.suspend"`
	Target     AuditTarget  `json:"target"`
	Result     store.Result `json:"result" enum:"ok,denied,failed"`
	Reason     string       `json:"reason"`
	IP         string       `json:"ip"`
	RequestID  string       `json:"request_id"`
	Count      int64        `json:"count" doc:"How many like events it stands for"`
	Changes    Object       `json:"changes" doc:"By field, what it was before and after: {\"field\":{\"from\",\"to\"}}"`
}

// AuditActor is who did it.
type AuditActor struct {
	Kind store.ActorKind `json:"kind" enum:"anonymous,user,staff,admin,service,system"`
	ID   string          `json:"id"`
	Name string          `json:"name" doc:"The user name at the time"`
}

// AuditTarget is what it was done to.
type AuditTarget struct {
	Kind string `json:"kind" doc:"Such as user or key"`
	ID   string `json:"id"`
}

func auditEvent(e store.AuditEvent) AuditEvent {
	out := AuditEvent{
		ID:         e.ID,
		Seq:        e.Seq,
		At:         e.At.UTC(),
		Actor:      AuditActor{Kind: e.ActorKind, ID: e.ActorID},
		OnBehalfOf: textOrNull(e.OnBehalfOf),
		Action:     e.Action,
		Target:     AuditTarget{Kind: e.Target.Kind, ID: e.Target.ID},
		Result:     e.Result,
		RequestID:  e.RequestID,
		Count:      e.Count,
	}
	if d := e.Detail; d != nil {
		out.Actor.Name, out.Reason, out.IP, out.Changes = d.ActorName, d.Reason, d.IP, Object{d.Changes}
	}
	return out
}

// auditEventFor shows an event to a caller: of its changes, without those of
// members that are hidden from him.
func (a *API) auditEventFor(c *call) func(store.AuditEvent) AuditEvent {
	return func(e store.AuditEvent) AuditEvent {
		out := auditEvent(e)
		var changes map[string]json.RawMessage
		if json.Unmarshal(out.Changes.raw, &changes) != nil {
			return out
		}
		for _, field := range authz.HideableFields() {
			if _, shown := changes[field]; shown && a.cfg.Ceilings.Hides(c.principal, field) {
				delete(changes, field)
				out.Changes.raw, _ = json.Marshal(changes) // it was JSON
			}
		}
		return out
	}
}
