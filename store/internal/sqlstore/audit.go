package sqlstore

import (
	"context"
	"database/sql"

	"github.com/usermgmt/usermgmt/store"
)

const (
	auditFields = `e.id, COALESCE(e.seq, 0), e.at, e.actor_kind, e.actor_id, e.on_behalf_of, e.action,
		e.target_kind, e.target_id, e.result, e.request_id, e.count, e.detail_hash, e.key_id, e.mac,
		d.event_id, COALESCE(d.salt, e.detail_hash), COALESCE(d.actor_name, ''), COALESCE(d.ip, ''),
		COALESCE(d.reason, ''), COALESCE(d.changes, '')`

	auditInsert = `INSERT INTO audit_events (id, at, actor_kind, actor_id, on_behalf_of, action, target_kind,
			target_id, result, request_id, count, detail_hash, key_id, mac)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT DO NOTHING`
	auditDetailInsert = `INSERT INTO audit_details (event_id, salt, actor_name, ip, reason, changes)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6)`
)

func scanAuditEvent(r scanner) (e store.AuditEvent, err error) {
	var d store.AuditDetail
	var detailOf sql.NullString
	err = r.Scan(&e.ID, &e.Seq, timeColumn{&e.At}, &e.ActorKind, &e.ActorID, &e.OnBehalfOf, &e.Action,
		&e.Target.Kind, &e.Target.ID, &e.Result, &e.RequestID, &e.Count, blobColumn{&e.DetailHash}, &e.KeyID, blobColumn{&e.MAC},
		&detailOf, blobColumn{&d.Salt}, &d.ActorName, &d.IP, &d.Reason, rawColumn{&d.Changes})
	if detailOf.Valid {
		e.Detail = &d
	}
	return e, err
}

// AuditInsert appends events and their details.
func (q *Queries) AuditInsert(ctx context.Context, events []store.AuditEvent) error {
	if len(events) == 0 {
		return nil
	}
	return q.run.Write(ctx, func(c Conn) error {
		for _, e := range events {
			if err := insertEvent(ctx, c, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertEvent(ctx context.Context, c Conn, e store.AuditEvent) error {
	n, err := exec(ctx, c, auditInsert, e.ID, micros(e.At), string(e.ActorKind), e.ActorID, e.OnBehalfOf,
		e.Action, e.Target.Kind, e.Target.ID, string(e.Result), e.RequestID, max(e.Count, 1),
		bytes(e.DetailHash), e.KeyID, bytes(e.MAC))
	switch {
	case err != nil:
		return err
	case n == 0:
		return store.ErrConflict
	case e.Detail == nil:
		return nil
	}
	d := e.Detail
	_, err = exec(ctx, c, auditDetailInsert, e.ID, bytes(d.Salt), d.ActorName, d.IP, d.Reason, string(d.Changes))
	return err
}

// AuditList lists events with their details, as far as those were not erased.
func (q *Queries) AuditList(ctx context.Context, filters store.AuditFilter, p store.Page) (store.List[store.AuditEvent], error) {
	events := listing[store.AuditEvent]{
		fields: auditFields, from: "audit_events e LEFT JOIN audit_details d ON d.event_id = e.id",
		at: "e.at", id: "e.id", scan: scanAuditEvent,
		pos: func(e store.AuditEvent) store.Position { return store.Position{At: e.At, ID: e.ID} },
	}
	var f filter
	f.equal("e.actor_id", filters.ActorID)
	f.equal("e.target_id", filters.TargetID)
	f.equal("e.action", filters.Action)
	return page(ctx, q, events, f, p)
}
