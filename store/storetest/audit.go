package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// newEvent makes an event with every field set.
func newEvent() store.AuditEvent {
	return store.AuditEvent{
		ID: newID("aud_"), At: moment(0), ActorKind: store.ActorAdmin, ActorID: "adm_1", OnBehalfOf: "usr_9",
		Action: "user.update", Target: store.Target{Kind: "key", ID: "key_1", Owner: "usr_1"}, Result: store.OK, RequestID: "r1",
		Count: 3, DetailHash: []byte{1, 0, 2}, KeyID: "k1", MAC: []byte{3, 4},
		Detail: &store.AuditDetail{Salt: []byte{5, 0}, ActorName: "root", IP: "192.0.2.1", Reason: "asked",
			Changes: json.RawMessage(`{"plan":{"from":"free","to":"pro"}}`)},
	}
}

// plainLink chains without a key.
func plainLink(head store.AuditHead, e store.AuditEvent) ([]byte, error) {
	sum := sha256.Sum256(fmt.Append(nil, head.Chain, e.Seq, e.ID))
	return sum[:], nil
}

// placed are events as they come back, on a trail that ended at head.
func placed(head store.AuditHead, events ...store.AuditEvent) []store.AuditEvent {
	for i := range events {
		e := &events[i]
		e.Seq, e.At = head.Seq+1, kept(e.At)
		e.Chain, _ = plainLink(head, *e)
		head = store.AuditHead{Seq: e.Seq, Chain: e.Chain}
	}
	return events
}

// trail reads all that is in it, two at a time, and checks its head.
func trail(t *testing.T, s store.Store, from int64) (events []store.AuditEvent) {
	t.Helper()
	for {
		page := got(s.AuditAfter(t.Context(), from, 2))(t)
		if len(page) == 0 {
			break
		}
		events = append(events, page...)
		from = page[len(page)-1].Seq
	}
	if n := len(events); n > 0 {
		want(t, got(s.AuditHead(t.Context()))(t), store.AuditHead{Seq: events[n-1].Seq, Chain: events[n-1].Chain})
	}
	return events
}

// sequence lets a driver that places events later catch up.
func sequence(t *testing.T, s store.Store) {
	t.Helper()
	for got(s.AuditSequence(t.Context(), 9, plainLink))(t) == 9 {
	}
}

func testAudit(t *testing.T, open Opener) {
	t.Run("AuditInsert/StoresWhatItIsGiven", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		want(t, got(s.AuditHead(t.Context()))(t), store.AuditHead{})
		full, bare := newEvent(), store.AuditEvent{ID: newID("aud_"), At: moment(1), Count: 1}
		must(t, s.AuditInsert(t.Context(), nil, plainLink))
		must(t, s.AuditInsert(t.Context(), []store.AuditEvent{full, bare}, plainLink))
		sequence(t, s)
		all := placed(store.AuditHead{}, full, bare)
		want(t, got(s.AuditList(t.Context(), store.AuditFilter{}, store.Page{Sort: store.OldestFirst}))(t).Items, all)
		want(t, trail(t, s, 0), all)
		want(t, trail(t, s, 1), all[1:])
		third := newEvent()
		must(t, s.AuditInsert(t.Context(), []store.AuditEvent{third}, plainLink))
		sequence(t, s)
		want(t, trail(t, s, 0), append(all, placed(store.AuditHead{Seq: 2, Chain: all[1].Chain}, third)...))
	})
	t.Run("AuditInsert/DuplicateWritesNothing", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		first := newEvent()
		must(t, s.AuditInsert(t.Context(), []store.AuditEvent{first}, plainLink))
		wantError(t, s.AuditInsert(t.Context(), []store.AuditEvent{newEvent(), first}, plainLink), store.ErrConflict)
		sequence(t, s)
		want(t, trail(t, s, 0), placed(store.AuditHead{}, first))
	})
	t.Run("AuditInsert/RolledBackLeavesNoGap", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		first, lost, second := newEvent(), newEvent(), newEvent()
		must(t, s.AuditInsert(t.Context(), []store.AuditEvent{first}, plainLink))
		wantError(t, s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			must(t, q.AuditInsert(ctx, []store.AuditEvent{lost}, plainLink))
			return errRefused
		}), errRefused)
		must(t, s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			return q.AuditInsert(ctx, []store.AuditEvent{second}, plainLink)
		}))
		sequence(t, s)
		want(t, trail(t, s, 0), placed(store.AuditHead{}, first, second))
	})
	t.Run("AuditInsert/OneChainWhoeverWrites", func(t *testing.T) {
		t.Parallel()
		testOneChain(t, open(t))
	})
	t.Run("AuditList/Filters", func(t *testing.T) {
		t.Parallel()
		testAuditFilters(t, open(t))
	})
	t.Run("AuditErase/DetailsToAndBy", func(t *testing.T) {
		t.Parallel()
		testAuditErase(t, open(t))
	})
	t.Run("AuditPurge/FromTheOldestOn", func(t *testing.T) {
		t.Parallel()
		testAuditPurge(t, open(t))
	})
	t.Run("AuditAnchors/LastFirst", func(t *testing.T) {
		t.Parallel()
		testAuditAnchors(t, open(t))
	})
}

// Whatever writes at the same time, each event follows from the one before it.
func testOneChain(t *testing.T, s store.Store) {
	const writers, each = 8, 10
	together(writers, func(i int) {
		for n := range each {
			events := []store.AuditEvent{newEvent(), newEvent()}
			err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
				if err := q.AuditInsert(ctx, events[:1], plainLink); err != nil {
					return err
				}
				if (i+n)%3 == 0 {
					return errRefused
				}
				return q.AuditInsert(ctx, events[1:], plainLink)
			})
			if err != nil && !errors.Is(err, errRefused) {
				t.Error(err)
			}
			if err := s.AuditInsert(t.Context(), []store.AuditEvent{newEvent()}, plainLink); err != nil {
				t.Error(err)
			}
		}
	})
	sequence(t, s)
	events := trail(t, s, 0)
	if len(events) < writers*each {
		t.Fatalf("%d events", len(events))
	}
	want(t, events, placed(store.AuditHead{}, slices.Clone(events)...))
}

func testAuditFilters(t *testing.T, s store.Store) {
	var all []store.AuditEvent
	for i := range 12 {
		e := newEvent()
		e.ActorID = []string{"adm_1", "usr_2"}[i%2]
		e.Target.ID = []string{"usr_1", "usr_2", "usr_3"}[i%3]
		e.Target.Owner = []string{"", "usr_1"}[i%2]
		e.Action = []string{"user.update", "user.delete"}[i/6]
		e.Result = []store.Result{store.OK, store.OK, store.Denied, store.Failed}[i%4]
		e.At = moment(i / 4)
		must(t, s.AuditInsert(t.Context(), []store.AuditEvent{e}, plainLink))
		e.At = kept(e.At)
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b store.AuditEvent) int { return byPosition(a.At, a.ID, b.At, b.ID) })
	for name, f := range map[string]store.AuditFilter{
		"None":           {},
		"Actor":          {ActorID: "usr_2"},
		"Target":         {TargetID: "usr_3"},
		"About":          {About: "usr_2"},
		"AboutAndAction": {About: "usr_2", Action: "user.delete", From: kept(moment(1))},
		"Action":         {Action: "user.delete"},
		"Result":         {Result: store.Denied},
		"ResultOK":       {Result: store.OK},
		"Times":          {From: kept(moment(1)), Until: kept(moment(2))},
		"ActorAndTarget": {ActorID: "adm_1", TargetID: "usr_1"},
		"All":            {ActorID: "adm_1", TargetID: "usr_1", Action: "user.update"},
		"NothingMatches": {Action: "user.purge"},
	} {
		t.Run(name, func(t *testing.T) {
			testPaging(t, func(ctx context.Context, p store.Page) (store.List[store.AuditEvent], error) {
				page, err := s.AuditList(ctx, f, p)
				for i := range page.Items {
					page.Items[i].Seq, page.Items[i].Chain = 0, nil // the store's to give
				}
				return page, err
			}, slices.DeleteFunc(slices.Clone(all), func(e store.AuditEvent) bool { return !selects(f, e) }))
		})
	}
}

// selects reports whether a filter selects an event.
func selects(f store.AuditFilter, e store.AuditEvent) bool {
	return (f.ActorID == "" || e.ActorID == f.ActorID) && (f.TargetID == "" || e.Target.ID == f.TargetID) &&
		(f.About == "" || e.Target.ID == f.About || e.Target.Owner == f.About || e.ActorID == f.About) &&
		(f.Action == "" || e.Action == f.Action) && (f.Result == "" || e.Result == f.Result) &&
		!e.At.Before(f.From) && (f.Until.IsZero() || e.At.Before(f.Until))
}

func testAuditErase(t *testing.T, s store.Store) {
	events := make([]store.AuditEvent, 6)
	for i := range events {
		events[i] = newEvent()
	}
	events[0].Target.ID, events[2].ActorID, events[3].Target.ID, events[3].ActorID = "usr_2", "usr_2", "usr_2", "usr_2"
	events[4].Target.Owner = "usr_2"
	for _, i := range []int{0, 2, 3} {
		events[i].Target.Owner = ""
	}
	must(t, s.AuditInsert(t.Context(), events, plainLink))
	sequence(t, s)
	all := placed(store.AuditHead{}, events...)
	parts := 1
	for got(s.AuditErase(t.Context(), "usr_2", 1))(t) == 1 {
		parts++
	}
	want(t, parts, 5)
	for _, i := range []int{0, 2, 3, 4} {
		all[i].Detail = nil
	}
	want(t, trail(t, s, 0), all)
	want(t, got(s.AuditErase(t.Context(), "usr_1", 9))(t), 2)
	want(t, got(s.AuditErase(t.Context(), "usr_1", 9))(t), 0)
}

func testAuditPurge(t *testing.T, s store.Store) {
	events := make([]store.AuditEvent, 7)
	for i := range events {
		events[i] = newEvent()
	}
	must(t, s.AuditInsert(t.Context(), events, plainLink))
	sequence(t, s)
	all := placed(store.AuditHead{}, events...)
	for _, seq := range []int64{3, 5, 6} {
		must(t, s.AuditAnchorPut(t.Context(), store.AuditAnchor{Kind: store.AuditMark, Seq: seq}))
	}
	must(t, s.AuditAnchorPut(t.Context(), store.AuditAnchor{Kind: store.AuditStart, Seq: 2}))
	want(t, got(s.AuditPurge(t.Context(), 5, 2))(t), 2)
	want(t, trail(t, s, 0), all[2:])
	want(t, got(s.AuditPurge(t.Context(), 5, 9))(t), 3)
	want(t, got(s.AuditPurge(t.Context(), 5, 9))(t), 0)
	want(t, trail(t, s, 0), all[5:])
	want(t, len(got(s.AuditAnchors(t.Context(), store.AuditMark, 99, 9))(t)), 2)
	want(t, len(got(s.AuditAnchors(t.Context(), store.AuditStart, 99, 9))(t)), 0)

	// The next event goes on where the trail ended, also when nothing is left.
	want(t, got(s.AuditPurge(t.Context(), 7, 9))(t), 2)
	next := newEvent()
	must(t, s.AuditInsert(t.Context(), []store.AuditEvent{next}, plainLink))
	sequence(t, s)
	want(t, trail(t, s, 0), placed(store.AuditHead{Seq: 7, Chain: all[6].Chain}, next))
}

func testAuditAnchors(t *testing.T, s store.Store) {
	anchor := func(kind store.AuditAnchorKind, seq int64) store.AuditAnchor {
		return store.AuditAnchor{Kind: kind, Seq: seq, Chain: []byte{1, 0, byte(seq)}, At: moment(int(seq)), KeyID: "k1", MAC: []byte{2, 0}}
	}
	for _, a := range []store.AuditAnchor{anchor(store.AuditMark, 1), anchor(store.AuditStart, 2), anchor(store.AuditMark, 3), anchor(store.AuditMark, 2)} {
		must(t, s.AuditAnchorPut(t.Context(), a))
	}
	must(t, s.AuditAnchorPut(t.Context(), store.AuditAnchor{Kind: store.AuditMark, Seq: 3})) // is there
	kept := func(kind store.AuditAnchorKind, seqs ...int64) (all []store.AuditAnchor) {
		for _, seq := range seqs {
			a := anchor(kind, seq)
			a.At = kept(a.At)
			all = append(all, a)
		}
		return all
	}
	want(t, got(s.AuditAnchors(t.Context(), store.AuditMark, 99, 9))(t), kept(store.AuditMark, 3, 2, 1))
	want(t, got(s.AuditAnchors(t.Context(), store.AuditMark, 3, 1))(t), kept(store.AuditMark, 2))
	want(t, got(s.AuditAnchors(t.Context(), store.AuditStart, 99, 9))(t), kept(store.AuditStart, 2))
}
