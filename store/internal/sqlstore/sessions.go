package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	sessionFields = `s.id, s.kind, s.subject, s.ip, s.user_agent, s.created_at, s.last_seen,
		s.expires_at, s.idle_until, s.reauth_at, s.revoked_at`

	sessionInsert = `INSERT INTO sessions (id, kind, subject, ip, user_agent, created_at, last_seen,
			expires_at, idle_until, reauth_at, revoked_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING`
	sessionGet = `SELECT ` + sessionFields + ` FROM sessions s WHERE s.id = ?1`
	// For the inner SELECT, see apiKeyWithUser.
	sessionWithUser = `SELECT ` + sessionFields + `, ` + userFields + `
		FROM (SELECT * FROM sessions WHERE id = ?1 LIMIT 1) s JOIN users u ON u.id = s.subject`
	sessionUpdate = `UPDATE sessions SET last_seen = ?2, idle_until = ?3, reauth_at = ?4, ip = ?5, user_agent = ?6
		WHERE id = ?1`
	sessionRevoke = `UPDATE sessions SET revoked_at = ?2
		WHERE id = ?1 AND revoked_at = 0 AND expires_at > ?2 AND idle_until > ?2`
	sessionRevokeAll = `UPDATE sessions SET revoked_at = ?3
		WHERE subject = ?1 AND id <> ?2 AND revoked_at = 0 AND expires_at > ?3 AND idle_until > ?3
		RETURNING id`
	sessionPurge = `DELETE FROM sessions WHERE id IN (
		SELECT id FROM sessions WHERE ends_at < ?1 ORDER BY ends_at LIMIT ?2)`

	refreshTokenInsert = `INSERT INTO refresh_tokens (hash, session_id, seq, created_at, successor_hash, key_id, used_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING`
	refreshTokenGet = `SELECT hash, session_id, seq, created_at, successor_hash, key_id, used_at
		FROM refresh_tokens WHERE hash = ?1`
	refreshTokenUse = `UPDATE refresh_tokens SET successor_hash = ?2, key_id = ?3, used_at = ?4
		WHERE hash = ?1 AND used_at = 0`
	refreshTokenForget = `DELETE FROM refresh_tokens WHERE session_id = ?1 AND seq < ?2`
)

// sessionColumns are where sessionFields are read to.
func sessionColumns(s *store.Session) []any {
	return []any{&s.ID, &s.Kind, &s.Subject, &s.IP, &s.UserAgent, timeColumn{&s.CreatedAt},
		timeColumn{&s.LastSeen}, timeColumn{&s.ExpiresAt}, timeColumn{&s.IdleUntil},
		timeColumn{&s.ReauthAt}, timeColumn{&s.RevokedAt}}
}

func scanSession(r scanner) (s store.Session, err error) {
	err = r.Scan(sessionColumns(&s)...)
	return s, err
}

// SessionInsert adds a session.
func (q *Queries) SessionInsert(ctx context.Context, s store.Session) error {
	return q.insert(ctx, sessionInsert, s.ID, string(s.Kind), s.Subject, s.IP, s.UserAgent,
		micros(s.CreatedAt), micros(s.LastSeen), micros(s.ExpiresAt), micros(s.IdleUntil),
		micros(s.ReauthAt), micros(s.RevokedAt))
}

// SessionGet finds a session by id.
func (q *Queries) SessionGet(ctx context.Context, id string) (store.Session, error) {
	return get(ctx, q, scanSession, sessionGet, id)
}

// SessionWithUser reads a session and the user it belongs to in one query.
func (q *Queries) SessionWithUser(ctx context.Context, id string) (s store.Session, u store.User, err error) {
	_, err = get(ctx, q, func(r scanner) (struct{}, error) {
		return struct{}{}, r.Scan(append(sessionColumns(&s), userColumns(&u)...)...)
	}, sessionWithUser, id)
	return s, u, err
}

// SessionUpdate replaces LastSeen, IdleUntil, ReauthAt, IP and UserAgent.
func (q *Queries) SessionUpdate(ctx context.Context, s store.Session) error {
	return q.update(ctx, sessionUpdate, s.ID, micros(s.LastSeen), micros(s.IdleUntil),
		micros(s.ReauthAt), s.IP, s.UserAgent)
}

// SessionRevoke ends a live session and reports whether it was live.
func (q *Queries) SessionRevoke(ctx context.Context, id string, at time.Time) (bool, error) {
	n, err := q.change(ctx, sessionRevoke, id, micros(at))
	return n > 0, err
}

// SessionRevokeAll ends every live session of a subject but one.
func (q *Queries) SessionRevokeAll(ctx context.Context, subject, except string, at time.Time) ([]string, error) {
	return write(ctx, q, func(c Conn) ([]string, error) {
		ids, err := all(ctx, c, func(r scanner) (id string, err error) {
			err = r.Scan(&id)
			return id, err
		}, sessionRevokeAll, subject, except, micros(at))
		slices.Sort(ids)
		return ids, err
	})
}

// SessionList lists the sessions of a subject that are live at now.
func (q *Queries) SessionList(ctx context.Context, subject string, now time.Time, p store.Page) (store.List[store.Session], error) {
	sessions := listing[store.Session]{
		fields: sessionFields, from: "sessions s", at: "s.created_at", id: "s.id", scan: scanSession,
		pos: func(s store.Session) store.Position { return store.Position{At: s.CreatedAt, ID: s.ID} },
	}
	var f filter
	f.where("s.subject = ?%d", subject)
	f.where("s.revoked_at = 0")
	f.where("s.ends_at > ?%d", micros(now))
	return page(ctx, q, sessions, f, p)
}

// SessionPurge deletes sessions that ended before a time.
func (q *Queries) SessionPurge(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := q.change(ctx, sessionPurge, micros(before), limit)
	return int(n), err
}

// hashBytes is a hash as it is stored: the zero hash as no bytes.
func hashBytes(h [32]byte) []byte {
	if h == [32]byte{} {
		return []byte{}
	}
	return h[:]
}

// RefreshTokenInsert adds a link to a session's chain.
func (q *Queries) RefreshTokenInsert(ctx context.Context, t store.RefreshToken) error {
	return q.insert(ctx, refreshTokenInsert, t.Hash[:], t.SessionID, t.Seq, micros(t.CreatedAt),
		hashBytes(t.SuccessorHash), t.KeyID, micros(t.UsedAt))
}

// RefreshTokenGet finds a refresh token by its hash.
func (q *Queries) RefreshTokenGet(ctx context.Context, hash [32]byte) (store.RefreshToken, error) {
	return get(ctx, q, func(r scanner) (t store.RefreshToken, err error) {
		err = r.Scan(hashColumn{&t.Hash}, &t.SessionID, &t.Seq, timeColumn{&t.CreatedAt},
			hashColumn{&t.SuccessorHash}, &t.KeyID, timeColumn{&t.UsedAt})
		return t, err
	}, refreshTokenGet, hash[:])
}

// RefreshTokenUse marks a token as used if it was not.
func (q *Queries) RefreshTokenUse(ctx context.Context, u store.RefreshUse) (bool, error) {
	n, err := q.change(ctx, refreshTokenUse, u.Hash[:], hashBytes(u.SuccessorHash), u.KeyID, micros(u.At))
	return n > 0, err
}

// RefreshTokenForget deletes the first links of a session's chain.
func (q *Queries) RefreshTokenForget(ctx context.Context, sessionID string, below int64) error {
	_, err := q.change(ctx, refreshTokenForget, sessionID, below)
	return err
}
