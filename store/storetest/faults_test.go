package storetest_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// fault is one way to break a store, and the first test that sees it.
type fault struct {
	name     string
	caughtBy string
	wrap     func(store.Store) store.Store
}

// faults are mistakes that drivers of this kind were seen to make.
var faults = []fault{
	{"pages-by-time-alone", "UserList/UserList/Query=/Status=/Plan=",
		func(s store.Store) store.Store { return timeAlone{s} }},
	{"suspensions-never-end", "UserList/UserList/Query=/Status=suspended",
		func(s store.Store) store.Store { return neverEnds{s} }},
	{"totals-counted-outside", "UserCounts/UserCounts/SayWhatCountingWould",
		func(s store.Store) store.Store { return &countsOutside{Store: s} }},
	{"sign-ins-read-then-write", "SignIns/SignInAttempt/LK-02",
		func(s store.Store) store.Store { return &racySignIns{Store: s, counts: map[string]int{}} }},
	{"lock-prolonged", "SignIns/SignInAttempt/LockIsNotProlonged",
		func(s store.Store) store.Store { return prolongingLocks{s} }},
	{"refresh-not-conditional", "RefreshTokens/RefreshTokenUse/RT-02",
		func(s store.Store) store.Store { return racyRefresh{s} }},
	{"reserve-checks-outside", "Reserve/MeterReserve/QT-01",
		func(s store.Store) store.Store { return checksOutside{s} }},
	{"batch-members-blind", "Reserve/MeterReserve/BatchMembersSeeEachOther",
		func(s store.Store) store.Store { return &blindBatch{Store: s} }},
	{"refused-member-writes", "Reserve/MeterReserve/RefusedMemberWritesNothing",
		func(s store.Store) store.Store { return refusedWrites{s} }},
	{"expired-leases-stay", "Reserve/MeterReserve/LeasePastItsDeadlineCountsAsReturned",
		func(s store.Store) store.Store { return expiredStay{s} }},
	{"spends-read-then-write", "Credits/MeterReserve/Q1",
		func(s store.Store) store.Store { return spendsOutside{s} }},
	{"grants-repeat", "Credits/CreditGrant/Q7",
		func(s store.Store) store.Store { return grantsRepeat{s} }},
	{"charges-repeat", "Idempotency/MeterReserve/QT-08",
		func(s store.Store) store.Store { return chargesRepeat{s} }},
	{"balance-apart-from-ledger", "LedgerProperties/Q16",
		func(s store.Store) store.Store { return balanceApart{s} }},
	{"refunds-repeat", "Refund/MeterRefund/QT-09",
		func(s store.Store) store.Store { return refundsRepeat{s} }},
	{"resets-forget", "History/MeterReset/StartsAnewAndKeepsTheHistory",
		func(s store.Store) store.Store { return resetsForget{s} }},
	{"second-ending-counts", "Settle/MeterSettle/QT-09",
		func(s store.Store) store.Store { return secondEnding{s} }},
	{"identifier-overwrites", "Identifiers/IdentifierInsert/Taken",
		func(s store.Store) store.Store { return overwritesNames{s} }},
	{"identifier-checked-outside", "Identifiers/IdentifierInsert/RL-18",
		func(s store.Store) store.Store { return namesOutside{s} }},
	{"commits-on-error", "InTx/InTx/ErrorRollsBackAndIsReturned",
		func(s store.Store) store.Store { return commitsOnError{s} }},
	{"swallows-panics", "InTx/InTx/PanicRollsBackAndGoesOn",
		func(s store.Store) store.Store { return swallowsPanics{s} }},
	{"no-transaction", "InTx/InTx/ReadThenWriteLosesNothing",
		func(s store.Store) store.Store { return noTransaction{s, new(atomic.Int64), make(chan struct{})} }},
	{"ignores-context", "Cancellation/UserUpdate/ContextEnded",
		func(s store.Store) store.Store { return ignoresContext{s} }},
	{"answers-after-close", "Close/Close/AnythingAfterIsErrClosed",
		func(s store.Store) store.Store { return answersAfterClose{s} }},
	{"keeps-nanoseconds", "Users/UserGet/ReturnsWhatWasStored",
		func(s store.Store) store.Store { return nanoseconds{s} }},
	{"page-loses-ties", "APIKeys/APIKeyList/OfOneUser",
		func(s store.Store) store.Store { return losesTies{s} }},
	{"audit-head-read-outside", "Audit/AuditInsert/OneChainWhoeverWrites",
		func(s store.Store) store.Store { return headOutside{s} }},
	{"feed-out-of-order", "Feed/FeedAfter/FollowerMissesNothing",
		func(s store.Store) store.Store { return &reorderedFeed{Store: s} }},
	{"feed-forgets-newest", "Feed/FeedPurge/IdsAreNeverGivenAgain",
		func(s store.Store) store.Store { return forgetsNewest{s} }},
	{"task-claim-checked-outside", "Tasks/TaskClaim/RL-08",
		func(s store.Store) store.Store { return claimsOutside{s} }},
	{"task-runs-unfenced", "Tasks/TaskRenew/TaskFinish/FencedOff",
		func(s store.Store) store.Store { return unfenced{s} }},
	{"purge-forgets-seq", "MessagePurge/MessagePurge/SeqGoesOn",
		func(s store.Store) store.Store { return forgetsSeq{s} }},
	{"messages-of-others", "Messages/MessageGet/OfAnotherUser",
		func(s store.Store) store.Store { return othersMessages{s} }},
}

// letOthersRun widens the moment between a check and what depends on it.
func letOthersRun() {
	for range 500 {
		runtime.Gosched()
	}
}

// timeAlone goes on after all users of the same time.
type timeAlone struct{ store.Store }

func (s timeAlone) UserList(ctx context.Context, f store.UserFilter, p store.Page) (store.List[store.User], error) {
	list, err := s.Store.UserList(ctx, f, p)
	if !list.Next.IsZero() && p.Sort == store.OldestFirst {
		list.Next.ID = "\xff"
	}
	return list, err
}

// neverEnds takes the stored status for the present one.
type neverEnds struct{ store.Store }

func (s neverEnds) UserList(ctx context.Context, f store.UserFilter, p store.Page) (store.List[store.User], error) {
	f.Now = time.Time{}
	return s.Store.UserList(ctx, f, p)
}

// countsOutside keeps its counters apart, and forgets one.
type countsOutside struct {
	store.Store
	suspended atomic.Int64
}

func (s *countsOutside) UserUpdate(ctx context.Context, u store.User) error {
	if u.Status == store.Suspended {
		s.suspended.Add(1)
	}
	return s.Store.UserUpdate(ctx, u)
}

func (s *countsOutside) UserCounts(ctx context.Context, now time.Time) (store.UserCounts, error) {
	n, err := s.Store.UserCounts(ctx, now)
	n.Suspended = min(n.Active+n.Suspended, s.suspended.Load())
	return n, err
}

type racySignIns struct {
	store.Store
	mu     sync.Mutex
	counts map[string]int
}

func (s *racySignIns) SignInAttempt(_ context.Context, key string, rule store.SignInRule, now time.Time) (f store.SignInFailures, _ error) {
	s.mu.Lock()
	f.Count = s.counts[key] + 1
	s.mu.Unlock()
	letOthersRun()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[key] = f.Count
	if f.Count > rule.Limit {
		f.LockedUntil = now.Add(rule.Window)
	}
	return f, nil
}

type prolongingLocks struct{ store.Store }

func (s prolongingLocks) SignInAttempt(ctx context.Context, key string, rule store.SignInRule, now time.Time) (store.SignInFailures, error) {
	f, err := s.Store.SignInAttempt(ctx, key, rule, now)
	if f.LockedUntil.After(now) {
		f.LockedUntil = now.Add(rule.Window).UTC().Truncate(time.Microsecond)
	}
	return f, err
}

type racyRefresh struct{ store.Store }

func (s racyRefresh) RefreshTokenUse(ctx context.Context, u store.RefreshUse) (bool, error) {
	t, err := s.RefreshTokenGet(ctx, u.Hash)
	if err != nil || !t.UsedAt.IsZero() {
		return false, nil
	}
	letOthersRun()
	_, err = s.Store.RefreshTokenUse(ctx, u)
	return true, err
}

// unlimited is r with limits that admit everything.
func unlimited(r store.Reserve) store.Reserve {
	limits := make([]store.CounterLimit, len(r.Limits))
	for i, l := range r.Limits {
		limits[i] = l
		limits[i].Limit = store.Unlimited
	}
	r.Limits = limits
	return r
}

func admits(states []store.CounterState, amount int64) bool {
	for _, c := range states {
		if c.Limit != store.Unlimited && c.Used+c.Reserved+amount > c.Limit {
			return false
		}
	}
	return true
}

type checksOutside struct{ store.Store }

func (s checksOutside) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	if len(batch) != 1 {
		return s.Store.MeterReserve(ctx, batch)
	}
	states, err := s.MeterUsage(ctx, batch[0].Limits, batch[0].Now)
	if err != nil || !admits(states, batch[0].Amount) {
		return s.Store.MeterReserve(ctx, batch)
	}
	letOthersRun()
	return s.Store.MeterReserve(ctx, []store.Reserve{unlimited(batch[0])})
}

type blindBatch struct {
	store.Store
	mu sync.Mutex
}

func (s *blindBatch) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	admitted := make([]store.Reserve, len(batch))
	for i, r := range batch {
		admitted[i] = r
		if states, err := s.MeterUsage(ctx, r.Limits, r.Now); err == nil && admits(states, r.Amount) {
			admitted[i] = unlimited(r)
		}
	}
	return s.Store.MeterReserve(ctx, admitted)
}

type refusedWrites struct{ store.Store }

func (s refusedWrites) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	results, err := s.Store.MeterReserve(ctx, batch)
	for i, r := range results {
		if r.Refused > 0 {
			first := store.UsageAdd{Counters: []store.Counter{batch[i].Limits[0].Counter}, Amount: batch[i].Amount}
			err = s.MeterAdd(ctx, []store.UsageAdd{first})
		}
	}
	return results, err
}

type expiredStay struct{ store.Store }

func (s expiredStay) MeterUsage(ctx context.Context, counters []store.CounterLimit, _ time.Time) ([]store.CounterState, error) {
	return s.Store.MeterUsage(ctx, counters, time.Unix(1, 0))
}

type secondEnding struct{ store.Store }

func (s secondEnding) MeterSettle(ctx context.Context, batch []store.Settle) ([]store.Reservation, error) {
	ended, err := s.Store.MeterSettle(ctx, batch)
	for i := range ended {
		if !batch[i].Release {
			ended[i].Settled = batch[i].Amount
		}
	}
	return ended, err
}

// spendsOutside asks for the balance and admits what it covered then.
type spendsOutside struct{ store.Store }

func (s spendsOutside) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	balance, err := s.CreditBalance(ctx, batch[0].Subject, batch[0].Now)
	if err != nil || batch[0].Meter != store.Credits {
		return s.Store.MeterReserve(ctx, batch)
	}
	letOthersRun()
	results, err := s.Store.MeterReserve(ctx, batch)
	for i, r := range batch {
		if err == nil && r.Amount <= balance.Available() {
			results[i].Refused = store.Admitted
		}
	}
	return results, err
}

// headOutside chains events to what the head was before the transaction.
type headOutside struct{ store.Store }

func (s headOutside) AuditInsert(ctx context.Context, events []store.AuditEvent, link store.AuditLink) error {
	before, err := s.AuditHead(ctx)
	if err != nil {
		return s.Store.AuditInsert(ctx, events, link)
	}
	letOthersRun()
	first := true
	return s.Store.AuditInsert(ctx, events, func(head store.AuditHead, e store.AuditEvent) ([]byte, error) {
		if first {
			head.Chain, first = before.Chain, false
		}
		return link(head, e)
	})
}

type grantsRepeat struct{ store.Store }

func (s grantsRepeat) CreditGrant(ctx context.Context, g store.Grant) (store.LedgerEntry, bool, error) {
	g.IdempotencyKey = ""
	return s.Store.CreditGrant(ctx, g)
}

type chargesRepeat struct{ store.Store }

func (s chargesRepeat) MeterReserve(ctx context.Context, batch []store.Reserve) ([]store.ReserveResult, error) {
	batch = slices.Clone(batch)
	for i := range batch {
		batch[i].Idempotency = nil
	}
	return s.Store.MeterReserve(ctx, batch)
}

// balanceApart forgets the expiry of grants that is not written down yet.
type balanceApart struct{ store.Store }

func (s balanceApart) CreditBalance(ctx context.Context, user string, _ time.Time) (store.Balance, error) {
	return s.Store.CreditBalance(ctx, user, time.Unix(1, 0))
}

type refundsRepeat struct{ store.Store }

func (s refundsRepeat) MeterRefund(ctx context.Context, r store.Refund) (store.Reservation, error) {
	v, err := s.Store.MeterRefund(ctx, r)
	v.Refunded += r.Now.Unix() % 2
	return v, err
}

type resetsForget struct{ store.Store }

func (s resetsForget) MeterReset(ctx context.Context, counters []store.Counter) error {
	_, err := s.UsagePurge(ctx, time.Unix(1<<40, 0), 1000)
	return err
}

type overwritesNames struct{ store.Store }

func (s overwritesNames) IdentifierInsert(ctx context.Context, id store.Identifier) error {
	if holder, err := s.IdentifierGet(ctx, id.Kind, id.Value); err == nil {
		if err := s.IdentifierDelete(ctx, id.Kind, holder.Subject); err != nil {
			return err
		}
	}
	return s.Store.IdentifierInsert(ctx, id)
}

type namesOutside struct{ store.Store }

// uncheckedNames answers a name that is taken as if it had been free before.
type uncheckedNames struct{ store.Queries }

func (s namesOutside) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	return s.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error { return fn(ctx, uncheckedNames{q}) })
}

func (q uncheckedNames) IdentifierInsert(ctx context.Context, id store.Identifier) error {
	if holder, err := q.IdentifierGet(ctx, id.Kind, id.Value); err == nil && holder.Subject != id.Subject {
		return nil
	}
	return q.Queries.IdentifierInsert(ctx, id)
}

type commitsOnError struct{ store.Store }

func (s commitsOnError) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) (err error) {
	commit := s.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		err = fn(ctx, q)
		return nil
	})
	if err == nil {
		err = commit
	}
	return err
}

type swallowsPanics struct{ store.Store }

func (s swallowsPanics) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	return s.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		defer func() { _ = recover() }()
		return fn(ctx, q)
	})
}

type noTransaction struct {
	store.Store
	reads  *atomic.Int64
	second chan struct{} // closed by the second who reads
}

// unlocked is a Store as Queries whose writes are each on their own.
type unlocked struct{ noTransaction }

func (s noTransaction) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	return fn(ctx, unlocked{s})
}

// UserGet lets nobody go on before two have read, so that they read the same.
func (s unlocked) UserGet(ctx context.Context, id string) (store.User, error) {
	u, err := s.Store.UserGet(ctx, id)
	if s.reads.Add(1) == 2 {
		close(s.second)
	}
	<-s.second
	return u, err
}

func (unlocked) IdentifierInsert(context.Context, store.Identifier) error { return nil }

type ignoresContext struct{ store.Store }

func (s ignoresContext) UserUpdate(ctx context.Context, u store.User) error {
	return s.Store.UserUpdate(context.WithoutCancel(ctx), u)
}

type answersAfterClose struct{ store.Store }

func (answersAfterClose) FeedBounds(context.Context) (oldest, newest int64, err error) {
	return 0, 0, nil
}

type nanoseconds struct{ store.Store }

func (s nanoseconds) UserGet(ctx context.Context, id string) (store.User, error) {
	u, err := s.Store.UserGet(ctx, id)
	u.CreatedAt = u.CreatedAt.Add(932)
	return u, err
}

type losesTies struct{ store.Store }

func (s losesTies) APIKeyList(ctx context.Context, userID string, p store.Page) (store.List[store.APIKey], error) {
	p.After.ID = ""
	return s.Store.APIKeyList(ctx, userID, p)
}

// reorderedFeed shows every third row only after a later one, as a database
// does that gives ids before it commits.
type reorderedFeed struct {
	store.Store
	mu     sync.Mutex
	newest int64
}

func (s *reorderedFeed) FeedAfter(ctx context.Context, id int64, limit int) ([]store.FeedRow, error) {
	rows, err := s.Store.FeedAfter(ctx, id, limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	rows = slices.DeleteFunc(rows, func(r store.FeedRow) bool { return r.ID%3 == 0 && r.ID > s.newest })
	for _, r := range rows {
		s.newest = max(s.newest, r.ID)
	}
	return rows, err
}

type forgetsNewest struct{ store.Store }

func (s forgetsNewest) FeedBounds(ctx context.Context) (oldest, newest int64, err error) {
	rows, err := s.FeedAfter(ctx, 0, 1)
	if err != nil || len(rows) == 0 {
		return 0, 0, err
	}
	return s.Store.FeedBounds(ctx)
}

type othersMessages struct{ store.Store }

func (s othersMessages) MessageGet(ctx context.Context, userID, id string) (store.Message, error) {
	m, err := s.Store.MessageGet(ctx, userID, id)
	if err == nil {
		return m, nil
	}
	all, listErr := s.MessageList(ctx, store.MessageFilter{}, store.Page{Limit: store.MaxLimit})
	for _, m := range all.Items {
		if listErr == nil && m.ID == id {
			return m, nil
		}
	}
	return m, err
}

// unfenced ends a run whoever has it.
type unfenced struct{ store.Store }

func (s unfenced) TaskFinish(ctx context.Context, r store.TaskRun) (bool, error) {
	runs, err := s.TaskRuns(ctx, r.Task, 1)
	if err != nil || len(runs) == 0 {
		return false, err
	}
	r.Fence = runs[0].Fence
	return s.Store.TaskFinish(ctx, r)
}

// claimsOutside looks for the run before it takes it.
type claimsOutside struct{ store.Store }

func (s claimsOutside) TaskClaim(ctx context.Context, c store.TaskClaim) (store.TaskRun, bool, error) {
	runs, err := s.TaskRuns(ctx, c.Task, 1)
	if err != nil || len(runs) > 0 && (!runs[0].FinishedAt.IsZero() || runs[0].LeaseUntil.After(c.Now)) {
		return store.TaskRun{}, false, err
	}
	letOthersRun()
	run, _, err := s.Store.TaskClaim(ctx, c)
	return run, true, err
}

type forgetsSeq struct{ store.Store }

func (s forgetsSeq) MessageAppend(ctx context.Context, batch []store.Message) ([]store.Message, error) {
	left, err := s.MessageList(ctx, store.MessageFilter{UserID: batch[0].UserID}, store.Page{Limit: 1})
	stored, appendErr := s.Store.MessageAppend(ctx, batch)
	if err == nil && appendErr == nil && len(left.Items) == 0 {
		for i := range stored {
			stored[i].Seq = int64(i + 1)
		}
	}
	return stored, appendErr
}
