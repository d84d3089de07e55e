package storetest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// newMessage makes a message with every field set.
func newMessage(userID, conversation string) store.Message {
	return store.Message{
		ID: newID("msg_"), ConversationID: conversation, UserID: userID, Username: "name", Plan: "free", Model: "m-1",
		Request:  json.RawMessage(`[{"role":"user","content":"Grüße 'x' \u0000"}]`),
		Response: json.RawMessage(`[ {"role":"assistant","content":"1"} ]`),
		TokensIn: 12, TokensOut: 34, Cost: 56, Latency: 1234567 * time.Nanosecond, Status: "ok",
		Metadata: json.RawMessage(`{"a":1}`), CreatedAt: moment(0),
	}
}

// appended is m as it is stored with a seq.
func appended(m store.Message, seq int64) store.Message {
	m.Seq, m.CreatedAt = seq, kept(m.CreatedAt)
	return m
}

func testMessages(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, user, conversation string)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, newID("usr_"), newID("con_"))
		})
	}
	add := func(t *testing.T, batch ...store.Message) []store.Message {
		t.Helper()
		return got(s.MessageAppend(t.Context(), batch))(t)
	}

	run("MessageAppend/AssignsSeqInEachConversationOfEachUser", func(t *testing.T, user, conversation string) {
		other := newID("usr_")
		first, second := newMessage(user, conversation), newMessage(user, conversation)
		elsewhere, foreign := newMessage(user, newID("con_")), newMessage(other, conversation)
		want(t, add(t, first, elsewhere, second, foreign), []store.Message{
			appended(first, 1), appended(elsewhere, 1), appended(second, 2), appended(foreign, 1)})
		third := newMessage(user, conversation)
		want(t, add(t, third), []store.Message{appended(third, 3)})
		want(t, add(t), nil)
	})
	run("MessageAppend/RepeatIsHarmless", func(t *testing.T, user, conversation string) {
		m := newMessage(user, conversation)
		stored := add(t, m)
		m.Model, m.ConversationID = "other", newID("con_")
		want(t, add(t, m), stored)
		next := newMessage(user, conversation)
		want(t, add(t, next, next), []store.Message{appended(next, 2), appended(next, 2)})
		want(t, got(s.MessageGet(t.Context(), user, m.ID))(t), stored[0])
	})
	run("MessageAppend/IDOfAnotherUserIsConflictForTheWholeBatch", func(t *testing.T, user, conversation string) {
		foreign := newMessage(newID("usr_"), conversation)
		stored := add(t, foreign)
		m, stolen := newMessage(user, conversation), newMessage(user, conversation)
		stolen.ID = foreign.ID
		_, err := s.MessageAppend(t.Context(), []store.Message{m, stolen})
		wantError(t, err, store.ErrConflict)
		_, err = s.MessageGet(t.Context(), user, m.ID)
		wantError(t, err, store.ErrNotFound)
		want(t, got(s.MessageGet(t.Context(), foreign.UserID, foreign.ID))(t), stored[0])
		want(t, add(t, m), []store.Message{appended(m, 1)})
	})
	run("MessageAppend/SeqIsDenseUnderConcurrency", func(t *testing.T, user, conversation string) {
		var mu sync.Mutex
		var seqs []int64
		together(20, func(int) {
			batch := []store.Message{newMessage(user, conversation), newMessage(user, conversation)}
			out, err := s.MessageAppend(t.Context(), batch)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seqs = append(seqs, out[0].Seq, out[1].Seq)
		})
		slices.Sort(seqs)
		wanted := make([]int64, 40)
		for i := range wanted {
			wanted[i] = int64(i + 1)
		}
		want(t, seqs, wanted)
	})
	run("MessageGet/ZeroFieldsStayZero", func(t *testing.T, user, _ string) {
		m := store.Message{ID: newID("msg_"), UserID: user}
		want(t, add(t, m), []store.Message{appended(m, 1)})
		want(t, got(s.MessageGet(t.Context(), user, m.ID))(t), appended(m, 1))
	})
	run("MessageGet/OfAnotherUser", func(t *testing.T, user, conversation string) {
		m := newMessage(user, conversation)
		add(t, m)
		_, err := s.MessageGet(t.Context(), newID("usr_"), m.ID)
		wantError(t, err, store.ErrNotFound)
		_, err = s.MessageGet(t.Context(), user, newID("msg_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("MessageAppend/ABatchOfManyWithARepeat", func(t *testing.T, user, conversation string) {
		old := add(t, newMessage(user, conversation))[0]
		batch := make([]store.Message, 100)
		wanted := make([]store.Message, 100)
		for i := range batch {
			batch[i] = newMessage(user, conversation)
			wanted[i] = appended(batch[i], int64(i+2))
		}
		batch[99], wanted[99] = old, old
		want(t, add(t, batch...), wanted)
		next := newMessage(user, conversation)
		want(t, add(t, next), []store.Message{appended(next, 101)})
	})
	t.Run("MessageList/Filters", func(t *testing.T) {
		t.Parallel()
		testMessageFilters(t, open(t))
	})
	t.Run("MessageList/Bounds", func(t *testing.T) {
		t.Parallel()
		testListBounds(t, open(t))
	})
}

func testMessageFilters(t *testing.T, s store.Store) {
	var all []store.Message
	for i := range 12 {
		m := newMessage([]string{"usr_a", "usr_b"}[i%2], []string{"con_1", "con_2", "con_3"}[i%3])
		m.CreatedAt, m.Model = moment(i/4), []string{"m-1", "m-2"}[i/2%2]
		all = append(all, got(s.MessageAppend(t.Context(), []store.Message{m}))(t)...)
	}
	slices.SortFunc(all, func(a, b store.Message) int { return byPosition(a.CreatedAt, a.ID, b.CreatedAt, b.ID) })
	for name, f := range map[string]store.MessageFilter{
		"None":                {},
		"User":                {UserID: "usr_a"},
		"Conversation":        {ConversationID: "con_2"},
		"UserAndConversation": {UserID: "usr_b", ConversationID: "con_1"},
		"Model":               {Model: "m-2"},
		"UserAndModel":        {UserID: "usr_b", Model: "m-1"},
		"FromIsIn":            {From: moment(1)},
		"UntilIsOut":          {Until: moment(1)},
		"UserAndTimes":        {UserID: "usr_a", From: moment(1), Until: moment(2)},
		"NothingMatches":      {UserID: "usr_c"},
	} {
		t.Run(name, func(t *testing.T) {
			testPaging(t, func(ctx context.Context, p store.Page) (store.List[store.Message], error) {
				return s.MessageList(ctx, f, p)
			}, slices.DeleteFunc(slices.Clone(all), func(m store.Message) bool {
				return f.UserID != "" && m.UserID != f.UserID || f.ConversationID != "" && m.ConversationID != f.ConversationID ||
					f.Model != "" && m.Model != f.Model ||
					!f.From.IsZero() && m.CreatedAt.Before(kept(f.From)) || !f.Until.IsZero() && !m.CreatedAt.Before(kept(f.Until))
			}))
		})
	}
}

// testListBounds checks the sizes of pages and the cap of totals.
func testListBounds(t *testing.T, s store.Store) {
	const n = store.TotalCap + 1
	for range 11 {
		batch := make([]store.Message, n/11)
		for i := range batch {
			batch[i] = store.Message{ID: newID("msg_"), UserID: "usr_a", CreatedAt: moment(0)}
		}
		got(s.MessageAppend(t.Context(), batch))(t)
	}
	list := func(p store.Page) store.List[store.Message] {
		return got(s.MessageList(t.Context(), store.MessageFilter{}, p))(t)
	}
	want(t, len(list(store.Page{}).Items), store.DefaultLimit)
	want(t, len(list(store.Page{Limit: -1}).Items), store.DefaultLimit)
	want(t, len(list(store.Page{Limit: store.MaxLimit + 1}).Items), store.MaxLimit)
	total := list(store.Page{Limit: 1, Total: true})
	want(t, total.Total, n/11*11)
	want(t, total.Capped, false)

	rest := make([]store.Message, n-n/11*11)
	for i := range rest {
		rest[i] = store.Message{ID: newID("msg_"), UserID: "usr_a", CreatedAt: moment(0)}
	}
	got(s.MessageAppend(t.Context(), rest))(t)
	total = list(store.Page{Limit: 1, Total: true})
	want(t, total.Total, store.TotalCap)
	want(t, total.Capped, true)
}

func testMessageUsage(t *testing.T, open Opener) {
	t.Run("MessageUsage/SumsOfEachModel", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		user := newID("usr_")
		for i, model := range []string{"b", "a", "b", "c", "b", ""} {
			m := newMessage(user, newID("con_"))
			m.Model, m.TokensIn, m.TokensOut, m.Cost, m.CreatedAt = model, int64(i+1), 10, int64(100*i), moment(i)
			got(s.MessageAppend(t.Context(), []store.Message{m}))(t)
		}
		want(t, got(s.MessageUsage(t.Context(), moment(0), moment(9)))(t), []store.ModelUsage{
			{Model: "", Messages: 1, TokensIn: 6, TokensOut: 10, Cost: 500},
			{Model: "a", Messages: 1, TokensIn: 2, TokensOut: 10, Cost: 100},
			{Model: "b", Messages: 3, TokensIn: 9, TokensOut: 30, Cost: 600},
			{Model: "c", Messages: 1, TokensIn: 4, TokensOut: 10, Cost: 300},
		})
		want(t, got(s.MessageUsage(t.Context(), moment(2), moment(4)))(t), []store.ModelUsage{
			{Model: "b", Messages: 1, TokensIn: 3, TokensOut: 10, Cost: 200},
			{Model: "c", Messages: 1, TokensIn: 4, TokensOut: 10, Cost: 300},
		})
		got(s.MessagePurge(t.Context(), store.MessagePurge{TextOnly: true, Before: moment(9), Limit: 9}))(t)
		want(t, len(got(s.MessageUsage(t.Context(), moment(0), moment(9)))(t)), 4)
		want(t, got(s.MessageUsage(t.Context(), moment(9), moment(99)))(t), nil)
	})
	t.Run("MessageUsage/QT-05 SumsNeverWrap", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		var batch []store.Message
		for i := range 1100 {
			m := newMessage("usr_1", "con_1")
			m.Model, m.TokensIn, m.TokensOut, m.Cost = "a", store.MaxAmount, store.MaxAmount/1100, 0
			m.CreatedAt = moment(i % 9)
			batch = append(batch, m)
		}
		got(s.MessageAppend(t.Context(), batch))(t)
		want(t, got(s.MessageUsage(t.Context(), moment(0), moment(9)))(t), []store.ModelUsage{
			{Model: "a", Messages: 1100, TokensIn: store.MaxAmount, TokensOut: store.MaxAmount / 1100 * 1100},
		})
	})
}
