package sqlstore

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

const (
	userFields = `u.id, u.username, u.email, u.email_verified, u.display_name, u.status,
		u.suspended_reason, u.suspended_until, u.plan_id, u.limits, u.zone, u.zone_previous, u.zone_from,
		u.zone_changed_at, u.mfa_enabled, u.metadata, u.created_at, u.updated_at, u.last_login_at`

	userInsert = `INSERT INTO users (id, username, email, email_verified, display_name, status,
			suspended_reason, suspended_until, plan_id, zone, zone_previous, zone_from,
			zone_changed_at, mfa_enabled, metadata, updated_at, last_login_at, limits, email_key, email_shared, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
		ON CONFLICT DO NOTHING`
	userGet    = `SELECT ` + userFields + ` FROM users u WHERE u.id = ?1`
	userUpdate = `UPDATE users SET username = ?2, email = ?3, email_verified = ?4, display_name = ?5,
			status = ?6, suspended_reason = ?7, suspended_until = ?8, plan_id = ?9, zone = ?10,
			zone_previous = ?11, zone_from = ?12, zone_changed_at = ?13, mfa_enabled = ?14,
			metadata = ?15, updated_at = ?16, last_login_at = ?17, limits = ?18,
			email_key = ?19, email_shared = ?20
		WHERE id = ?1`
	userDelete = `DELETE FROM users WHERE id = ?1`

	identifierInsert = `INSERT INTO identifiers (kind, value, subject) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`
	identifierGet    = `SELECT kind, value, subject FROM identifiers WHERE kind = ?1 AND value = ?2`
	identifierDelete = `DELETE FROM identifiers WHERE kind = ?1 AND subject = ?2`

	passwordHashGet = `SELECT subject, hash, scheme, updated_at FROM password_hashes WHERE subject = ?1`
	passwordHashPut = `INSERT INTO password_hashes (subject, hash, scheme, updated_at) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (subject) DO UPDATE SET hash = excluded.hash, scheme = excluded.scheme, updated_at = excluded.updated_at`
	passwordHashReplace = `UPDATE password_hashes SET hash = ?3, scheme = ?4, updated_at = ?5 WHERE subject = ?1 AND hash = ?2`
	passwordHashDelete  = `DELETE FROM password_hashes WHERE subject = ?1`
	// Each step is one look into the index; SELECT DISTINCT would read all of it.
	passwordSchemes = `WITH RECURSIVE found (scheme) AS (
			SELECT min(scheme) FROM password_hashes
			UNION ALL
			SELECT (SELECT min(h.scheme) FROM password_hashes h WHERE h.scheme > found.scheme)
			FROM found WHERE found.scheme IS NOT NULL)
		SELECT scheme FROM found WHERE scheme IS NOT NULL`
)

// userColumns are where userFields are read to.
func userColumns(u *store.User) []any {
	return []any{&u.ID, &u.Username, &u.Email, &u.EmailVerified, &u.DisplayName, &u.Status,
		&u.SuspendedReason, timeColumn{&u.SuspendedUntil}, &u.Plan, limitsColumn{&u.Limits}, &u.Zone.Name,
		&u.Zone.Previous, timeColumn{&u.Zone.From}, timeColumn{&u.ZoneChangedAt}, &u.MFAEnabled, rawColumn{&u.Metadata},
		timeColumn{&u.CreatedAt}, timeColumn{&u.UpdatedAt}, timeColumn{&u.LastLoginAt}}
}

func scanUser(r scanner) (u store.User, err error) {
	err = r.Scan(userColumns(&u)...)
	return u, err
}

// userValues are the arguments of userUpdate, and the first of userInsert.
func userValues(u store.User) []any {
	return []any{u.ID, u.Username, u.Email, flag(u.EmailVerified), u.DisplayName, string(u.Status),
		u.SuspendedReason, micros(u.SuspendedUntil), u.Plan, u.Zone.Name, u.Zone.Previous,
		micros(u.Zone.From), micros(u.ZoneChangedAt), flag(u.MFAEnabled), string(u.Metadata),
		micros(u.UpdatedAt), micros(u.LastLoginAt), limitsText(u.Limits), emailKey(u.Email), emailShared(u.Username, u.Email)}
}

// UserInsert adds a user.
func (q *Queries) UserInsert(ctx context.Context, u store.User) error {
	return q.insert(ctx, userInsert, append(userValues(u), micros(u.CreatedAt))...)
}

// UserGet finds a user by id.
func (q *Queries) UserGet(ctx context.Context, id string) (store.User, error) {
	return get(ctx, q, scanUser, userGet, id)
}

// UserUpdate replaces every field but ID and CreatedAt.
func (q *Queries) UserUpdate(ctx context.Context, u store.User) error {
	return q.update(ctx, userUpdate, userValues(u)...)
}

// UserDelete removes the row alone.
func (q *Queries) UserDelete(ctx context.Context, id string) error {
	return q.update(ctx, userDelete, id)
}

// IdentifierInsert takes a name.
func (q *Queries) IdentifierInsert(ctx context.Context, id store.Identifier) error {
	taken := store.ErrConflict
	switch id.Kind {
	case store.IdentifierUsername, store.IdentifierAdminUsername, store.IdentifierStaffUsername:
		taken = store.ErrUsernameTaken
	case store.IdentifierEmail, store.IdentifierAdminEmail, store.IdentifierStaffEmail:
		taken = store.ErrEmailTaken
	}
	return q.mustChange(ctx, taken, identifierInsert, string(id.Kind), id.Value, id.Subject)
}

// IdentifierGet finds who holds a name.
func (q *Queries) IdentifierGet(ctx context.Context, kind store.IdentifierKind, value string) (store.Identifier, error) {
	return get(ctx, q, func(r scanner) (id store.Identifier, err error) {
		err = r.Scan(&id.Kind, &id.Value, &id.Subject)
		return id, err
	}, identifierGet, string(kind), value)
}

// IdentifierDelete frees the names of a kind that a subject holds.
func (q *Queries) IdentifierDelete(ctx context.Context, kind store.IdentifierKind, subject string) error {
	_, err := q.change(ctx, identifierDelete, string(kind), subject)
	return err
}

// PasswordHashGet finds the password hash of a subject.
func (q *Queries) PasswordHashGet(ctx context.Context, subject string) (store.PasswordHash, error) {
	return get(ctx, q, func(r scanner) (h store.PasswordHash, err error) {
		err = r.Scan(&h.Subject, &h.Hash, &h.Scheme, timeColumn{&h.UpdatedAt})
		return h, err
	}, passwordHashGet, subject)
}

// PasswordHashPut inserts or replaces.
func (q *Queries) PasswordHashPut(ctx context.Context, h store.PasswordHash) error {
	_, err := q.change(ctx, passwordHashPut, h.Subject, h.Hash, h.Scheme, micros(h.UpdatedAt))
	return err
}

// PasswordHashReplace stores h only while the hash is still old.
func (q *Queries) PasswordHashReplace(ctx context.Context, old string, h store.PasswordHash) (bool, error) {
	n, err := q.change(ctx, passwordHashReplace, h.Subject, old, h.Hash, h.Scheme, micros(h.UpdatedAt))
	return n > 0, err
}

// PasswordHashDelete is nil when there is none.
func (q *Queries) PasswordHashDelete(ctx context.Context, subject string) error {
	_, err := q.change(ctx, passwordHashDelete, subject)
	return err
}

// PasswordSchemes returns each scheme that a stored hash has, once, in order.
func (q *Queries) PasswordSchemes(ctx context.Context) ([]string, error) {
	return read(ctx, q, func(c Reader) ([]string, error) {
		return all(ctx, c, scanText, passwordSchemes)
	})
}
