package sqlstore

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/store"
)

const (
	deletedUserFields = `id, username, sealed, deleted_at, deleted_by, reason, purge_at, purging`
	deletedUserInsert = `INSERT INTO deleted_users (` + deletedUserFields + `)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING`
	deletedUserGet     = `SELECT ` + deletedUserFields + ` FROM deleted_users WHERE id = ?1`
	deletedUserPurging = `UPDATE deleted_users SET purging = 1, purge_at = CASE WHEN purge_at > ?2 THEN ?2 ELSE purge_at END WHERE id = ?1`
	deletedUserDelete  = `DELETE FROM deleted_users WHERE id = ?1`
	deletedUsersDue    = `SELECT ` + deletedUserFields + ` FROM deleted_users
		WHERE purge_at <= ?1 AND (purge_at, id) > (?2, ?3) ORDER BY purge_at, id LIMIT ?4`
)

// actorText is how an actor is stored: the names outlive those of the fields.
type actorText struct {
	Kind       store.ActorKind `json:"kind"`
	ID         string          `json:"id,omitempty"`
	Name       string          `json:"name,omitempty"`
	OnBehalfOf string          `json:"on_behalf_of,omitempty"`
	KeyID      string          `json:"key_id,omitempty"`
	SessionID  string          `json:"session_id,omitempty"`
	IP         string          `json:"ip,omitempty"`
	RequestID  string          `json:"request_id,omitempty"`
}

func scanDeletedUser(r scanner) (d store.DeletedUser, err error) {
	var by json.RawMessage
	err = r.Scan(&d.ID, &d.Username, &d.Sealed, timeColumn{&d.DeletedAt}, rawColumn{&by},
		&d.Reason, timeColumn{&d.PurgeAt}, &d.Purging)
	if err != nil {
		return d, err
	}
	var actor actorText
	err = json.Unmarshal(by, &actor)
	d.DeletedBy = store.Actor(actor)
	return d, err
}

// DeletedUserInsert adds a deleted user.
func (q *Queries) DeletedUserInsert(ctx context.Context, d store.DeletedUser) error {
	return q.insert(ctx, deletedUserInsert, d.ID, d.Username, d.Sealed, micros(d.DeletedAt),
		object(actorText(d.DeletedBy)), d.Reason, micros(d.PurgeAt), flag(d.Purging))
}

// DeletedUserGet finds a deleted user by id.
func (q *Queries) DeletedUserGet(ctx context.Context, id string) (store.DeletedUser, error) {
	return get(ctx, q, scanDeletedUser, deletedUserGet, id)
}

// DeletedUserPurging marks one whose purge has begun.
func (q *Queries) DeletedUserPurging(ctx context.Context, id string, at time.Time) error {
	return q.update(ctx, deletedUserPurging, id, micros(at))
}

// DeletedUserDelete removes the row alone.
func (q *Queries) DeletedUserDelete(ctx context.Context, id string) error {
	return q.update(ctx, deletedUserDelete, id)
}

// DeletedUserList lists deleted users.
func (q *Queries) DeletedUserList(ctx context.Context, f store.DeletedUserFilter, p store.Page) (store.List[store.DeletedUser], error) {
	sort, err := offered(f.Sorts(), p.Sort)
	if err != nil || !utf8.ValidString(f.Query) {
		return store.List[store.DeletedUser]{}, err
	}
	users := listing[store.DeletedUser]{
		fields: deletedUserFields, from: "deleted_users", at: "deleted_at", id: "id", scan: scanDeletedUser,
		pos:   func(d store.DeletedUser) store.Position { return store.Position{At: d.DeletedAt, ID: d.ID} },
		total: deletedTotalKept,
	}
	if sort == store.ByUsername {
		users.at, users.prefix = "username", strings.ToLower(f.Query)
		users.pos = func(d store.DeletedUser) store.Position { return store.Position{Key: d.Username, ID: d.ID} }
	}
	p.Sort = sort
	return page(ctx, q, users, filter{}, p)
}

// DeletedUsersDue returns those whose time to be purged has come.
func (q *Queries) DeletedUsersDue(ctx context.Context, now time.Time, after store.Position, limit int) ([]store.DeletedUser, error) {
	return read(ctx, q, func(c Reader) ([]store.DeletedUser, error) {
		return all(ctx, c, scanDeletedUser, deletedUsersDue, micros(now), micros(after.At), after.ID, limit)
	})
}
