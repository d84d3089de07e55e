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
	plans := map[string][]string{}
	for _, d := range []*database{s.database, s.messages} { // each has the tables of some
		callEverything(t.Context(), sqlstore.New(&explainer{runner{d}, plans}, sqlstore.Locks{}))
	}
	if len(plans) < 60 {
		t.Errorf("only %d statements ran", len(plans))
	}
	for query, plan := range plans {
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN ") && !boundedScan(query, step) || strings.Contains(step, "TEMP B-TREE") && !boundedSort(query, step) {
				t.Errorf("%s:\n%s", step, query)
			}
		}
	}
}

// TestListsOfUsersReadRangesInOrder wants more of them: that each branch begins
// at the place of the page, and only what has to be looked for by its end is not
// in the order of the list.
func TestListsOfUsersReadRangesInOrder(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir()+"/usermgmt.db", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	plans := map[string][]string{}
	callLists(t.Context(), sqlstore.New(&explainer{runner{s.database}, plans}, sqlstore.Locks{}), time.Unix(1e9, 0))
	ranges := 0
	for query, plan := range plans {
		if !strings.Contains(query, ", id) < (") && !strings.Contains(query, ", id) > (") {
			continue
		}
		for _, step := range plan {
			switch {
			case !strings.HasPrefix(step, "SEARCH "), strings.HasPrefix(step, "SEARCH u USING"):
			case strings.Contains(step, ",id)<(") || strings.Contains(step, ",id)>("):
				ranges++
			case strings.Contains(step, "(suspension_end>? AND suspension_end<?)"):
			default:
				t.Errorf("%s:\n%s", step, query)
			}
		}
	}
	if ranges < 100 {
		t.Errorf("only %d ranges", ranges)
	}
}

// boundedSort reports whether a sort is one of messages of one microsecond, of
// those of one conversation id, which may be many users', of two pages, or of
// suspensions that ended and are not written down. The users who used most of a meter are found by
// looking at all, on the days asked for.
func boundedSort(query, step string) bool {
	return strings.Contains(query, "FROM message_logs m") &&
		(strings.Contains(step, "FOR LAST TERM OF ORDER BY") || strings.Contains(query, "m.conversation IN (")) ||
		strings.Contains(query, ") AS page1") && step == "USE TEMP B-TREE FOR ORDER BY" ||
		strings.Contains(query, "AS ended WHERE") || strings.Contains(query, "GROUP BY subject ORDER BY used")
}

// boundedScan reports whether a scan ends with a LIMIT: along an index in the
// order asked for, along the feed from its oldest, or over rows so limited; or
// over what a recursion found step by step.
func boundedScan(query, step string) bool {
	return strings.Contains(step, "USING INDEX") || strings.Contains(step, "USING COVERING INDEX") ||
		strings.Contains(query, "LIMIT 1) "+strings.TrimPrefix(step, "SCAN ")) ||
		slices.Contains([]string{"SCAN capped", "SCAN change_feed", "SCAN oldest", "SCAN fresh", "SCAN found", "SCAN wanted", "SCAN page0", "SCAN page1", "SCAN page2", "SCAN listed", "SCAN ended", "SCAN CONSTANT ROW"}, step) ||
		strings.HasPrefix(step, "SCAN 8") // rows of a VALUES clause
}

// callEverything calls each method with arguments that reach its statements.
func callEverything(ctx context.Context, q *sqlstore.Queries) {
	now := time.Unix(1e9, 0)
	for _, p := range []store.Page{{Total: true}, {Sort: store.OldestFirst, After: store.Position{At: now, ID: "x"}}} {
		q.SessionList(ctx, "u", now, p)
		q.APIKeyList(ctx, "u", p)
		q.PlanList(ctx, p)
		q.PlanUsers(ctx, "p", p)
		q.LedgerList(ctx, "u", p)
		q.ServiceKeyList(ctx, p)
		q.AdminList(ctx, p)
		q.StaffList(ctx, p)
		for _, f := range []store.MessageFilter{{}, {UserID: "u"}, {UserID: "u", ConversationID: "c"}, {ConversationID: "c"},
			{Model: "m"}, {From: now, Until: now.Add(1)}, {UserID: "u", Model: "m", From: now}} {
			q.MessageList(ctx, f, p)
		}
		for _, f := range []store.AuditFilter{{}, {ActorID: "a"}, {TargetID: "t"}, {Action: "x"}, {ActorID: "a", TargetID: "t", Action: "x"},
			{About: "u"}, {About: "u", Action: "x"}, {Result: store.OK}, {Result: store.Denied}, {From: now, Until: now.Add(1)}} {
			q.AuditList(ctx, f, p)
		}
	}
	callLists(ctx, q, now)
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
	q.DeletedUserPurging(ctx, "u", now)
	q.DeletedUsersDue(ctx, now, store.Position{}, 9)
	q.DeletedUserDelete(ctx, "u")
	q.SuspensionEnd(ctx, now, 9)
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
	q.SessionErase(ctx, "u", 9)
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
	q.ServiceKeyInsert(ctx, store.ServiceKeyHash{ServiceKey: store.ServiceKey{ID: "k"}})
	q.ServiceKeyGet(ctx, "k")
	q.ServiceKeyByHash(ctx, hash)
	q.ServiceKeyUpdate(ctx, store.ServiceKey{ID: "k"})
	q.ServiceKeyUsed(ctx, []store.KeyUse{{ID: "k", At: now}})
	q.AdminInsert(ctx, store.Admin{ID: "a"})
	q.AdminGet(ctx, "a")
	q.AdminUpdate(ctx, store.Admin{ID: "a"})
	q.AdminDelete(ctx, "a")
	q.SessionWithAdmin(ctx, "s")
	q.StaffInsert(ctx, store.Staff{ID: "s"})
	q.StaffGet(ctx, "s")
	q.StaffUpdate(ctx, store.Staff{ID: "s"})
	q.StaffDelete(ctx, "s")
	q.SessionWithStaff(ctx, "s")
	q.SettingGet(ctx, "x")
	q.SettingPut(ctx, store.Setting{Name: "x"})
	q.SignInLocks(ctx, []string{"user:u"}, now)
	q.SignInUnlock(ctx, "user:u", "device:u:")
	q.UserDelete(ctx, "u")
	q.PlanInsert(ctx, store.Plan{ID: "p"})
	q.PlanGet(ctx, "p")
	q.PlanUpdate(ctx, store.Plan{ID: "p"})
	q.PlanInUse(ctx, "p")
	q.PlanDelete(ctx, "p")
	q.MeterReserve(ctx, []store.Reserve{lease, refused})
	q.MeterExtend(ctx, "r", now, now.Add(2*time.Hour))
	late := lease
	late.ID, late.Now = "late", now.Add(3*time.Hour)
	q.MeterReserve(ctx, []store.Reserve{late})
	q.MeterPurge(ctx, now, 10)
	q.MeterSettle(ctx, []store.Settle{{ID: "r", Amount: 1, Now: now}, {ID: "r", Now: now}})
	q.MeterAdd(ctx, []store.UsageAdd{{Counters: []store.Counter{limit.Counter}, Amount: 1}})
	q.MeterUsage(ctx, []store.CounterLimit{limit}, now)
	callCredits(ctx, q, limit, now)
	many, add := make([]store.CounterLimit, 8), store.UsageAdd{Amount: 1}
	for i := range many {
		many[i] = limit
		many[i].Subject = fmt.Sprint(i)
		add.Counters = append(add.Counters, many[i].Counter)
	}
	q.MeterUsage(ctx, many, now)
	q.MeterAdd(ctx, []store.UsageAdd{add})
	q.MeterRefund(ctx, store.Refund{ID: "r", Now: now})
	q.MeterReset(ctx, []store.Counter{limit.Counter})
	q.UsageHistory(ctx, "u", "m", now, now.Add(time.Hour))
	q.UsagePurge(ctx, now, 9)
	q.MeterErase(ctx, "u", now, 9)
	claim := store.TaskClaim{Task: "t", ScheduledAt: now, Now: now, LeaseUntil: now.Add(time.Minute)}
	q.TaskClaim(ctx, claim)
	q.TaskRenew(ctx, "t", now, 1, now)
	q.TaskFinish(ctx, store.TaskRun{Task: "t", ScheduledAt: now, Fence: 1, FinishedAt: now})
	q.TaskClaim(ctx, claim) // finds it finished
	q.TaskRuns(ctx, "t", 9)
	q.TaskPurge(ctx, now, 9)
	q.MessageAppend(ctx, []store.Message{message, message})
	q.MessageWindowPut(ctx, store.MessageWindow{ID: "w", Rows: 1, Until: now})
	q.MessageWindowPut(ctx, store.MessageWindow{ID: "w"})
	q.MessageWindowTake(ctx, now)
	q.MessagePurge(ctx, store.MessagePurge{TextOnly: true, Before: now, Limit: 9})
	q.MessagePurge(ctx, store.MessagePurge{Plan: "p", TextOnly: true, Before: now, Limit: 9})
	q.MessagePurge(ctx, store.MessagePurge{Plan: "p", Before: now, Limit: 9})
	q.MessagePurge(ctx, store.MessagePurge{Before: now, Limit: 9})
	q.MessageErase(ctx, "u", 9)
	callAudit(ctx, q, now)
	q.FeedAppend(ctx, "o", now, []string{"k"})
	q.FeedAfter(ctx, 0, 9)
	q.FeedBounds(ctx)
	q.FeedPurge(ctx, now.Add(time.Hour), 9)
}

// callAudit does the same for the trail.
func callAudit(ctx context.Context, q *sqlstore.Queries, now time.Time) {
	link := func(store.AuditHead, store.AuditEvent) ([]byte, error) { return nil, nil }
	event := []store.AuditEvent{{ID: "a", Detail: &store.AuditDetail{}}}
	q.AuditInsert(ctx, event, link)
	q.AuditInsert(ctx, event, link) // finds that it is there
	q.AuditHead(ctx)
	q.AuditAfter(ctx, 0, 9)
	q.AuditErase(ctx, "u", 9)
	q.AuditPurge(ctx, 0, 9)
	q.AuditAnchorPut(ctx, store.AuditAnchor{Kind: store.AuditMark, Seq: 1, At: now})
	q.AuditAnchors(ctx, store.AuditMark, 2, 9)
}

// callLists does the same for what staff and admins look at: each order with
// each set of filters, from the start and further on.
func callLists(ctx context.Context, q *sqlstore.Queries, now time.Time) {
	after := store.Position{At: now, Key: "k", ID: "x"}
	for _, query := range []string{"", "a", "anna@example", strings.Repeat("a", 40)} {
		for _, status := range []store.Status{"", store.Active, store.Suspended} {
			for _, plan := range []string{"", "p"} {
				f := store.UserFilter{Query: query, Status: status, Plan: plan, Now: now}
				for _, sort := range f.Sorts() {
					for _, f.NamesOnly = range []bool{false, true} {
						q.UserList(ctx, f, store.Page{Sort: sort, Total: true})
						q.UserList(ctx, f, store.Page{Sort: sort, After: after})
					}
				}
			}
		}
		f := store.DeletedUserFilter{Query: query}
		for _, sort := range f.Sorts() {
			q.DeletedUserList(ctx, f, store.Page{Sort: sort, Total: true})
			q.DeletedUserList(ctx, f, store.Page{Sort: sort, After: after})
		}
	}
	q.UserCounts(ctx, now)
	q.UserSignUps(ctx, now, now.Add(time.Hour))
	q.UserSignIns(ctx, now)
	q.UsageDays(ctx, "", now, now.Add(time.Hour))
	q.UsageDays(ctx, "m", now, now.Add(time.Hour))
	q.UsageTop(ctx, "m", now, now.Add(time.Hour), 9)
	q.MessageUsage(ctx, now, now.Add(time.Hour))
}

// callCredits does the same for what moves a balance.
func callCredits(ctx context.Context, q *sqlstore.Queries, limit store.CounterLimit, now time.Time) {
	once := &store.Idempotency{Caller: "c", Route: "r", Key: "k", ExpiresAt: now.Add(time.Hour)}
	hold := store.Reserve{ID: "h", Subject: "u", Meter: store.Credits, Amount: 9, Now: now, ExpiresAt: now.Add(time.Hour)}
	spend := store.Reserve{ID: "s", Subject: "u", Meter: store.Credits, Amount: 9, Now: now, Consume: true,
		Limits: []store.CounterLimit{limit}, Idempotency: once}
	q.CreditGrant(ctx, store.Grant{ID: "g", UserID: "u", Amount: 20, IdempotencyKey: "k", Now: now, ExpiresAt: now.Add(time.Minute)})
	q.MeterReserve(ctx, []store.Reserve{hold, spend})
	q.MeterSettle(ctx, []store.Settle{{ID: "h", Amount: 99, Now: now}})
	q.MeterRefund(ctx, store.Refund{ID: "h", Now: now})
	q.CreditBalance(ctx, "u", now)
	q.CreditBalances(ctx, []string{"u"}, now)
	q.CreditEnded(ctx, now.Add(time.Hour), store.Position{}, 9)
	q.CreditExpire(ctx, []string{"u"}, now.Add(time.Hour))
	q.IdempotencyGet(ctx, "c", "r", "k", now)
	q.IdempotencyPut(ctx, store.IdempotencyRecord{Idempotency: *once, CreatedAt: now})
	q.IdempotencyPurge(ctx, now, 9)
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
