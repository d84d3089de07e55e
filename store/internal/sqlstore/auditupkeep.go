package sqlstore

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

const (
	// Three statements, because one with OR would look at all details.
	auditErase = `DELETE FROM audit_details WHERE event_id IN (
		SELECT d.event_id FROM audit_events e JOIN audit_details d ON d.event_id = e.id WHERE e.target_id = ?1 LIMIT ?2)`
	auditEraseOf = `DELETE FROM audit_details WHERE event_id IN (
		SELECT d.event_id FROM audit_events e JOIN audit_details d ON d.event_id = e.id
		WHERE e.target_owner = ?1 AND e.target_owner <> '' LIMIT ?2)`
	auditEraseBy = `DELETE FROM audit_details WHERE event_id IN (
		SELECT d.event_id FROM audit_events e JOIN audit_details d ON d.event_id = e.id WHERE e.actor_id = ?1 LIMIT ?2)`

	auditPurgeDetails = `DELETE FROM audit_details WHERE event_id IN (
		SELECT id FROM audit_events WHERE seq <= ?1 ORDER BY seq LIMIT ?2)`
	auditPurge = `DELETE FROM audit_events WHERE seq IN (
		SELECT seq FROM audit_events WHERE seq <= ?1 ORDER BY seq LIMIT ?2)`
	auditPurgeAnchors = `DELETE FROM audit_anchors WHERE kind IN ('mark', 'start') AND seq < ?1`

	auditAnchorPut = `INSERT INTO audit_anchors (kind, seq, chain, created_at, key_id, mac)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING`
	auditAnchors = `SELECT kind, seq, chain, created_at, key_id, mac FROM audit_anchors
		WHERE kind = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3`
)

// AuditErase deletes details of what was done to a subject and to what is its, or
// by it.
func (q *Queries) AuditErase(ctx context.Context, subject string, limit int) (int, error) {
	return write(ctx, q, func(c Conn) (int, error) {
		var erased int64
		for _, statement := range []string{auditErase, auditEraseOf, auditEraseBy} {
			n, err := exec(ctx, c, statement, subject, int64(limit)-erased)
			if err != nil {
				return 0, err
			}
			erased += n
		}
		return int(erased), nil
	})
}

// AuditPurge deletes the oldest events, their details and the anchors before.
func (q *Queries) AuditPurge(ctx context.Context, upTo int64, limit int) (int, error) {
	return write(ctx, q, func(c Conn) (int, error) {
		if _, err := exec(ctx, c, auditPurgeDetails, upTo, limit); err != nil {
			return 0, err
		}
		n, err := exec(ctx, c, auditPurge, upTo, limit)
		if err != nil {
			return 0, err
		}
		_, err = exec(ctx, c, auditPurgeAnchors, upTo)
		return int(n), err
	})
}

// AuditAnchorPut stores an anchor, unless it is there.
func (q *Queries) AuditAnchorPut(ctx context.Context, a store.AuditAnchor) error {
	_, err := q.change(ctx, auditAnchorPut, string(a.Kind), a.Seq, bytes(a.Chain), micros(a.At), a.KeyID, bytes(a.MAC))
	return err
}

// AuditAnchors returns the last anchors of a kind before a place.
func (q *Queries) AuditAnchors(ctx context.Context, kind store.AuditAnchorKind, before int64, limit int) ([]store.AuditAnchor, error) {
	return read(ctx, q, func(c Reader) ([]store.AuditAnchor, error) {
		return all(ctx, c, scanAuditAnchor, auditAnchors, string(kind), before, limit)
	})
}

func scanAuditAnchor(r scanner) (a store.AuditAnchor, err error) {
	err = r.Scan(&a.Kind, &a.Seq, blobColumn{&a.Chain}, timeColumn{&a.At}, &a.KeyID, blobColumn{&a.MAC})
	return a, err
}
