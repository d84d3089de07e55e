package sqlstore

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

const (
	serviceKeyFields = `k.id, k.name, k.prefix, k.last4, k.scopes, k.allowed_ips, k.status, k.created_by,
		k.created_at, k.last_used_at, k.expires_at, k.revoked_at`

	serviceKeyInsert = `INSERT INTO service_keys (id, name, prefix, last4, scopes, allowed_ips, status, created_by,
			created_at, last_used_at, expires_at, revoked_at, hash)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING`
	serviceKeyGet    = `SELECT ` + serviceKeyFields + ` FROM service_keys k WHERE k.id = ?1`
	serviceKeyByHash = `SELECT ` + serviceKeyFields + ` FROM service_keys k WHERE k.hash = ?1`
	serviceKeyUpdate = `UPDATE service_keys SET name = ?2, scopes = ?3, allowed_ips = ?4, status = ?5, expires_at = ?6,
			revoked_at = ?7
		WHERE id = ?1`
	serviceKeyUsed = `UPDATE service_keys SET last_used_at = ?2 WHERE id = ?1 AND last_used_at < ?2`
)

func scanServiceKey(r scanner) (k store.ServiceKey, err error) {
	err = r.Scan(&k.ID, &k.Name, &k.Prefix, &k.Last4, jsonColumn{&k.Scopes}, jsonColumn{&k.AllowedIPs}, &k.Status,
		&k.CreatedBy, timeColumn{&k.CreatedAt}, timeColumn{&k.LastUsedAt}, timeColumn{&k.ExpiresAt}, timeColumn{&k.RevokedAt})
	return k, err
}

// ServiceKeyInsert adds a key.
func (q *Queries) ServiceKeyInsert(ctx context.Context, k store.ServiceKeyHash) error {
	return q.insert(ctx, serviceKeyInsert, k.ID, k.Name, k.Prefix, k.Last4, text(k.Scopes), text(k.AllowedIPs),
		string(k.Status), k.CreatedBy, micros(k.CreatedAt), micros(k.LastUsedAt), micros(k.ExpiresAt),
		micros(k.RevokedAt), k.Hash[:])
}

// ServiceKeyGet finds a key by id.
func (q *Queries) ServiceKeyGet(ctx context.Context, id string) (store.ServiceKey, error) {
	return get(ctx, q, scanServiceKey, serviceKeyGet, id)
}

// ServiceKeyByHash finds a key by the hash of its secret.
func (q *Queries) ServiceKeyByHash(ctx context.Context, hash [32]byte) (store.ServiceKey, error) {
	return get(ctx, q, scanServiceKey, serviceKeyByHash, hash[:])
}

// ServiceKeyUpdate replaces the fields that may change.
func (q *Queries) ServiceKeyUpdate(ctx context.Context, k store.ServiceKey) error {
	return q.update(ctx, serviceKeyUpdate, k.ID, k.Name, text(k.Scopes), text(k.AllowedIPs), string(k.Status),
		micros(k.ExpiresAt), micros(k.RevokedAt))
}

// ServiceKeyList lists all keys, revoked ones included.
func (q *Queries) ServiceKeyList(ctx context.Context, p store.Page) (store.List[store.ServiceKey], error) {
	keys := listing[store.ServiceKey]{
		fields: serviceKeyFields, from: "service_keys k", at: "k.created_at", id: "k.id", scan: scanServiceKey,
		pos: func(k store.ServiceKey) store.Position { return store.Position{At: k.CreatedAt, ID: k.ID} },
	}
	return page(ctx, q, keys, filter{}, p)
}

// ServiceKeyUsed sets LastUsedAt of many keys at once, never back in time.
func (q *Queries) ServiceKeyUsed(ctx context.Context, uses []store.KeyUse) error {
	return q.noteUses(ctx, serviceKeyUsed, uses)
}
