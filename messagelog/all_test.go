package messagelog_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
)

// both are the two ways of giving many messages.
func both(t *testing.T, l *messagelog.Log) map[string]func([]store.Message) ([]store.Message, error) {
	return map[string]func([]store.Message) ([]store.Message, error){
		"AppendAll":  func(all []store.Message) ([]store.Message, error) { return l.AppendAll(t.Context(), all) },
		"EnqueueAll": func(all []store.Message) ([]store.Message, error) { return l.EnqueueAll(t.Context(), all) },
	}
}

func TestManyMessagesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	l := open(t, s)
	for name, give := range both(t, l) {
		all := make([]store.Message, 300)
		for i := range all {
			all[i] = store.Message{ID: fmt.Sprintf("%s.%03d", name, i), UserID: "usr_1", ConversationID: name, Plan: "free"}
		}
		for range 2 { // again is harmless
			given, err := give(all)
			if err != nil || len(given) != len(all) || given[0].ID != all[0].ID || given[0].Status != "ok" {
				t.Fatalf("%s: %d, %v", name, len(given), err)
			}
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i, m := range all {
			if stored, err := l.Get(t.Context(), "usr_1", m.ID); err != nil || stored.Seq != int64(i+1) {
				t.Fatalf("%s: message %d has the seq %d, %v", name, i, stored.Seq, err)
			}
		}
	}
}

// One that is not well-formed is named by its place, and none is taken.
func TestManyMessagesAreCheckedFirst(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	l := open(t, s)
	for name, give := range both(t, l) {
		_, err := give([]store.Message{{ID: "good", UserID: "usr_1", Plan: "free"}, {UserID: ""}, {UserID: "usr_1", TokensIn: -1}})
		e, ok := errors.AsType[*store.Error](err)
		if !ok || e.Code != store.ErrValidation || len(e.Fields) != 2 || e.Fields[0].Field != "[1].user_id" || e.Fields[1].Field != "[2].tokens_in" {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Get(t.Context(), "usr_1", "good"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the good one: %v", name, err)
		}
	}
}

func TestManyMessagesAreAllStoredOrNone(t *testing.T) {
	t.Parallel()
	l := open(t, openStore(t, t.TempDir()))
	if _, err := l.AppendAll(t.Context(), []store.Message{{ID: "m1", UserID: "usr_2", Plan: "free"}}); err != nil {
		t.Fatal(err)
	}
	_, err := l.AppendAll(t.Context(), []store.Message{{ID: "m0", UserID: "usr_1", Plan: "free"}, {ID: "m1", UserID: "usr_1", Plan: "free"}})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("the id of another's: %v", err)
	}
	if _, err := l.Get(t.Context(), "usr_1", "m0"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the other of the set: %v", err)
	}
}

func TestManyMessagesAfterClose(t *testing.T) {
	t.Parallel()
	l := open(t, openStore(t, t.TempDir()))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for name, give := range both(t, l) {
		if _, err := give([]store.Message{{UserID: "usr_1", Plan: "free"}}); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
