package messagelog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
)

const day = 24 * time.Hour

// planned opens a log whose plans keep text and rows for so many days.
func planned(t *testing.T, s store.Store, retention time.Duration, plans ...store.Plan) *messagelog.Log {
	t.Helper()
	for _, p := range plans {
		if err := s.PlanInsert(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	log := messagelog.New(messagelog.Config{Store: s, Clock: clock, Plans: s, Retention: retention})
	t.Cleanup(func() { log.Close() })
	return log
}

// aged appends messages of a plan that are 0 to n-1 days old.
func aged(t *testing.T, log *messagelog.Log, plan string, n int) {
	t.Helper()
	for i := range n {
		m := chat()
		m.ID, m.Plan, m.CreatedAt = fmt.Sprintf("%s-%d", plan, i), plan, noon.Add(-time.Duration(i)*day-time.Hour)
		if _, err := log.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetainDropsTextBeforeTheRest(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	log := planned(t, s, 20*day,
		store.Plan{ID: "short", MessageTextRetention: 3 * day, MessageRetention: 6 * day},
		store.Plan{ID: "good"})
	for _, plan := range []string{"short", "good", "gone"} {
		aged(t, log, plan, 25)
	}
	for range 2 { // the second time there is nothing to do
		if err := log.Retain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for plan, want := range map[string]struct{ rows, texts int }{"short": {6, 3}, "good": {20, 20}, "gone": {20, 20}} {
		var rows, texts int
		for i := range 25 {
			m, err := log.Get(t.Context(), "usr_1", fmt.Sprintf("%s-%d", plan, i))
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil || m.TokensOut != 5 {
				t.Errorf("%s-%d is %+v, %v: its figures should stay", plan, i, m, err)
			}
			rows++
			if len(m.Request) > 0 {
				texts++
			}
		}
		if rows != want.rows || texts != want.texts {
			t.Errorf("plan %s has %d rows and %d texts, want %+v", plan, rows, texts, want)
		}
	}
}

// What is counted stands elsewhere, so deleting logs never deletes it.
func TestCase_L7_DeletingLogsKeepsTheUsage(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	log := planned(t, s, day)
	counter := store.Counter{Subject: "usr_1", Meter: "conversations", Window: store.Day, Start: noon.Truncate(day).AddDate(0, 0, -5)}
	if err := s.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{counter}, Amount: 7}}); err != nil {
		t.Fatal(err)
	}
	aged(t, log, "free", 6)
	if err := log.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	states, err := s.MeterUsage(t.Context(), []store.CounterLimit{{Counter: counter, Limit: 10}}, noon)
	if err != nil || states[0].Used != 7 {
		t.Errorf("usage is %+v, %v", states, err)
	}
	if left, err := log.List(t.Context(), store.MessageFilter{}, store.Page{}); err != nil || len(left.Items) != 1 {
		t.Errorf("%d messages are left, %v", len(left.Items), err)
	}
}

// Many rows go in many transactions, each of which is short.
func TestCase_L6_RetainDeletesInChunks(t *testing.T) {
	t.Parallel()
	s := &purging{left: 10_000}
	log := messagelog.New(messagelog.Config{Store: s, Retention: day})
	defer log.Close()
	if err := log.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.left != 0 || s.largest > 2000 || s.calls < 6 {
		t.Errorf("%d left after %d transactions, of at most %d", s.left, s.calls, s.largest)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.left = 10_000
	if err := log.Retain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Retain with a context that has ended: %v", err)
	}
}

// purging is a store that counts what it is to delete.
type purging struct {
	store.Base
	left, calls, largest int
}

func (s *purging) MessagePurge(_ context.Context, p store.MessagePurge) (int, error) {
	n := min(s.left, p.Limit)
	s.left -= n
	s.calls++
	s.largest = max(s.largest, p.Limit)
	return n, nil
}
