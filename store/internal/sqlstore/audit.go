package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"github.com/usermgmt/usermgmt/store"
)

const (
	auditFields = `e.seq, e.id, e.at, e.actor_kind, e.actor_id, e.on_behalf_of, e.action,
		e.target_kind, e.target_id, e.target_owner, e.result, e.request_id, e.count, e.detail_hash, e.key_id, e.mac, e.chain,
		d.event_id, COALESCE(d.salt, e.detail_hash), COALESCE(d.actor_name, ''), COALESCE(d.ip, ''),
		COALESCE(d.reason, ''), COALESCE(d.changes, '')`
	auditFrom = `audit_events e LEFT JOIN audit_details d ON d.event_id = e.id`

	auditInsert = `INSERT INTO audit_events (seq, id, at, actor_kind, actor_id, on_behalf_of, action, target_kind,
			target_id, target_owner, result, request_id, count, detail_hash, key_id, mac, chain)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) ON CONFLICT DO NOTHING`
	auditDetailInsert = `INSERT INTO audit_details (event_id, salt, actor_name, ip, reason, changes)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6)`
	auditHas   = `SELECT 1 FROM audit_events WHERE id = ?1`
	auditAfter = `SELECT ` + auditFields + ` FROM ` + auditFrom + ` WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2`

	auditHead     = `SELECT seq, chain FROM audit_head WHERE id = 1`
	auditHeadMove = `INSERT INTO audit_head (id, seq, chain) VALUES (1, ?1, ?2)
		ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, chain = excluded.chain`
)

func scanAuditEvent(r scanner) (e store.AuditEvent, err error) {
	var d store.AuditDetail
	var detailOf sql.NullString
	err = r.Scan(&e.Seq, &e.ID, timeColumn{&e.At}, &e.ActorKind, &e.ActorID, &e.OnBehalfOf, &e.Action,
		&e.Target.Kind, &e.Target.ID, &e.Target.Owner, &e.Result, &e.RequestID, &e.Count, blobColumn{&e.DetailHash}, &e.KeyID,
		blobColumn{&e.MAC}, blobColumn{&e.Chain},
		&detailOf, blobColumn{&d.Salt}, &d.ActorName, &d.IP, &d.Reason, rawColumn{&d.Changes})
	if detailOf.Valid {
		e.Detail = &d
	}
	return e, err
}

func scanAuditHead(r scanner) (h store.AuditHead, err error) {
	err = r.Scan(&h.Seq, blobColumn{&h.Chain})
	return h, err
}

// AuditInsert appends events and their details. The transaction has the write
// lock, so that the head does not move between its reading and its writing.
func (q *Queries) AuditInsert(ctx context.Context, events []store.AuditEvent, link store.AuditLink) error {
	if len(events) == 0 {
		return nil
	}
	return q.run.Write(ctx, func(c Conn) error {
		head, err := one(ctx, c, scanAuditHead, auditHead)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for _, e := range events {
			e.Seq = head.Seq + 1
			if e.Chain, err = link(head, e); err != nil {
				return err
			}
			if err := insertEvent(ctx, c, e); err != nil {
				return err
			}
			head = store.AuditHead{Seq: e.Seq, Chain: e.Chain}
		}
		_, err = exec(ctx, c, auditHeadMove, head.Seq, bytes(head.Chain))
		return err
	})
}

func insertEvent(ctx context.Context, c Conn, e store.AuditEvent) error {
	n, err := exec(ctx, c, auditInsert, e.Seq, e.ID, micros(e.At), string(e.ActorKind), e.ActorID, e.OnBehalfOf,
		e.Action, e.Target.Kind, e.Target.ID, e.Target.Owner, string(e.Result), e.RequestID, max(e.Count, 1),
		bytes(e.DetailHash), e.KeyID, bytes(e.MAC), bytes(e.Chain))
	switch {
	case err != nil:
		return err
	case n == 0:
		return whyNotInserted(ctx, c, e.ID)
	case e.Detail == nil:
		return nil
	}
	d := e.Detail
	_, err = exec(ctx, c, auditDetailInsert, e.ID, bytes(d.Salt), d.ActorName, d.IP, d.Reason, string(d.Changes))
	return err
}

// whyNotInserted tells an event that is there from a place that is taken, which
// somebody else than us brought about.
func whyNotInserted(ctx context.Context, c Conn, id string) error {
	switch _, err := one(ctx, c, scanInt, auditHas, id); {
	case err == nil:
		return store.ErrConflict
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return &store.Error{Code: store.ErrInternal, Err: errors.New("the audit trail goes on behind its head: audit_head was changed")}
}

// AuditSequence finds nothing to do: AuditInsert gives each event its place.
func (q *Queries) AuditSequence(ctx context.Context, _ int, _ store.AuditLink) (int, error) {
	return 0, q.run.Read(ctx, func(Reader) error { return ctx.Err() })
}

// AuditHead is the end of the trail.
func (q *Queries) AuditHead(ctx context.Context) (store.AuditHead, error) {
	head, err := get(ctx, q, scanAuditHead, auditHead)
	if errors.Is(err, store.ErrNotFound) {
		return head, nil
	}
	return head, err
}

// AuditAfter returns the events after a place.
func (q *Queries) AuditAfter(ctx context.Context, seq int64, limit int) ([]store.AuditEvent, error) {
	return read(ctx, q, func(c Reader) ([]store.AuditEvent, error) {
		return all(ctx, c, scanAuditEvent, auditAfter, seq, limit)
	})
}

// AuditList lists events with their details, as far as those were not erased.
func (q *Queries) AuditList(ctx context.Context, filters store.AuditFilter, p store.Page) (store.List[store.AuditEvent], error) {
	events := listing[store.AuditEvent]{
		fields: auditFields, from: auditFrom, table: "audit_events",
		at: "e.at", id: "e.id", scan: scanAuditEvent,
		pos: func(e store.AuditEvent) store.Position { return store.Position{At: e.At, ID: e.ID} },
	}
	var f filter
	if filters.About != "" {
		f.oneOf(filters.About,
			"e.target_id = ?%[1]d",
			"e.target_owner = ?%[1]d AND e.target_owner <> '' AND e.target_id <> ?%[1]d",
			"e.actor_id = ?%[1]d AND e.target_id <> ?%[1]d AND e.target_owner <> ?%[1]d")
	}
	f.equal("e.actor_id", filters.ActorID)
	f.equal("e.target_id", filters.TargetID)
	f.equal("e.action", filters.Action)
	f.equal("e.result", string(filters.Result))
	switch filters.Result {
	case "":
	case store.OK: // most are, so that they are found along the index of times
		f.where("e.at > ?%d", int64(math.MinInt64))
	default:
		f.where("e.result <> 'ok'") // which the index of the others is made for
	}
	if !filters.From.IsZero() {
		f.where("e.at >= ?%d", micros(filters.From))
	}
	if !filters.Until.IsZero() {
		f.where("e.at < ?%d", micros(filters.Until))
	}
	return page(ctx, q, events, f, p)
}
