package sqlstore

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

const (
	staffFields = `m.id, m.name, m.username, m.email, m.level, m.status, m.mfa_enabled, m.created_at, m.updated_at,
		m.last_login_at`

	staffInsert = `INSERT INTO support_staff (id, name, username, email, level, status, mfa_enabled, updated_at,
			last_login_at, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING`
	staffGet    = `SELECT ` + staffFields + ` FROM support_staff m WHERE m.id = ?1`
	staffUpdate = `UPDATE support_staff SET name = ?2, username = ?3, email = ?4, level = ?5, status = ?6,
			mfa_enabled = ?7, updated_at = ?8, last_login_at = ?9
		WHERE id = ?1`
	staffDelete = `DELETE FROM support_staff WHERE id = ?1`
	// For the inner SELECT, see apiKeyWithUser.
	sessionWithStaff = `SELECT ` + sessionFields + `, ` + staffFields + `
		FROM (SELECT * FROM sessions WHERE id = ?1 LIMIT 1) s JOIN support_staff m ON m.id = s.subject`
)

// staffColumns are where staffFields are read to.
func staffColumns(m *store.Staff) []any {
	return []any{&m.ID, &m.Name, &m.Username, &m.Email, &m.Level, &m.Status, &m.MFAEnabled,
		timeColumn{&m.CreatedAt}, timeColumn{&m.UpdatedAt}, timeColumn{&m.LastLoginAt}}
}

func scanStaff(r scanner) (m store.Staff, err error) {
	err = r.Scan(staffColumns(&m)...)
	return m, err
}

// staffValues are the arguments of staffUpdate, and the first of staffInsert.
func staffValues(m store.Staff) []any {
	return []any{m.ID, m.Name, m.Username, m.Email, int64(m.Level), string(m.Status), flag(m.MFAEnabled),
		micros(m.UpdatedAt), micros(m.LastLoginAt)}
}

// StaffInsert adds a member of the support staff.
func (q *Queries) StaffInsert(ctx context.Context, m store.Staff) error {
	return q.insert(ctx, staffInsert, append(staffValues(m), micros(m.CreatedAt))...)
}

// StaffGet finds a member of the support staff by id.
func (q *Queries) StaffGet(ctx context.Context, id string) (store.Staff, error) {
	return get(ctx, q, scanStaff, staffGet, id)
}

// StaffUpdate replaces every field but ID and CreatedAt.
func (q *Queries) StaffUpdate(ctx context.Context, m store.Staff) error {
	return q.update(ctx, staffUpdate, staffValues(m)...)
}

// StaffDelete removes the row alone.
func (q *Queries) StaffDelete(ctx context.Context, id string) error {
	return q.update(ctx, staffDelete, id)
}

// StaffList lists all support staff.
func (q *Queries) StaffList(ctx context.Context, p store.Page) (store.List[store.Staff], error) {
	staff := listing[store.Staff]{
		fields: staffFields, from: "support_staff m", at: "m.created_at", id: "m.id", scan: scanStaff,
		pos: func(m store.Staff) store.Position { return store.Position{At: m.CreatedAt, ID: m.ID} },
	}
	return page(ctx, q, staff, filter{}, p)
}

// SessionWithStaff reads a session and whose it is in one query.
func (q *Queries) SessionWithStaff(ctx context.Context, id string) (s store.Session, m store.Staff, err error) {
	_, err = get(ctx, q, func(r scanner) (struct{}, error) {
		return struct{}{}, r.Scan(append(sessionColumns(&s), staffColumns(&m)...)...)
	}, sessionWithStaff, id)
	return s, m, err
}
