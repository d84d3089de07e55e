package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/internal/sqlstore"
)

// TestEveryStatementHasAnIndex asks SQLite how it would find the rows of each
// statement: none may read a whole table or sort what it read.
func TestEveryStatementHasAnIndex(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir()+"/usermgmt.db", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e := &explainer{runner: runner{s}, plans: map[string][]string{}}
	callEverything(t.Context(), sqlstore.New(e, sqlstore.Locks{}))
	if len(e.plans) < 60 {
		t.Errorf("only %d statements ran", len(e.plans))
	}
	for query, plan := range e.plans {
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN ") && !boundedScan(query, step) || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s:\n%s", step, query)
			}
		}
	}
}

// boundedScan reports whether a scan ends with a LIMIT: along an index in the
// order asked for, along the feed from its oldest, or over rows so limited; or
// over what a recursion found step by step.
func boundedScan(query, step string) bool {
	return strings.Contains(step, "USING INDEX") || strings.Contains(step, "USING COVERING INDEX") ||
		strings.Contains(query, "LIMIT 1) "+strings.TrimPrefix(step, "SCAN ")) ||
		slices.Contains([]string{"SCAN capped", "SCAN change_feed", "SCAN oldest", "SCAN fresh", "SCAN found", "SCAN CONSTANT ROW"}, step)
}

// callEverything calls each method with arguments that reach its statements.
func callEverything(ctx context.Context, q *sqlstore.Queries) {
	now := time.Unix(1e9, 0)
	for _, p := range []store.Page{{Total: true}, {Sort: store.OldestFirst, After: store.Position{At: now, ID: "x"}}} {
		q.SessionList(ctx, "u", now, p)
		q.APIKeyList(ctx, "u", p)
		for _, f := range []store.MessageFilter{{}, {UserID: "u"}, {UserID: "u", ConversationID: "c"}} {
			q.MessageList(ctx, f, p)
		}
		for _, f := range []store.AuditFilter{{}, {ActorID: "a"}, {TargetID: "t"}, {Action: "x"}, {ActorID: "a", TargetID: "t", Action: "x"}} {
			q.AuditList(ctx, f, p)
		}
	}
	var hash [32]byte
	limit := store.CounterLimit{Counter: store.Counter{Subject: "u", Meter: "m", Window: store.Day, Start: now}, Limit: 1}
	lease := store.Reserve{ID: "r", Subject: "u", Meter: "m", Amount: 1, Limits: []store.CounterLimit{limit}, Now: now, ExpiresAt: now.Add(time.Hour)}
	refused := lease
	refused.ID = "refused"
	message := store.Message{ID: "m", UserID: "u", ConversationID: "c"}

	q.UserInsert(ctx, store.User{ID: "u"})
	q.UserGet(ctx, "u")
	q.UserUpdate(ctx, store.User{ID: "u"})
	q.IdentifierInsert(ctx, store.Identifier{Kind: "k", Value: "v", Subject: "u"})
	q.IdentifierGet(ctx, "k", "v")
	q.IdentifierDelete(ctx, "k", "u")
	q.PasswordHashPut(ctx, store.PasswordHash{Subject: "u"})
	q.PasswordHashGet(ctx, "u")
	q.PasswordHashReplace(ctx, "", store.PasswordHash{Subject: "u"})
	q.PasswordSchemes(ctx)
	q.PasswordHashDelete(ctx, "u")
	q.DeletedUserInsert(ctx, store.DeletedUser{ID: "u"})
	q.DeletedUserGet(ctx, "u")
	q.SessionInsert(ctx, store.Session{ID: "s", Subject: "u"})
	q.SessionGet(ctx, "s")
	q.SessionWithUser(ctx, "s")
	q.SessionUpdate(ctx, store.Session{ID: "s"})
	q.SessionRevoke(ctx, "s", now)
	q.SessionRevokeAll(ctx, "u", "", now)
	q.RefreshTokenInsert(ctx, store.RefreshToken{SessionID: "s"})
	q.RefreshTokenGet(ctx, hash)
	q.RefreshTokenUse(ctx, store.RefreshUse{At: now})
	q.RefreshTokenForget(ctx, "s", 9)
	q.SessionPurge(ctx, now, 9)
	q.SignInAttempt(ctx, "k", store.SignInRule{Limit: 1, Window: time.Hour}, now)
	q.SignInForgive(ctx, "k")
	q.SignInClear(ctx, "k")
	q.SignInPurge(ctx, now, 9)
	q.KnownDevicePut(ctx, store.KnownDevice{Subject: "u"})
	q.KnownDeviceSince(ctx, "u", "", now)
	q.KnownDevicePurge(ctx, now, 9)
	q.APIKeyInsert(ctx, store.APIKeyHash{APIKey: store.APIKey{ID: "k", UserID: "u"}})
	q.APIKeyGet(ctx, "u", "k")
	q.APIKeyWithUser(ctx, hash)
	q.APIKeyUpdate(ctx, store.APIKey{ID: "k", UserID: "u"})
	q.APIKeyCount(ctx, "u", now)
	q.APIKeyUsed(ctx, []store.KeyUse{{ID: "k", At: now}})
	q.APIKeyTake(ctx, "u")
	q.UserDelete(ctx, "u")
	q.PlanInsert(ctx, store.Plan{ID: "p"})
	q.PlanGet(ctx, "p")
	q.PlanUpdate(ctx, store.Plan{ID: "p"})
	q.MeterReserve(ctx, []store.Reserve{lease, refused})
	q.MeterExtend(ctx, "r", now, now.Add(2*time.Hour))
	q.MeterPurge(ctx, now, 10)
	q.MeterSettle(ctx, []store.Settle{{ID: "r", Amount: 1, Now: now}, {ID: "r", Now: now}})
	q.MeterAdd(ctx, []store.UsageAdd{{Counters: []store.Counter{limit.Counter}, Amount: 1}})
	q.MeterUsage(ctx, []store.CounterLimit{limit}, now)
	q.MessageAppend(ctx, []store.Message{message, message})
	q.AuditInsert(ctx, []store.AuditEvent{{ID: "a", Detail: &store.AuditDetail{}}})
	q.FeedAppend(ctx, "o", now, []string{"k"})
	q.FeedAfter(ctx, 0, 9)
	q.FeedBounds(ctx)
	q.FeedPurge(ctx, now.Add(time.Hour), 9)
}

// explainer runs methods as a Store does, and notes the plan of each statement.
type explainer struct {
	runner
	plans map[string][]string
}

func (e *explainer) Read(ctx context.Context, fn func(sqlstore.Reader) error) error {
	return e.runner.Read(ctx, func(r sqlstore.Reader) error { return fn(explainedReader{r, e}) })
}

func (e *explainer) Write(ctx context.Context, fn func(sqlstore.Conn) error) error {
	return e.runner.Write(ctx, func(c sqlstore.Conn) error { return fn(explainedConn{explainedReader{c, e}, c}) })
}

func (e *explainer) note(ctx context.Context, query string, args []any) error {
	rows, err := e.reads.pool.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return fmt.Errorf("explain %s: %w", query, err)
	}
	defer rows.Close()
	e.plans[query] = []string{}
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return err
		}
		e.plans[query] = append(e.plans[query], step)
	}
	return rows.Err()
}

type explainedReader struct {
	sqlstore.Reader
	e *explainer
}

func (r explainedReader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.e.note(ctx, query, args); err != nil {
		return nil, err
	}
	return r.Reader.QueryContext(ctx, query, args...)
}

type explainedConn struct {
	explainedReader
	conn sqlstore.Conn
}

func (c explainedConn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := c.e.note(ctx, query, args); err != nil {
		return nil, err
	}
	return c.conn.ExecContext(ctx, query, args...)
}
