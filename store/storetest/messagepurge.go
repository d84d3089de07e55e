package storetest

import (
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

func testMessagePurge(t *testing.T, open Opener) {
	run := func(name string, fn func(t *testing.T, s store.Store, all []store.Message)) {
		t.Run("MessagePurge/"+name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			fn(t, s, appendAges(t, s))
		})
	}
	purge := func(t *testing.T, s store.Store, p store.MessagePurge, n int) {
		t.Helper()
		p.Before = moment(6)
		want(t, got(s.MessagePurge(t.Context(), p))(t), n)
	}
	stored := func(t *testing.T, s store.Store) []store.Message {
		t.Helper()
		p := store.Page{Sort: store.OldestFirst, Limit: store.MaxLimit}
		return got(s.MessageList(t.Context(), store.MessageFilter{}, p))(t).Items
	}
	old := func(m store.Message) bool { return m.CreatedAt.Before(kept(moment(6))) }
	without := func(all []store.Message, gone func(store.Message) bool) []store.Message {
		return slices.DeleteFunc(slices.Clone(all), gone)
	}
	emptied := func(all []store.Message, which func(store.Message) bool) []store.Message {
		out := slices.Clone(all)
		for i := range out {
			if which(out[i]) {
				out[i].Request, out[i].Response = nil, nil
			}
		}
		return out
	}

	run("EveryPlan", func(t *testing.T, s store.Store, all []store.Message) {
		purge(t, s, store.MessagePurge{Limit: 100}, 6)
		want(t, stored(t, s), without(all, old))
		purge(t, s, store.MessagePurge{Limit: 100}, 0)
	})
	run("OfOnePlan", func(t *testing.T, s store.Store, all []store.Message) {
		free := func(m store.Message) bool { return old(m) && m.Plan == "free" }
		purge(t, s, store.MessagePurge{Plan: "free", Limit: 100}, 3)
		want(t, stored(t, s), without(all, free))
		purge(t, s, store.MessagePurge{Plan: "none", Limit: 100}, 0)
	})
	run("TextLeavesTheFigures", func(t *testing.T, s store.Store, all []store.Message) {
		free := func(m store.Message) bool { return old(m) && m.Plan == "free" }
		purge(t, s, store.MessagePurge{Plan: "free", TextOnly: true, Limit: 100}, 3)
		want(t, stored(t, s), emptied(all, free))
		purge(t, s, store.MessagePurge{Plan: "free", TextOnly: true, Limit: 100}, 0)
		purge(t, s, store.MessagePurge{TextOnly: true, Limit: 100}, 3)
		want(t, stored(t, s), emptied(all, old))
	})
	run("WithAndWithoutTextGoAlike", func(t *testing.T, s store.Store, all []store.Message) {
		purge(t, s, store.MessagePurge{Plan: "free", TextOnly: true, Limit: 1}, 1)
		purge(t, s, store.MessagePurge{Plan: "free", Limit: 2}, 2)
		purge(t, s, store.MessagePurge{Plan: "free", Limit: 2}, 1)
		want(t, stored(t, s), without(all, func(m store.Message) bool { return old(m) && m.Plan == "free" }))
	})
	run("Limit", func(t *testing.T, s store.Store, all []store.Message) {
		purge(t, s, store.MessagePurge{TextOnly: true, Limit: 4}, 4)
		purge(t, s, store.MessagePurge{TextOnly: true, Limit: 4}, 2)
		purge(t, s, store.MessagePurge{Limit: 4}, 4)
		purge(t, s, store.MessagePurge{Limit: 4}, 2)
		want(t, stored(t, s), without(all, old))
	})
	run("SeqGoesOn", func(t *testing.T, s store.Store, all []store.Message) {
		must(t, drop(s.MessagePurge(t.Context(), store.MessagePurge{Before: moment(9999), Limit: 100})))
		next := newMessage(all[0].UserID, all[0].ConversationID)
		want(t, got(s.MessageAppend(t.Context(), []store.Message{next}))(t), []store.Message{appended(next, int64(len(all)+1))})
	})
}

// appendAges stores messages of one conversation, a second apart, of two plans
// in turn, and returns them as they are stored.
func appendAges(t *testing.T, s store.Store) []store.Message {
	t.Helper()
	user := newID("usr_")
	batch := make([]store.Message, 10)
	for i := range batch {
		batch[i] = newMessage(user, "con_1")
		batch[i].CreatedAt, batch[i].Plan = moment(i), []string{"free", "pro"}[i%2]
	}
	return got(s.MessageAppend(t.Context(), batch))(t)
}
