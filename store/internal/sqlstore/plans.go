package sqlstore

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

const (
	planInsert = `INSERT INTO plans (id, name, limits, credit_grant, rate_limit, on_interrupt,
			message_text_retention, message_retention, from_config, updated_at, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING`
	planFields = `id, name, limits, credit_grant, rate_limit, on_interrupt,
		message_text_retention, message_retention, from_config, updated_at, created_at`
	planGet    = `SELECT ` + planFields + ` FROM plans WHERE id = ?1`
	planUpdate = `UPDATE plans SET name = ?2, limits = ?3, credit_grant = ?4, rate_limit = ?5, on_interrupt = ?6,
			message_text_retention = ?7, message_retention = ?8, from_config = ?9, updated_at = ?10
		WHERE id = ?1`
	planDelete = `DELETE FROM plans WHERE id = ?1`
	planInUse  = `SELECT 1 FROM users WHERE plan_id = ?1 LIMIT 1`
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

func scanPlan(r scanner) (p store.Plan, err error) {
	err = r.Scan(&p.ID, &p.Name, limitsColumn{&p.Limits}, jsonColumn{&p.CreditGrant}, &p.RateLimit,
		&p.OnInterrupt, durationColumn{&p.MessageTextRetention}, durationColumn{&p.MessageRetention},
		&p.FromConfig, timeColumn{&p.UpdatedAt}, timeColumn{&p.CreatedAt})
	return p, err
}

// PlanGet finds a plan by id.
func (q *Queries) PlanGet(ctx context.Context, id string) (store.Plan, error) {
	return get(ctx, q, scanPlan, planGet, id)
}

// PlanUpdate replaces every field but ID and CreatedAt.
func (q *Queries) PlanUpdate(ctx context.Context, p store.Plan) error {
	return q.update(ctx, planUpdate, planValues(p)...)
}

// PlanDelete removes a plan.
func (q *Queries) PlanDelete(ctx context.Context, id string) error {
	return q.update(ctx, planDelete, id)
}

// PlanList lists all plans.
func (q *Queries) PlanList(ctx context.Context, p store.Page) (store.List[store.Plan], error) {
	plans := listing[store.Plan]{
		fields: planFields, from: "plans", at: "created_at", id: "id", scan: scanPlan,
		pos: func(p store.Plan) store.Position { return store.Position{At: p.CreatedAt, ID: p.ID} },
	}
	return page(ctx, q, plans, filter{}, p)
}

// PlanInUse reports whether any user has the plan.
func (q *Queries) PlanInUse(ctx context.Context, id string) (bool, error) {
	return read(ctx, q, func(c Reader) (bool, error) {
		found, err := all(ctx, c, scanInt, planInUse, id)
		return len(found) > 0, err
	})
}

// PlanUsers lists the users of a plan.
func (q *Queries) PlanUsers(ctx context.Context, id string, p store.Page) (store.List[store.User], error) {
	return q.UserList(ctx, store.UserFilter{Plan: id}, p)
}
