package sqlstore

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

const (
	planInsert = `INSERT INTO plans (id, name, limits, credit_grant, rate_limit, on_interrupt,
			message_text_retention, message_retention, from_config, updated_at, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING`
	planGet = `SELECT id, name, limits, credit_grant, rate_limit, on_interrupt,
			message_text_retention, message_retention, from_config, updated_at, created_at
		FROM plans WHERE id = ?1`
	planUpdate = `UPDATE plans SET name = ?2, limits = ?3, credit_grant = ?4, rate_limit = ?5, on_interrupt = ?6,
			message_text_retention = ?7, message_retention = ?8, from_config = ?9, updated_at = ?10
		WHERE id = ?1`
)

// planValues are the arguments of planUpdate, and the first of planInsert.
func planValues(p store.Plan) []any {
	grant := ""
	if p.CreditGrant != nil {
		grant = object(p.CreditGrant)
	}
	return []any{p.ID, p.Name, limitsText(p.Limits), grant, p.RateLimit, string(p.OnInterrupt),
		int64(p.MessageTextRetention), int64(p.MessageRetention), flag(p.FromConfig), micros(p.UpdatedAt)}
}

// PlanInsert adds a plan.
func (q *Queries) PlanInsert(ctx context.Context, p store.Plan) error {
	return q.insert(ctx, planInsert, append(planValues(p), micros(p.CreatedAt))...)
}

// PlanGet finds a plan by id.
func (q *Queries) PlanGet(ctx context.Context, id string) (store.Plan, error) {
	return get(ctx, q, func(r scanner) (p store.Plan, err error) {
		err = r.Scan(&p.ID, &p.Name, limitsColumn{&p.Limits}, jsonColumn{&p.CreditGrant}, &p.RateLimit,
			&p.OnInterrupt, durationColumn{&p.MessageTextRetention}, durationColumn{&p.MessageRetention},
			&p.FromConfig, timeColumn{&p.UpdatedAt}, timeColumn{&p.CreatedAt})
		return p, err
	}, planGet, id)
}

// PlanUpdate replaces every field but ID and CreatedAt.
func (q *Queries) PlanUpdate(ctx context.Context, p store.Plan) error {
	return q.update(ctx, planUpdate, planValues(p)...)
}
