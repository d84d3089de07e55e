package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	apiKeyFields = `k.id, k.family, k.user_id, k.name, k.prefix, k.last4, k.scopes, k.allowed_ips,
		k.rate_limit, k.limits, k.status, k.rotated_from, k.created_at, k.last_used_at, k.expires_at,
		k.retires_at, k.revoked_at`

	apiKeyInsert = `INSERT INTO api_keys (id, family, user_id, name, prefix, last4, scopes, allowed_ips,
			rate_limit, limits, status, rotated_from, created_at, last_used_at, expires_at, retires_at,
			revoked_at, hash)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
		ON CONFLICT DO NOTHING`
	apiKeyGet = `SELECT ` + apiKeyFields + ` FROM api_keys k WHERE k.id = ?2 AND k.user_id = ?1`
	// The inner SELECT keeps the placeholder out of the join: where it could
	// bear on the order of a join, SQLite compiles the statement again for each
	// value.
	apiKeyWithUser = `SELECT ` + apiKeyFields + `, ` + userFields + `
		FROM (SELECT * FROM api_keys WHERE hash = ?1 LIMIT 1) k JOIN users u ON u.id = k.user_id`
	apiKeyUpdate = `UPDATE api_keys SET name = ?3, scopes = ?4, allowed_ips = ?5, rate_limit = ?6, limits = ?7,
			status = ?8, expires_at = ?9, retires_at = ?10, revoked_at = ?11
		WHERE id = ?2 AND user_id = ?1`
	// Two counts, so that each is one range of the index of keys that live.
	apiKeyCount = `SELECT
		(SELECT count(*) FROM api_keys WHERE user_id = ?1 AND status <> 'revoked' AND ends_at = 0) +
		(SELECT count(*) FROM api_keys WHERE user_id = ?1 AND status <> 'revoked' AND ends_at > ?2)`
	apiKeyTake = `DELETE FROM api_keys WHERE user_id = ?1
		RETURNING id, family, user_id, name, prefix, last4, scopes, allowed_ips, rate_limit, limits,
			status, rotated_from, created_at, last_used_at, expires_at, retires_at, revoked_at, hash`
	apiKeyUsed = `UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1 AND last_used_at < ?2`
)

// limitText is how a limit is stored: the names outlive those of the fields.
type limitText struct {
	Meter  string       `json:"meter"`
	Window store.Window `json:"window"`
	Limit  int64        `json:"limit"`
}

func limitsText(limits []store.Limit) string {
	out := make([]limitText, len(limits))
	for i, l := range limits {
		out[i] = limitText(l)
	}
	return text(out)
}

// limitsColumn reads what limitsText wrote.
type limitsColumn struct{ to *[]store.Limit }

// Scan reads limits, none as nil.
func (c limitsColumn) Scan(src any) error {
	var in []limitText
	if err := (jsonColumn{&in}).Scan(src); err != nil {
		return err
	}
	*c.to = nil
	for _, l := range in {
		*c.to = append(*c.to, store.Limit(l))
	}
	return nil
}

// apiKeyColumns are where apiKeyFields are read to.
func apiKeyColumns(k *store.APIKey) []any {
	return []any{&k.ID, &k.Family, &k.UserID, &k.Name, &k.Prefix, &k.Last4, jsonColumn{&k.Scopes},
		jsonColumn{&k.AllowedIPs}, &k.RateLimit, limitsColumn{&k.Limits}, &k.Status, &k.RotatedFrom,
		timeColumn{&k.CreatedAt}, timeColumn{&k.LastUsedAt}, timeColumn{&k.ExpiresAt}, timeColumn{&k.RetiresAt},
		timeColumn{&k.RevokedAt}}
}

func scanAPIKey(r scanner) (k store.APIKey, err error) {
	err = r.Scan(apiKeyColumns(&k)...)
	return k, err
}

func scanAPIKeyHash(r scanner) (k store.APIKeyHash, err error) {
	err = r.Scan(append(apiKeyColumns(&k.APIKey), hashColumn{&k.Hash})...)
	return k, err
}

// APIKeyInsert adds a key.
func (q *Queries) APIKeyInsert(ctx context.Context, k store.APIKeyHash) error {
	return q.insert(ctx, apiKeyInsert, k.ID, k.Family, k.UserID, k.Name, k.Prefix, k.Last4,
		text(k.Scopes), text(k.AllowedIPs), k.RateLimit, limitsText(k.Limits), string(k.Status),
		k.RotatedFrom, micros(k.CreatedAt), micros(k.LastUsedAt), micros(k.ExpiresAt),
		micros(k.RetiresAt), micros(k.RevokedAt), k.Hash[:])
}

// APIKeyGet finds a key of one user.
func (q *Queries) APIKeyGet(ctx context.Context, userID, id string) (store.APIKey, error) {
	return get(ctx, q, scanAPIKey, apiKeyGet, userID, id)
}

// APIKeyWithUser finds a key by the hash of its secret, with its owner.
func (q *Queries) APIKeyWithUser(ctx context.Context, hash [32]byte) (k store.APIKey, u store.User, err error) {
	_, err = get(ctx, q, func(r scanner) (struct{}, error) {
		return struct{}{}, r.Scan(append(apiKeyColumns(&k), userColumns(&u)...)...)
	}, apiKeyWithUser, hash[:])
	return k, u, err
}

// APIKeyUpdate replaces the fields that may change.
func (q *Queries) APIKeyUpdate(ctx context.Context, k store.APIKey) error {
	return q.update(ctx, apiKeyUpdate, k.UserID, k.ID, k.Name, text(k.Scopes), text(k.AllowedIPs),
		k.RateLimit, limitsText(k.Limits), string(k.Status), micros(k.ExpiresAt), micros(k.RetiresAt),
		micros(k.RevokedAt))
}

// APIKeyList lists a user's keys, revoked ones included.
func (q *Queries) APIKeyList(ctx context.Context, userID string, p store.Page) (store.List[store.APIKey], error) {
	keys := listing[store.APIKey]{
		fields: apiKeyFields, from: "api_keys k", at: "k.created_at", id: "k.id", scan: scanAPIKey,
		pos: func(k store.APIKey) store.Position { return store.Position{At: k.CreatedAt, ID: k.ID} },
	}
	var f filter
	f.where("k.user_id = ?%d", userID)
	return page(ctx, q, keys, f, p)
}

// APIKeyCount counts a user's keys that are neither revoked nor expired at now.
func (q *Queries) APIKeyCount(ctx context.Context, userID string, now time.Time) (int, error) {
	return get(ctx, q, func(r scanner) (n int, err error) {
		err = r.Scan(&n)
		return n, err
	}, apiKeyCount, userID, micros(now))
}

// APIKeyTake removes and returns all keys of a user, oldest first.
func (q *Queries) APIKeyTake(ctx context.Context, userID string) ([]store.APIKeyHash, error) {
	return write(ctx, q, func(c Conn) ([]store.APIKeyHash, error) {
		keys, err := all(ctx, c, scanAPIKeyHash, apiKeyTake, userID)
		slices.SortFunc(keys, func(a, b store.APIKeyHash) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		return keys, err
	})
}

// APIKeyUsed sets LastUsedAt of many keys at once, never back in time.
func (q *Queries) APIKeyUsed(ctx context.Context, uses []store.KeyUse) error {
	return q.noteUses(ctx, apiKeyUsed, uses)
}

// noteUses runs a statement for each use, in the order of ids, in one
// transaction.
func (q *Queries) noteUses(ctx context.Context, query string, uses []store.KeyUse) error {
	if len(uses) == 0 {
		return nil
	}
	uses = slices.SortedFunc(slices.Values(uses), func(a, b store.KeyUse) int { return cmp.Compare(a.ID, b.ID) })
	return q.run.Write(ctx, func(c Conn) error {
		for _, u := range uses {
			if _, err := exec(ctx, c, query, u.ID, micros(u.At)); err != nil {
				return err
			}
		}
		return nil
	})
}
