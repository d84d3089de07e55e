package audit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
)

func (l *ledger) retaining(keep time.Duration) *audit.Trail {
	return l.trail(func(c *audit.Config) { c.Retention = keep })
}

// Events go up to an anchor that is as old as they may be, and the trail starts
// there.
func TestRetentionEndsAtAnAnchor(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(250) // several chunks, a second apart
	l.anchor()
	l.change(250)
	l.anchor()
	l.change(5)

	l.must(l.Retain(t.Context())) // which has no retention
	whole := audit.Verification{Events: 505, FromSeq: 1, ToSeq: 505, AnchoredSeq: 500}
	l.wants(whole)
	l.must(l.retaining(time.Hour).Retain(t.Context())) // nothing is as old
	l.wants(whole)
	l.must(l.retaining(100 * time.Second).Retain(t.Context())) // 405 are, of which an anchor covers 250
	rest := audit.Verification{Events: 255, FromSeq: 251, ToSeq: 505, AnchoredSeq: 500}
	l.wants(rest)
	l.must(l.retaining(100 * time.Second).Retain(t.Context()))
	l.wants(rest)
	l.tamper("DELETE FROM audit_details WHERE event_id = (SELECT id FROM audit_events WHERE seq = 300)")
	if n, err := l.db.Exec(t.Context(), "DELETE FROM audit_details WHERE event_id NOT IN (SELECT id FROM audit_events)"); n > 0 || err != nil {
		t.Errorf("%d details are left of events that are gone, %v", n, err)
	}

	// All of it: the next event follows from what is gone.
	l.now = l.now.Add(time.Hour)
	l.anchor()
	l.now = l.now.Add(time.Hour)
	l.must(l.retaining(time.Minute).Retain(t.Context()))
	l.wants(audit.Verification{AnchoredSeq: 505})
	l.change(2)
	l.wants(audit.Verification{Events: 2, FromSeq: 506, ToSeq: 507, AnchoredSeq: 505})
	l.tamper("DELETE FROM audit_events WHERE seq = 506")
	l.wants(audit.Verification{AnchoredSeq: 505, FirstBad: &audit.Bad{Seq: 506, Problem: audit.Missing}})
}

// Retention that was broken off leaves a trail that verifies, and goes on later,
// also when nothing more is due.
func TestRetentionIsBrokenOff(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(500)
	l.anchor()
	l.now = l.now.Add(time.Hour)
	l.change(3)
	ctx, cancel := context.WithCancel(t.Context())
	broken := l.trail(func(c *audit.Config) {
		c.Retention = time.Minute
		c.Store = breaksOff{l.db, cancel}
	})
	if err := broken.Retain(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	left := audit.Verification{Events: 403, FromSeq: 101, ToSeq: 503, AnchoredSeq: 500}
	l.wants(left)
	l.tamper("UPDATE audit_events SET action = 'x' WHERE seq = 200")
	left.Events, left.ToSeq, left.AnchoredSeq, left.FirstBad = 99, 199, 0, &audit.Bad{Seq: 200, ID: l.id(200), Problem: audit.Edited}
	l.wants(left)
	l.must(l.retaining(time.Minute).Retain(t.Context()))
	l.wants(audit.Verification{Events: 3, FromSeq: 501, ToSeq: 503, AnchoredSeq: 500})
}

// breaksOff ends a context after the first chunk.
type breaksOff struct {
	store.AuditStore
	cancel func()
}

func (b breaksOff) AuditPurge(ctx context.Context, upTo int64, limit int) (int, error) {
	defer b.cancel()
	return b.AuditStore.AuditPurge(ctx, upTo, limit)
}

// What retention deletes while Verify reads is no gap.
func TestVerifyWhileRetentionDeletes(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(1200)
	l.anchor()
	l.now = l.now.Add(time.Hour)
	l.change(50)
	retain := l.retaining(time.Minute)
	reader := l.trail(func(c *audit.Config) {
		c.Store = &retainsMeanwhile{AuditStore: l.db, retain: func() error { return retain.Retain(t.Context()) }}
	})
	// 500 were read when the first 1,200 went.
	l.found(reader, audit.VerifyOptions{}, audit.Verification{Events: 550, FromSeq: 1, ToSeq: 1250, AnchoredSeq: 1200})
}

// retainsMeanwhile deletes before the second page is read.
type retainsMeanwhile struct {
	store.AuditStore
	pages  int
	retain func() error
}

func (r *retainsMeanwhile) AuditAfter(ctx context.Context, seq int64, limit int) ([]store.AuditEvent, error) {
	if r.pages++; r.pages == 2 {
		if err := r.retain(); err != nil {
			return nil, err
		}
	}
	return r.AuditStore.AuditAfter(ctx, seq, limit)
}

// The key of the only start that is there is needed, and named.
func TestVerifyNamesTheKeyOfTheStart(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(5)
	a := l.anchor()
	l.now = l.now.Add(time.Hour)
	l.must(l.retaining(time.Minute).Retain(t.Context()))
	alone := l.trail(func(c *audit.Config) { c.Keys, c.Anchors = [][]byte{auditKey(2)}, nil })
	want := audit.Verification{FirstBad: &audit.Bad{Seq: 5, Problem: audit.KeyMissing, KeyID: a.KeyID}}
	l.found(alone, audit.VerifyOptions{}, want)
	l.changeBy(alone, 1)
	l.found(alone, audit.VerifyOptions{}, want)
}

// A purge erases what the trail says of a person, and not that something was
// done.
func TestTheTrailVerifiesAfterAPurge(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(3)
	l.Record(store.Change{Action: "user.update", Actor: store.Actor{Kind: store.ActorUser, ID: "usr_1", Name: "ann", IP: "192.0.2.1"}, Target: store.Target{Kind: "key", ID: "key_1"}})
	l.Record(store.Change{Action: "key.revoke", Actor: store.Actor{Kind: store.ActorStaff, ID: "stf_1", Name: "sam", IP: "192.0.2.3"}, Target: store.Target{Kind: "key", ID: "key_1", Owner: "usr_1"}, Reason: "ann asked for it"})
	l.Record(store.Change{Action: "user.update", Actor: store.Actor{Kind: store.ActorUser, ID: "usr_2", Name: "bob", IP: "192.0.2.2"}, Target: store.Target{Kind: "key", ID: "key_2"}})
	l.must(l.Flush(t.Context()))
	l.anchor()
	l.must(l.db.InTx(t.Context(), func(ctx context.Context, q store.Queries) error { return l.Erase(ctx, q, "usr_1") }))
	l.must(l.Erase(t.Context(), l.db, "usr_1"))
	list, err := l.List(t.Context(), store.AuditFilter{}, store.Page{})
	l.must(err)
	for _, e := range list.Items {
		if about := e.Target.ID == "usr_1" || e.Target.Owner == "usr_1" || e.ActorID == "usr_1"; about != (e.Detail == nil) || !l.Check(e) {
			t.Errorf("%+v", e)
		}
	}
	l.wants(audit.Verification{Events: 6, FromSeq: 1, ToSeq: 6, AnchoredSeq: 6})
}
