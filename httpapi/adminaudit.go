package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

func (a *API) auditRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/audit", id: "list-audit", tag: "audit", action: authz.ReadAudit,
		summary: "List what was done by whom and to what", status: http.StatusOK,
		list: &listing{sorts: byCreation, filters: []string{"actor", "action", "target", "result", "from", "to"}},
	}, a.listAudit)
	handle(r, route{
		method: "GET", path: "/audit/verify", id: "verify-audit", tag: "audit", action: authz.VerifyAudit,
		summary: "Read the whole trail and say whether it is what was written", status: http.StatusOK,
		query: []parameter{{"from", "anchor begins with the last anchor outside of the database: quicker, and silent about what is before"}},
	}, a.verifyAudit)
	handle(r, route{
		method: "POST", path: "/audit/anchor", id: "anchor-audit", tag: "audit", action: authz.AnchorAudit,
		summary: "Say outside of the database how far the trail has come", status: http.StatusOK,
	}, a.anchorAudit)
	handleStream(r, route{
		method: "GET", path: "/audit/export", id: "export-audit", tag: "audit", action: authz.ExportAudit,
		summary: "Take events of the trail away as a file, oldest first", status: http.StatusOK,
		query: exportQuery(
			parameter{"actor", "Only what this account did, by the id"}, parameter{"action", "Only this action"},
			parameter{"target", "Only what was done to this, by the id"}, parameter{"result", "Only what ended so: ok, denied or failed"}),
	}, "", []string{mediaNDJSON, mediaCSV}, a.exportAudit)
}

// auditFilter reads which events are meant.
func auditFilter(c *call) (f store.AuditFilter, err error) {
	f = store.AuditFilter{
		ActorID: c.filters["actor"], Action: c.filters["action"], TargetID: c.filters["target"], Result: store.Result(c.filters["result"]),
	}
	switch f.Result {
	case "", store.OK, store.Denied, store.Failed:
	default:
		return f, store.Invalid("result", "enum", "The parameter must be ok, denied or failed.")
	}
	if f.From, err = timeOf(c, "from"); err != nil {
		return f, err
	}
	f.Until, err = timeOf(c, "to")
	return f, err
}

func (a *API) listAudit(ctx context.Context, c *call, _ none) (List[AuditEvent], error) {
	f, err := auditFilter(c)
	if err != nil {
		return List[AuditEvent]{}, err
	}
	list, err := a.cfg.Trail.List(ctx, f, c.page)
	if err != nil {
		return List[AuditEvent]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, auditEvent), nil
}

// Verify is what a verification of the trail found.
type Verify struct {
	Valid       bool       `json:"valid"`
	Events      int64      `json:"events" doc:"How many were verified"`
	FromSeq     int64      `json:"from_seq"`
	ToSeq       int64      `json:"to_seq"`
	AnchoredSeq int64      `json:"anchored_seq" doc:"Up to here an anchor outside of the database agrees; 0 when none does"`
	FirstBad    *VerifyBad `json:"first_bad,omitempty" doc:"Where the trail ceases to be valid; absent when it is"`
}

// VerifyBad is the first event that is not what was written.
type VerifyBad struct {
	Seq     int64         `json:"seq"`
	ID      string        `json:"id" doc:"Empty where no event is"`
	Problem audit.Problem `json:"problem" enum:"edited,missing,reordered,truncated,key_missing,bad_anchor"`
}

func (a *API) verifyAudit(ctx context.Context, c *call, _ none) (Verify, error) {
	var o audit.VerifyOptions
	switch c.filters["from"] {
	case "":
	case "anchor":
		o.FromAnchor = true
	default:
		return Verify{}, store.Invalid("from", "enum", "The parameter must be anchor, or absent for the whole trail.")
	}
	v, err := a.cfg.Trail.Verify(ctx, o)
	if err != nil {
		return Verify{}, err
	}
	out := Verify{Valid: v.Valid, Events: v.Events, FromSeq: v.FromSeq, ToSeq: v.ToSeq, AnchoredSeq: v.AnchoredSeq}
	if v.FirstBad != nil {
		out.FirstBad = &VerifyBad{v.FirstBad.Seq, v.FirstBad.ID, v.FirstBad.Problem}
	}
	return out, nil
}

// AuditAnchor says how far the trail had come.
type AuditAnchor struct {
	Seq   int64     `json:"seq" doc:"The last event"`
	Chain string    `json:"chain" doc:"Its chain value, in hex"`
	At    time.Time `json:"at"`
}

// anchorAudit records that somebody asks before the anchor is made, so that the
// anchor covers it.
func (a *API) anchorAudit(ctx context.Context, c *call, _ none) (AuditAnchor, error) {
	if err := a.noteAudit(ctx, c, "audit.anchor", nil); err != nil {
		return AuditAnchor{}, err
	}
	made, err := a.cfg.Trail.Anchor(ctx)
	if err != nil {
		return AuditAnchor{}, err
	}
	return AuditAnchor{made.Seq, hex.EncodeToString(made.Chain), made.At.UTC()}, nil
}

func (a *API) exportAudit(ctx context.Context, c *call, w http.ResponseWriter, _ *http.Request) error {
	f, err := auditFilter(c)
	if err != nil {
		return err
	}
	format, err := attach(c, w, "audit")
	if err != nil {
		return err
	}
	selected := make(map[string]store.Diff)
	for name, value := range c.filters {
		if value != "" {
			selected[name] = store.Diff{To: value}
		}
	}
	if err := a.noteAudit(ctx, c, "audit.export", selected); err != nil {
		return err
	}
	return a.cfg.Trail.Export(ctx, w, format, f)
}

// noteAudit writes into the trail what somebody is about to do with it.
func (a *API) noteAudit(ctx context.Context, c *call, action string, changes map[string]store.Diff) error {
	return a.cfg.Door.Do(ctx, c.actor(), func(_ context.Context, _ store.Queries, change *store.Change) error {
		change.Action, change.Target, change.Changes = action, store.Target{Kind: "audit"}, changes
		return nil
	})
}
