package storetest

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// newEvent makes an event with every field set.
func newEvent() store.AuditEvent {
	return store.AuditEvent{
		ID: newID("aud_"), At: moment(0), ActorKind: store.ActorAdmin, ActorID: "adm_1", OnBehalfOf: "usr_9",
		Action: "user.update", Target: store.Target{Kind: "user", ID: "usr_1"}, Result: store.OK, RequestID: "r1",
		Count: 3, DetailHash: []byte{1, 0, 2}, KeyID: "k1", MAC: []byte{3, 4},
		Detail: &store.AuditDetail{Salt: []byte{5, 0}, ActorName: "root", IP: "192.0.2.1", Reason: "asked",
			Changes: json.RawMessage(`{"plan":{"from":"free","to":"pro"}}`)},
	}
}

func testAudit(t *testing.T, open Opener) {
	t.Run("AuditInsert/StoresWhatItIsGiven", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		full, bare := newEvent(), store.AuditEvent{ID: newID("aud_"), At: moment(1), Count: 1}
		must(t, s.AuditInsert(t.Context(), nil))
		must(t, s.AuditInsert(t.Context(), []store.AuditEvent{full, bare}))
		items := got(s.AuditList(t.Context(), store.AuditFilter{}, store.Page{Sort: store.OldestFirst}))(t).Items
		full.At, bare.At = kept(full.At), kept(bare.At)
		if len(items) == 2 {
			full.Seq, bare.Seq = items[0].Seq, items[1].Seq
		}
		want(t, items, []store.AuditEvent{full, bare})
	})
	t.Run("AuditInsert/DuplicateWritesNothing", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		first := newEvent()
		must(t, s.AuditInsert(t.Context(), []store.AuditEvent{first}))
		wantError(t, s.AuditInsert(t.Context(), []store.AuditEvent{newEvent(), first}), store.ErrConflict)
		want(t, len(got(s.AuditList(t.Context(), store.AuditFilter{}, store.Page{}))(t).Items), 1)
	})
	t.Run("AuditList/Filters", func(t *testing.T) {
		t.Parallel()
		testAuditFilters(t, open(t))
	})
}

func testAuditFilters(t *testing.T, s store.Store) {
	var all []store.AuditEvent
	for i := range 12 {
		e := newEvent()
		e.ActorID = []string{"adm_1", "adm_2"}[i%2]
		e.Target.ID = []string{"usr_1", "usr_2", "usr_3"}[i%3]
		e.Action = []string{"user.update", "user.delete"}[i/6]
		e.At = moment(i / 4)
		must(t, s.AuditInsert(t.Context(), []store.AuditEvent{e}))
		e.At = kept(e.At)
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b store.AuditEvent) int { return byPosition(a.At, a.ID, b.At, b.ID) })
	for name, f := range map[string]store.AuditFilter{
		"None":           {},
		"Actor":          {ActorID: "adm_2"},
		"Target":         {TargetID: "usr_3"},
		"Action":         {Action: "user.delete"},
		"ActorAndTarget": {ActorID: "adm_1", TargetID: "usr_1"},
		"All":            {ActorID: "adm_1", TargetID: "usr_1", Action: "user.update"},
		"NothingMatches": {Action: "user.purge"},
	} {
		t.Run(name, func(t *testing.T) {
			testPaging(t, func(ctx context.Context, p store.Page) (store.List[store.AuditEvent], error) {
				page, err := s.AuditList(ctx, f, p)
				for i := range page.Items {
					page.Items[i].Seq = 0 // the store's to assign
				}
				return page, err
			}, slices.DeleteFunc(slices.Clone(all), func(e store.AuditEvent) bool {
				return f.ActorID != "" && e.ActorID != f.ActorID || f.TargetID != "" && e.Target.ID != f.TargetID ||
					f.Action != "" && e.Action != f.Action
			}))
		})
	}
}
