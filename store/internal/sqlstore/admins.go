package sqlstore

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

const (
	adminFields = `a.id, a.username, a.email, a.permissions, a.status, a.mfa_enabled, a.created_at, a.updated_at,
		a.last_login_at`

	adminInsert = `INSERT INTO admins (id, username, email, permissions, status, mfa_enabled, updated_at,
			last_login_at, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING`
	adminGet    = `SELECT ` + adminFields + ` FROM admins a WHERE a.id = ?1`
	adminUpdate = `UPDATE admins SET username = ?2, email = ?3, permissions = ?4, status = ?5, mfa_enabled = ?6,
			updated_at = ?7, last_login_at = ?8
		WHERE id = ?1`
	adminDelete = `DELETE FROM admins WHERE id = ?1`
	// Owners are few, as admins are, and permissions are a JSON list of words.
	adminOwners = `SELECT a.id FROM admins a WHERE a.status = ?1 AND a.permissions LIKE ?2 ORDER BY a.id`
	// For the inner SELECT, see apiKeyWithUser.
	sessionWithAdmin = `SELECT ` + sessionFields + `, ` + adminFields + `
		FROM (SELECT * FROM sessions WHERE id = ?1 LIMIT 1) s JOIN admins a ON a.id = s.subject`
)

// adminColumns are where adminFields are read to.
func adminColumns(a *store.Admin) []any {
	return []any{&a.ID, &a.Username, &a.Email, jsonColumn{&a.Permissions}, &a.Status, &a.MFAEnabled,
		timeColumn{&a.CreatedAt}, timeColumn{&a.UpdatedAt}, timeColumn{&a.LastLoginAt}}
}

func scanAdmin(r scanner) (a store.Admin, err error) {
	err = r.Scan(adminColumns(&a)...)
	return a, err
}

// adminValues are the arguments of adminUpdate, and the first of adminInsert.
func adminValues(a store.Admin) []any {
	return []any{a.ID, a.Username, a.Email, text(a.Permissions), string(a.Status), flag(a.MFAEnabled),
		micros(a.UpdatedAt), micros(a.LastLoginAt)}
}

// AdminInsert adds an admin.
func (q *Queries) AdminInsert(ctx context.Context, a store.Admin) error {
	return q.insert(ctx, adminInsert, append(adminValues(a), micros(a.CreatedAt))...)
}

// AdminGet finds an admin by id.
func (q *Queries) AdminGet(ctx context.Context, id string) (store.Admin, error) {
	return get(ctx, q, scanAdmin, adminGet, id)
}

// AdminUpdate replaces every field but ID and CreatedAt.
func (q *Queries) AdminUpdate(ctx context.Context, a store.Admin) error {
	return q.update(ctx, adminUpdate, adminValues(a)...)
}

// AdminDelete removes the row alone.
func (q *Queries) AdminDelete(ctx context.Context, id string) error {
	return q.update(ctx, adminDelete, id)
}

// AdminOwners returns the ids of the active owners.
func (q *Queries) AdminOwners(ctx context.Context) ([]string, error) {
	return read(ctx, q, func(c Reader) ([]string, error) {
		return all(ctx, c, scanText, adminOwners, string(store.Active), `%"owner"%`)
	})
}

// AdminList lists all admins.
func (q *Queries) AdminList(ctx context.Context, p store.Page) (store.List[store.Admin], error) {
	admins := listing[store.Admin]{
		fields: adminFields, from: "admins a", at: "a.created_at", id: "a.id", scan: scanAdmin,
		pos: func(a store.Admin) store.Position { return store.Position{At: a.CreatedAt, ID: a.ID} },
	}
	return page(ctx, q, admins, filter{}, p)
}

// SessionWithAdmin reads a session and the admin it belongs to in one query.
func (q *Queries) SessionWithAdmin(ctx context.Context, id string) (s store.Session, a store.Admin, err error) {
	_, err = get(ctx, q, func(r scanner) (struct{}, error) {
		return struct{}{}, r.Scan(append(sessionColumns(&s), adminColumns(&a)...)...)
	}, sessionWithAdmin, id)
	return s, a, err
}
