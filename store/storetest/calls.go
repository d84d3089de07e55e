package storetest

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// call is one method with arguments that would do something.
type call struct {
	name string
	run  func(ctx context.Context) error
}

// drop drops the result of a method.
func drop[T any](_ T, err error) error { return err }

// calls are all methods that work with a context, on one user and what belongs to it.
func calls(s store.Store, u store.User, v store.Session, k store.APIKeyHash, token store.RefreshToken) []call {
	l := newCounter(5)
	name := store.Identifier{Kind: store.IdentifierUsername, Value: u.Username, Subject: u.ID}
	hash := store.PasswordHash{Subject: u.ID, Hash: "h", Scheme: "s"}
	rule := store.SignInRule{Limit: 1, Window: 60e9}
	device := store.KnownDevice{Subject: u.ID, Address: "192.0.2.1", At: moment(0)}
	return []call{
		{"InTx", func(c context.Context) error {
			return s.InTx(c, func(c context.Context, q store.Queries) error { return q.UserDelete(c, u.ID) })
		}},
		{"Ping", s.Ping},
		{"UserInsert", func(c context.Context) error { return s.UserInsert(c, newUser()) }},
		{"UserGet", func(c context.Context) error { return drop(s.UserGet(c, u.ID)) }},
		{"UserUpdate", func(c context.Context) error { return s.UserUpdate(c, store.User{ID: u.ID}) }},
		{"UserDelete", func(c context.Context) error { return s.UserDelete(c, u.ID) }},
		{"UserList", func(c context.Context) error { return drop(s.UserList(c, store.UserFilter{}, store.Page{})) }},
		{"UserCounts", func(c context.Context) error { return drop(s.UserCounts(c, moment(0))) }},
		{"UserSignUps", func(c context.Context) error { return drop(s.UserSignUps(c, moment(0), moment(9))) }},
		{"UserSignIns", func(c context.Context) error { return drop(s.UserSignIns(c, moment(0))) }},
		{"SuspensionEnd", func(c context.Context) error { return drop(s.SuspensionEnd(c, moment(9999), 9)) }},
		{"IdentifierInsert", func(c context.Context) error { return s.IdentifierInsert(c, name) }},
		{"IdentifierGet", func(c context.Context) error { return drop(s.IdentifierGet(c, name.Kind, name.Value)) }},
		{"IdentifierDelete", func(c context.Context) error { return s.IdentifierDelete(c, name.Kind, u.ID) }},
		{"PasswordHashGet", func(c context.Context) error { return drop(s.PasswordHashGet(c, u.ID)) }},
		{"PasswordHashPut", func(c context.Context) error { return s.PasswordHashPut(c, hash) }},
		{"PasswordHashReplace", func(c context.Context) error { return drop(s.PasswordHashReplace(c, "h", hash)) }},
		{"PasswordHashDelete", func(c context.Context) error { return s.PasswordHashDelete(c, u.ID) }},
		{"PasswordSchemes", func(c context.Context) error { return drop(s.PasswordSchemes(c)) }},
		{"DeletedUserInsert", func(c context.Context) error { return s.DeletedUserInsert(c, store.DeletedUser{ID: u.ID}) }},
		{"DeletedUserGet", func(c context.Context) error { return drop(s.DeletedUserGet(c, u.ID)) }},
		{"DeletedUserPurging", func(c context.Context) error { return s.DeletedUserPurging(c, u.ID, moment(0)) }},
		{"DeletedUserDelete", func(c context.Context) error { return s.DeletedUserDelete(c, u.ID) }},
		{"DeletedUserList", func(c context.Context) error {
			return drop(s.DeletedUserList(c, store.DeletedUserFilter{}, store.Page{}))
		}},
		{"DeletedUsersDue", func(c context.Context) error {
			return drop(s.DeletedUsersDue(c, moment(9), store.Position{}, 9))
		}},
		{"SessionInsert", func(c context.Context) error { return s.SessionInsert(c, newSession(u.ID)) }},
		{"SessionGet", func(c context.Context) error { return drop(s.SessionGet(c, v.ID)) }},
		{"SessionWithUser", func(c context.Context) error { _, _, err := s.SessionWithUser(c, v.ID); return err }},
		{"SessionUpdate", func(c context.Context) error { return s.SessionUpdate(c, store.Session{ID: v.ID}) }},
		{"SessionRevoke", func(c context.Context) error { return drop(s.SessionRevoke(c, v.ID, moment(5))) }},
		{"SessionRevokeAll", func(c context.Context) error { return drop(s.SessionRevokeAll(c, u.ID, "", moment(5))) }},
		{"SessionList", func(c context.Context) error { return drop(s.SessionList(c, u.ID, moment(5), store.Page{})) }},
		{"SessionPurge", func(c context.Context) error { return drop(s.SessionPurge(c, moment(9999), 9)) }},
		{"RefreshTokenInsert", func(c context.Context) error {
			return s.RefreshTokenInsert(c, store.RefreshToken{Hash: newHash(), SessionID: v.ID})
		}},
		{"RefreshTokenGet", func(c context.Context) error { return drop(s.RefreshTokenGet(c, token.Hash)) }},
		{"RefreshTokenUse", func(c context.Context) error {
			return drop(s.RefreshTokenUse(c, store.RefreshUse{Hash: token.Hash, At: moment(5)}))
		}},
		{"RefreshTokenForget", func(c context.Context) error { return s.RefreshTokenForget(c, v.ID, 9) }},
		{"SignInAttempt", func(c context.Context) error { return drop(s.SignInAttempt(c, u.ID, rule, moment(0))) }},
		{"SignInClear", func(c context.Context) error { return s.SignInClear(c, u.ID) }},
		{"SignInForgive", func(c context.Context) error { return s.SignInForgive(c, u.ID) }},
		{"SignInPurge", func(c context.Context) error { return drop(s.SignInPurge(c, moment(9999), 9)) }},
		{"KnownDevicePut", func(c context.Context) error { return s.KnownDevicePut(c, device) }},
		{"KnownDeviceSince", func(c context.Context) error {
			return drop(s.KnownDeviceSince(c, u.ID, device.Address, moment(0)))
		}},
		{"KnownDeviceDelete", func(c context.Context) error { return s.KnownDeviceDelete(c, u.ID) }},
		{"KnownDevicePurge", func(c context.Context) error { return drop(s.KnownDevicePurge(c, moment(9), 9)) }},
		{"SessionErase", func(c context.Context) error { return drop(s.SessionErase(c, u.ID, 9)) }},
		{"APIKeyInsert", func(c context.Context) error { return s.APIKeyInsert(c, newKey(u.ID)) }},
		{"APIKeyGet", func(c context.Context) error { return drop(s.APIKeyGet(c, u.ID, k.ID)) }},
		{"APIKeyWithUser", func(c context.Context) error { _, _, err := s.APIKeyWithUser(c, k.Hash); return err }},
		{"APIKeyUpdate", func(c context.Context) error { return s.APIKeyUpdate(c, store.APIKey{ID: k.ID, UserID: u.ID}) }},
		{"APIKeyList", func(c context.Context) error { return drop(s.APIKeyList(c, u.ID, store.Page{})) }},
		{"APIKeyCount", func(c context.Context) error { return drop(s.APIKeyCount(c, u.ID, moment(5))) }},
		{"APIKeyTake", func(c context.Context) error { return drop(s.APIKeyTake(c, u.ID)) }},
		{"APIKeyUsed", func(c context.Context) error { return s.APIKeyUsed(c, []store.KeyUse{{ID: k.ID, At: moment(9)}}) }},
		{"ServiceKeyInsert", func(c context.Context) error { return s.ServiceKeyInsert(c, newServiceKey()) }},
		{"ServiceKeyGet", func(c context.Context) error { return drop(s.ServiceKeyGet(c, "svc_1")) }},
		{"ServiceKeyByHash", func(c context.Context) error { return drop(s.ServiceKeyByHash(c, k.Hash)) }},
		{"ServiceKeyUpdate", func(c context.Context) error { return s.ServiceKeyUpdate(c, store.ServiceKey{ID: "svc_1"}) }},
		{"ServiceKeyList", func(c context.Context) error { return drop(s.ServiceKeyList(c, store.Page{})) }},
		{"ServiceKeyUsed", func(c context.Context) error {
			return s.ServiceKeyUsed(c, []store.KeyUse{{ID: "svc_1", At: moment(9)}})
		}},
		{"AdminInsert", func(c context.Context) error { return s.AdminInsert(c, newAdmin()) }},
		{"AdminGet", func(c context.Context) error { return drop(s.AdminGet(c, "adm_1")) }},
		{"AdminUpdate", func(c context.Context) error { return s.AdminUpdate(c, newAdmin()) }},
		{"AdminList", func(c context.Context) error { return drop(s.AdminList(c, store.Page{})) }},
		{"AdminDelete", func(c context.Context) error { return s.AdminDelete(c, "adm_1") }},
		{"AdminOwners", func(c context.Context) error { return drop(s.AdminOwners(c)) }},
		{"StaffInsert", func(c context.Context) error { return s.StaffInsert(c, newStaff()) }},
		{"StaffGet", func(c context.Context) error { return drop(s.StaffGet(c, "stf_1")) }},
		{"StaffUpdate", func(c context.Context) error { return s.StaffUpdate(c, newStaff()) }},
		{"StaffDelete", func(c context.Context) error { return s.StaffDelete(c, "stf_1") }},
		{"StaffList", func(c context.Context) error { return drop(s.StaffList(c, store.Page{})) }},
		{"SessionWithStaff", func(c context.Context) error { _, _, err := s.SessionWithStaff(c, v.ID); return err }},
		{"SettingGet", func(c context.Context) error { return drop(s.SettingGet(c, "x")) }},
		{"SettingPut", func(c context.Context) error { return s.SettingPut(c, store.Setting{Name: "x"}) }},
		{"SignInLocks", func(c context.Context) error { return drop(s.SignInLocks(c, []string{u.ID}, moment(0))) }},
		{"SignInUnlock", func(c context.Context) error { return drop(s.SignInUnlock(c, u.ID, "device:")) }},
		{"SessionWithAdmin", func(c context.Context) error { _, _, err := s.SessionWithAdmin(c, v.ID); return err }},
		{"PlanInsert", func(c context.Context) error { return s.PlanInsert(c, newPlan()) }},
		{"PlanGet", func(c context.Context) error { return drop(s.PlanGet(c, "free")) }},
		{"PlanUpdate", func(c context.Context) error { return s.PlanUpdate(c, newPlan()) }},
		{"PlanDelete", func(c context.Context) error { return s.PlanDelete(c, "free") }},
		{"PlanList", func(c context.Context) error { return drop(s.PlanList(c, store.Page{})) }},
		{"PlanInUse", func(c context.Context) error { return drop(s.PlanInUse(c, "free")) }},
		{"PlanUsers", func(c context.Context) error { return drop(s.PlanUsers(c, "free", store.Page{})) }},
		{"MeterReserve", func(c context.Context) error { return drop(s.MeterReserve(c, []store.Reserve{lease(1, l)})) }},
		{"MeterSettle", func(c context.Context) error { return drop(s.MeterSettle(c, []store.Settle{{ID: "res_1"}})) }},
		{"MeterExtend", func(c context.Context) error { return drop(s.MeterExtend(c, "res_1", moment(0), moment(9))) }},
		{"MeterPurge", func(c context.Context) error { return drop(s.MeterPurge(c, moment(9), 9)) }},
		{"MeterAdd", func(c context.Context) error {
			return s.MeterAdd(c, []store.UsageAdd{{Counters: []store.Counter{l.Counter}, Amount: 1}})
		}},
		{"MeterUsage", func(c context.Context) error { return drop(s.MeterUsage(c, []store.CounterLimit{l}, moment(0))) }},
		{"TaskClaim", func(c context.Context) error { _, _, err := s.TaskClaim(c, newClaim("t", 0)); return err }},
		{"TaskRenew", func(c context.Context) error { return drop(s.TaskRenew(c, "t", moment(0), 1, moment(9))) }},
		{"TaskFinish", func(c context.Context) error { return drop(s.TaskFinish(c, store.TaskRun{Task: "t"})) }},
		{"TaskRuns", func(c context.Context) error { return drop(s.TaskRuns(c, "t", 9)) }},
		{"TaskPurge", func(c context.Context) error { return drop(s.TaskPurge(c, moment(9), 9)) }},
		{"MeterRefund", func(c context.Context) error { return drop(s.MeterRefund(c, store.Refund{ID: "res_1"})) }},
		{"MeterReset", func(c context.Context) error { return s.MeterReset(c, []store.Counter{l.Counter}) }},
		{"UsageHistory", func(c context.Context) error {
			return drop(s.UsageHistory(c, u.ID, l.Meter, moment(0), moment(9)))
		}},
		{"MeterErase", func(c context.Context) error { return drop(s.MeterErase(c, u.ID, moment(0), 9)) }},
		{"UsageDays", func(c context.Context) error { return drop(s.UsageDays(c, l.Meter, moment(0), moment(9))) }},
		{"UsageTop", func(c context.Context) error { return drop(s.UsageTop(c, l.Meter, moment(0), moment(9), 9)) }},
		{"UsagePurge", func(c context.Context) error { return drop(s.UsagePurge(c, moment(9), 9)) }},
		{"CreditGrant", func(c context.Context) error { _, _, err := s.CreditGrant(c, newGrant(u.ID, 1)); return err }},
		{"CreditBalance", func(c context.Context) error { return drop(s.CreditBalance(c, u.ID, moment(0))) }},
		{"CreditBalances", func(c context.Context) error { return drop(s.CreditBalances(c, []string{u.ID}, moment(0))) }},
		{"CreditEnded", func(c context.Context) error { return drop(s.CreditEnded(c, moment(0), store.Position{}, 9)) }},
		{"CreditExpire", func(c context.Context) error { return drop(s.CreditExpire(c, []string{u.ID}, moment(0))) }},
		{"LedgerList", func(c context.Context) error { return drop(s.LedgerList(c, u.ID, store.Page{})) }},
		{"IdempotencyGet", func(c context.Context) error { return drop(s.IdempotencyGet(c, "c", "r", "k", moment(0))) }},
		{"IdempotencyPut", func(c context.Context) error {
			return s.IdempotencyPut(c, store.IdempotencyRecord{Idempotency: newIdempotency(), CreatedAt: moment(0)})
		}},
		{"IdempotencyPurge", func(c context.Context) error { return drop(s.IdempotencyPurge(c, moment(9), 9)) }},
		{"MessageAppend", func(c context.Context) error {
			return drop(s.MessageAppend(c, []store.Message{newMessage(u.ID, "con_1")}))
		}},
		{"MessageGet", func(c context.Context) error { return drop(s.MessageGet(c, u.ID, "msg_1")) }},
		{"MessageUsage", func(c context.Context) error { return drop(s.MessageUsage(c, moment(0), moment(9))) }},
		{"MessageWindowPut", func(c context.Context) error {
			return s.MessageWindowPut(c, store.MessageWindow{ID: "w", Rows: 1, Until: moment(9)})
		}},
		{"MessageWindowTake", func(c context.Context) error { return drop(s.MessageWindowTake(c, moment(9))) }},
		{"MessageErase", func(c context.Context) error { return drop(s.MessageErase(c, u.ID, 9)) }},
		{"MessagePurge", func(c context.Context) error {
			return drop(s.MessagePurge(c, store.MessagePurge{Before: moment(9), Limit: 9}))
		}},
		{"MessageList", func(c context.Context) error { return drop(s.MessageList(c, store.MessageFilter{}, store.Page{})) }},
		{"AuditInsert", func(c context.Context) error { return s.AuditInsert(c, []store.AuditEvent{newEvent()}, plainLink) }},
		{"AuditSequence", func(c context.Context) error { return drop(s.AuditSequence(c, 9, plainLink)) }},
		{"AuditHead", func(c context.Context) error { return drop(s.AuditHead(c)) }},
		{"AuditAfter", func(c context.Context) error { return drop(s.AuditAfter(c, 0, 9)) }},
		{"AuditList", func(c context.Context) error { return drop(s.AuditList(c, store.AuditFilter{}, store.Page{})) }},
		{"AuditErase", func(c context.Context) error { return drop(s.AuditErase(c, u.ID, 9)) }},
		{"AuditPurge", func(c context.Context) error { return drop(s.AuditPurge(c, 9, 9)) }},
		{"AuditAnchorPut", func(c context.Context) error {
			return s.AuditAnchorPut(c, store.AuditAnchor{Kind: store.AuditMark, Seq: 1})
		}},
		{"AuditAnchors", func(c context.Context) error { return drop(s.AuditAnchors(c, store.AuditMark, 9, 9)) }},
		{"FeedAppend", func(c context.Context) error { return s.FeedAppend(c, "a", moment(0), []string{"k"}) }},
		{"FeedAfter", func(c context.Context) error { return drop(s.FeedAfter(c, 0, 9)) }},
		{"FeedBounds", func(c context.Context) error { _, _, err := s.FeedBounds(c); return err }},
		{"FeedPurge", func(c context.Context) error { return drop(s.FeedPurge(c, moment(9), 9)) }},
	}
}

// testCancellation calls every method with a context that has ended: each
// answers the context's error, and nothing is written.
func testCancellation(t *testing.T, open Opener) {
	s := open(t)
	u := newUser()
	v, k := newSession(u.ID), newKey(u.ID)
	must(t, s.UserInsert(t.Context(), u))
	token := insertWithToken(t, s, v)
	must(t, s.APIKeyInsert(t.Context(), k))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range calls(s, u, v, k, token) {
		t.Run(c.name+"/ContextEnded", func(t *testing.T) {
			if err := c.run(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v, want %v", err, context.Canceled)
			}
		})
	}
	t.Run("NothingIsWritten", func(t *testing.T) {
		want(t, got(s.UserGet(t.Context(), u.ID))(t), keptUser(u))
		want(t, got(s.SessionList(t.Context(), u.ID, moment(5), store.Page{}))(t).Items, []store.Session{keptSession(v)})
		want(t, got(s.APIKeyList(t.Context(), u.ID, store.Page{}))(t).Items, []store.APIKey{keptKey(k).APIKey})
		want(t, got(s.RefreshTokenGet(t.Context(), token.Hash))(t).UsedAt.IsZero(), true)
		want(t, len(got(s.ServiceKeyList(t.Context(), store.Page{}))(t).Items), 0)
		want(t, len(got(s.AdminList(t.Context(), store.Page{}))(t).Items), 0)
		want(t, len(got(s.AuditList(t.Context(), store.AuditFilter{}, store.Page{}))(t).Items), 0)
		want(t, len(got(s.MessageList(t.Context(), store.MessageFilter{}, store.Page{}))(t).Items), 0)
		wantBounds(t, s, 0, 0)
	})
}

func testClose(t *testing.T, open Opener) {
	t.Run("Close/AnythingAfterIsErrClosed", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		must(t, s.Ping(t.Context()))
		must(t, s.Close())
		for _, c := range calls(s, newUser(), store.Session{}, store.APIKeyHash{}, store.RefreshToken{}) {
			if err := c.run(t.Context()); !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s: error is %v, want %v", c.name, err, store.ErrClosed)
			}
		}
	})
	t.Run("Close/TwiceIsOnce", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		together(4, func(int) {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("Close/WaitsForRunningCalls", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		closed := make(chan error, 1)
		must(t, s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			go func() { closed <- s.Close() }()
			for s.Ping(t.Context()) == nil { // until Close has begun
				runtime.Gosched()
			}
			if err := q.UserInsert(ctx, newUser()); err != nil {
				return err
			}
			select {
			case <-closed:
				t.Error("Close returned while a call ran")
			default:
			}
			return nil
		}))
		must(t, <-closed)
	})
}
