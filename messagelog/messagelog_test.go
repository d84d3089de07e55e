package messagelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 29, 12, 0, 0, 123456789, time.UTC)

func clock() time.Time { return noon }

// tap is a store that counts transactions, and can be made to fail or to wait.
type tap struct {
	store.Store
	gate    chan struct{} // when set, an append waits for a token or its context
	fault   atomic.Pointer[error]
	batches atomic.Int64
}

// openStore opens the database of a folder.
func openStore(t *testing.T, folder string) *tap {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(folder, "usermgmt.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &tap{Store: db}
}

// fail makes appends fail with an error; nil ends that.
func (s *tap) fail(err error) {
	if err == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&err)
}

func (s *tap) MessageAppend(ctx context.Context, batch []store.Message) ([]store.Message, error) {
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.batches.Add(1)
	if err := s.fault.Load(); err != nil {
		return nil, *err
	}
	return s.Store.MessageAppend(ctx, batch)
}

func open(t *testing.T, s store.MessageStore) *messagelog.Log {
	t.Helper()
	log := messagelog.New(messagelog.Config{Store: s, Clock: clock})
	t.Cleanup(func() { log.Close() })
	return log
}

func chat() store.Message {
	return store.Message{
		ConversationID: "c1", UserID: "usr_1", Username: "ann", Model: "echo",
		Request:  json.RawMessage(`[{"role":"user","content":"<hi>"}]`),
		Response: json.RawMessage(`[{"role":"assistant","content":"hé"}]`),
		TokensIn: 3, TokensOut: 5, Cost: 7, Latency: 40 * time.Millisecond,
		Metadata: json.RawMessage(`{"a": [1, 2]}`),
	}
}

func TestAppendFillsInWhatWasLeftOut(t *testing.T) {
	t.Parallel()
	log := open(t, openStore(t, t.TempDir()))
	got, err := log.Append(t.Context(), chat())
	if err != nil {
		t.Fatal(err)
	}
	want := chat()
	want.ID, want.Seq, want.Status = got.ID, 1, "ok"
	want.CreatedAt = noon.Truncate(time.Microsecond)
	want.Metadata = json.RawMessage(`{"a":[1,2]}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored message (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(got.ID, "msg_") {
		t.Errorf("id is %q", got.ID)
	}
	read, err := log.Get(t.Context(), "usr_1", got.ID)
	if err != nil || !cmp.Equal(read, got) {
		t.Errorf("Get = %+v, %v", read, err)
	}
	if _, err := log.Get(t.Context(), "usr_2", got.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another user's Get = %v, want ErrNotFound", err)
	}

	bare, err := log.Append(t.Context(), store.Message{UserID: "usr_1"})
	if err != nil {
		t.Fatal(err)
	}
	if bare.ConversationID != bare.ID || string(bare.Request) != "[]" || string(bare.Response) != "[]" || string(bare.Metadata) != "{}" {
		t.Errorf("a bare message is stored as %+v", bare)
	}
}

func TestAppendingAnIDAgainIsHarmless(t *testing.T) {
	t.Parallel()
	log := open(t, openStore(t, t.TempDir()))
	m := chat()
	m.ID = "mine-1"
	first, err := log.Append(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	m.TokensOut = 99
	if again, err := log.Append(t.Context(), m); err != nil || !cmp.Equal(again, first) {
		t.Errorf("the repeat is %+v, %v; want the first", again, err)
	}
	m.UserID = "usr_2"
	if _, err := log.Append(t.Context(), m); !errors.Is(err, store.ErrConflict) {
		t.Errorf("another user's repeat = %v, want ErrConflict", err)
	}
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	const secret = "the-rejected-value"
	log := open(t, openStore(t, t.TempDir()))
	for field, spoil := range map[string]func(m *store.Message){
		"id":              func(m *store.Message) { m.ID = secret + " x" },
		"user_id":         func(m *store.Message) { m.UserID = "" },
		"conversation_id": func(m *store.Message) { m.ConversationID = secret + "\x00" },
		"username":        func(m *store.Message) { m.Username = secret + "\n" },
		"model":           func(m *store.Message) { m.Model = strings.Repeat(secret, 10) },
		"status":          func(m *store.Message) { m.Status = "\xff" + secret },
		"tokens_in":       func(m *store.Message) { m.TokensIn = -1 },
		"tokens_out":      func(m *store.Message) { m.TokensOut = store.MaxAmount + 1 },
		"cost":            func(m *store.Message) { m.Cost = -7 },
		"latency_ms":      func(m *store.Message) { m.Latency = -1 },
		"metadata":        func(m *store.Message) { m.Metadata = json.RawMessage(`["` + secret + `"]`) },
		"request":         func(m *store.Message) { m.Request = json.RawMessage(strings.Repeat(" ", messagelog.MaxSize)) },
		"response":        func(m *store.Message) { m.Response = json.RawMessage(`{"role":"` + secret + `"}`) },
	} {
		t.Run(field, func(t *testing.T) {
			m := chat()
			spoil(&m)
			_, err := log.Append(t.Context(), m)
			e, ok := errors.AsType[*store.Error](err)
			if !ok || e.Code != store.ErrValidation || len(e.Fields) != 1 || e.Fields[0].Field != field {
				t.Fatalf("Append = %v, want ErrValidation of %s", err, field)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error echoes the value: %v", err)
			}
		})
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	log := open(t, openStore(t, t.TempDir()))
	for raw, want := range map[string]string{
		"":                                       "[]",
		"[]":                                     "[]",
		` [ {"content":"b" , "role":"a"} ] `:     `[{"role":"a","content":"b"}]`,
		`[{"ROLE":"a","content":"b"}]`:           `[{"role":"a","content":"b"}]`,
		`[{"role":"a","role":"b","content":""}]`: `[{"role":"b","content":""}]`,
		"null":                                   "",
		`{}`:                                     "",
		`[null]`:                                 "",
		`["a"]`:                                  "",
		`[{"role":"a"}]`:                         "",
		`[{"role":"a","content":1}]`:             "",
		`[{"role":"a","content":null}]`:          "",
		`[{"role":"a","content":"b","x":1}]`:     "",
		`[] []`:                                  "",
		`[{"role":"a","content":"` + "\xff\"}]":  "",
		`[`:                                      "",
	} {
		m := chat()
		m.Request = json.RawMessage(raw)
		got, err := log.Append(t.Context(), m)
		if ok := err == nil; ok != (want != "") || ok && string(got.Request) != want {
			t.Errorf("%s is stored as %s, %v; want %s", raw, got.Request, err, want)
		}
	}
}

// echo is a store that takes everything and keeps nothing.
type echo struct{ store.Base }

func (echo) MessageAppend(_ context.Context, batch []store.Message) ([]store.Message, error) {
	return batch, nil
}

func FuzzAppend(f *testing.F) {
	f.Add(`[{"role":"a","content":"b"}]`, `{"a":1}`)
	f.Add("null", "[]")
	f.Fuzz(func(t *testing.T, turns, metadata string) {
		m := chat()
		m.Request, m.Metadata = json.RawMessage(turns), json.RawMessage(metadata)
		log := messagelog.New(messagelog.Config{Store: echo{}, Clock: clock})
		defer log.Close()
		first, err := log.Append(t.Context(), m)
		if err != nil {
			return
		}
		if !json.Valid(first.Request) || !json.Valid(first.Metadata) {
			t.Fatalf("stored %s and %s", first.Request, first.Metadata)
		}
		again := first
		again.ID = ""
		if second, err := log.Append(t.Context(), again); err != nil || string(second.Request) != string(first.Request) {
			t.Errorf("%s is not in its final form: %s, %v", first.Request, second.Request, err)
		}
	})
}

func TestCallersShareTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, t.TempDir())
		s.gate = make(chan struct{})
		log := messagelog.New(messagelog.Config{Store: s, Clock: clock})
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				m := chat()
				m.ID = fmt.Sprint("m-", i)
				if got, err := log.Append(t.Context(), m); err != nil || got.ID != m.ID {
					t.Errorf("Append = %+v, %v", got, err)
				}
			})
		}
		synctest.Wait()
		close(s.gate)
		wg.Wait()
		log.Close()
		if n := s.batches.Load(); n > 3 {
			t.Errorf("%d transactions for 100 messages at once", n)
		}
	})
}

// What was acknowledged is there after a restart, once, and the conversations
// have no gaps.
func TestCase_AU_07_WhatWasAcknowledgedIsThere(t *testing.T) {
	t.Parallel()
	const conversations, each = 8, 25
	folder := t.TempDir()
	log := open(t, openStore(t, folder))
	var wg sync.WaitGroup
	for i := range conversations * each {
		wg.Go(func() {
			m := chat()
			m.ConversationID = fmt.Sprint("c-", i%conversations)
			if _, err := log.Append(t.Context(), m); err != nil {
				t.Errorf("Append: %v", err)
			}
		})
	}
	wg.Wait()
	log.Close()

	after := open(t, openStore(t, folder))
	for i := range conversations {
		filter := store.MessageFilter{UserID: "usr_1", ConversationID: fmt.Sprint("c-", i)}
		list, err := after.List(t.Context(), filter, store.Page{Limit: store.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		var seqs []int64
		for _, m := range list.Items {
			seqs = append(seqs, m.Seq)
		}
		slices.Sort(seqs)
		if len(seqs) != each || seqs[0] != 1 || len(slices.Compact(seqs)) != each || seqs[each-1] != each {
			t.Errorf("conversation %d has the places %v, want 1 to %d", i, seqs, each)
		}
	}
}

func TestAHangUpDoesNotCancel(t *testing.T) {
	t.Parallel()
	log := open(t, openStore(t, t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := log.Append(ctx, chat())
	if err != nil {
		t.Fatalf("Append = %v", err)
	}
	if _, err := log.Get(t.Context(), "usr_1", got.ID); err != nil {
		t.Errorf("Get = %v", err)
	}
}

func TestAStoreThatHangsIsUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, t.TempDir())
		s.gate = make(chan struct{})
		log := messagelog.New(messagelog.Config{Store: s, Clock: clock})
		defer log.Close()
		began := time.Now()
		m, err := log.Append(t.Context(), chat())
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Append = %v, want ErrUnavailable", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v, want 5 s", took)
		}
		if m.ID == "" {
			t.Error("the message has no id to try again with")
		}
	})
}

func TestCase_L4_AFaultIsTheCallersToSee(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	s.fail(store.Unavailable(errors.New("disk full")))
	if _, err := open(t, s).Append(t.Context(), chat()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Append = %v, want ErrUnavailable", err)
	}
}

func TestCase_L1_CloseStoresWhatWasAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, t.TempDir())
		s.gate = make(chan struct{})
		log := messagelog.New(messagelog.Config{Store: s, Clock: clock})
		done := make(chan error, 1)
		go func() {
			_, err := log.Append(t.Context(), chat())
			done <- err
		}()
		synctest.Wait()
		go func() { s.gate <- struct{}{} }()
		if err := log.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("the accepted message: %v", err)
		}
		if _, err := log.Append(t.Context(), chat()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Append after Close = %v, want ErrClosed", err)
		}
	})
}
