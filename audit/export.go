package audit

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/usermgmt/usermgmt/internal/export"
	"github.com/usermgmt/usermgmt/store"
)

// The formats of an export.
const (
	NDJSON = export.NDJSON // one JSON object a line
	CSV    = export.CSV    // RFC 4180, with a line of names first
)

// exportPage is how many events are in memory at a time.
const exportPage = 200

// exported is an event as it leaves the trail.
type exported struct {
	ID         string          `json:"id"`
	Seq        int64           `json:"seq"`
	At         time.Time       `json:"at"`
	Actor      exportedActor   `json:"actor"`
	OnBehalfOf *string         `json:"on_behalf_of"`
	Action     string          `json:"action"`
	Target     exportedTarget  `json:"target"`
	Result     store.Result    `json:"result"`
	Reason     string          `json:"reason"`
	IP         string          `json:"ip"`
	RequestID  string          `json:"request_id"`
	Count      int64           `json:"count"`
	Changes    json.RawMessage `json:"changes"`
}

type exportedActor struct {
	Kind store.ActorKind `json:"kind"`
	ID   string          `json:"id"`
	Name string          `json:"name"`
}

type exportedTarget struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

var columns = []string{"id", "seq", "at", "actor_kind", "actor_id", "actor_name", "on_behalf_of", "action", "target_kind",
	"target_id", "result", "reason", "ip", "request_id", "count", "changes"}

// All yields the events that a filter selects, in the order asked for, page by
// page: it takes little memory and holds no lock. It ends with what there was
// when it began, or with the first error.
func (t *Trail) All(ctx context.Context, f store.AuditFilter, sort store.Sort) iter.Seq2[store.AuditEvent, error] {
	return func(yield func(store.AuditEvent, error) bool) {
		if now := t.clock(); f.Until.IsZero() || f.Until.After(now) {
			f.Until = now.Add(time.Microsecond) // what happened just now is in it
		}
		for p := (store.Page{Sort: sort, Limit: exportPage}); ; {
			list, err := t.List(ctx, f, p)
			if err != nil {
				yield(store.AuditEvent{}, err)
				return
			}
			for _, e := range list.Items {
				if !yield(e, nil) {
					return
				}
			}
			if p.After = list.Next; p.After.IsZero() {
				return
			}
		}
	}
}

// Export writes the events that a filter selects, oldest first, as NDJSON or
// CSV, as All reads them. In CSV, a cell that a spreadsheet would take for a
// formula has an apostrophe in front. Another format is ErrValidation; after any
// other error a part may have been written.
func (t *Trail) Export(ctx context.Context, w io.Writer, format string, f store.AuditFilter) error {
	out, known := export.NewWriter(w, format, export.Table[exported]{Columns: columns, Cells: cells})
	if !known {
		return store.Invalid("format", "enum", "The format must be ndjson or csv.")
	}
	for e, err := range t.All(ctx, f, store.OldestFirst) {
		if err != nil {
			return err
		}
		if err := out.Write(exportedOf(e)); err != nil {
			return err
		}
	}
	return out.Flush()
}

func exportedOf(e store.AuditEvent) exported {
	out := exported{
		ID: e.ID, Seq: e.Seq, At: e.At, Actor: exportedActor{Kind: e.ActorKind, ID: e.ActorID},
		Action: e.Action, Target: exportedTarget{e.Target.Kind, e.Target.ID}, Result: e.Result, RequestID: e.RequestID, Count: e.Count,
		Changes: json.RawMessage("{}"),
	}
	if e.OnBehalfOf != "" {
		out.OnBehalfOf = &e.OnBehalfOf
	}
	if d := e.Detail; d != nil {
		out.Actor.Name, out.IP, out.Reason = d.ActorName, d.IP, d.Reason
		if len(d.Changes) > 0 {
			out.Changes = d.Changes
		}
	}
	return out
}

// cells are the columns of an event.
func cells(e exported) []string {
	behalf := ""
	if e.OnBehalfOf != nil {
		behalf = *e.OnBehalfOf
	}
	return []string{e.ID, strconv.FormatInt(e.Seq, 10), e.At.Format(time.RFC3339Nano), string(e.Actor.Kind), e.Actor.ID, e.Actor.Name,
		behalf, e.Action, e.Target.Kind, e.Target.ID, string(e.Result), e.Reason, e.IP, e.RequestID,
		strconv.FormatInt(e.Count, 10), string(e.Changes)}
}
