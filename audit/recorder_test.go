package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
)

func TestRecordedEventsAreStored(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	for i := range 40 {
		trail.Record(failedSignIn(fmt.Sprintf("192.0.2.%d", i)))
	}
	if err := trail.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	events := m.stored()
	if len(events) != 40 {
		t.Fatalf("%d events", len(events))
	}
	for i, e := range events {
		if e.Detail.IP != fmt.Sprintf("192.0.2.%d", i) || e.Count != 1 || !e.At.Equal(noon) || e.Result != store.Failed || !trail.Check(e) {
			t.Errorf("event %d: %+v", i, e)
		}
	}
}

// Nothing needs a Flush: the events arrive by themselves.
func TestRecordedEventsNeedNoFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(memory)
		trail := newTrail(t, m)
		trail.Record(failedSignIn("192.0.2.1"))
		synctest.Wait()
		if n := len(m.stored()); n != 1 {
			t.Errorf("%d events", n)
		}
		_ = trail.Close()
	})
}

// A flood of one address and action is 60 events and one with the count of the
// rest; another address, and the next minute, have 60 of their own.
func TestAFloodBecomesACount(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	next := failedSignIn("192.0.2.1")
	next.At = noon.Add(time.Minute)
	for range 500 {
		trail.Record(failedSignIn("192.0.2.1"))
	}
	trail.Record(failedSignIn("192.0.2.2"))
	trail.Record(next)
	if err := trail.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	type row struct {
		ip    string
		at    time.Time
		count int64
	}
	got := map[row]int{}
	for _, e := range m.stored() {
		got[row{e.Detail.IP, e.At, e.Count}]++
	}
	want := map[row]int{
		{"192.0.2.1", noon, 1}:                     audit.CrowdFrom,
		{"192.0.2.1", noon, 500 - audit.CrowdFrom}: 1,
		{"192.0.2.2", noon, 1}:                     1,
		{"192.0.2.1", noon.Add(time.Minute), 1}:    1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The count of a flood is told within a minute, also when nothing follows it.
func TestAFloodIsToldWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(memory)
		trail := newTrail(t, m)
		for range audit.CrowdFrom + 5 {
			trail.Record(failedSignIn("192.0.2.1"))
		}
		synctest.Wait()
		if n := len(m.stored()); n != audit.CrowdFrom {
			t.Errorf("%d events at once", n)
		}
		<-time.After(time.Minute + time.Second)
		synctest.Wait()
		if events := m.stored(); len(events) != audit.CrowdFrom+1 || events[audit.CrowdFrom].Count != 5 {
			t.Errorf("%d events after a minute", len(events))
		}
		_ = trail.Close()
	})
}

// A flood from addresses without number keeps to a bounded table, and no event
// goes uncounted.
func TestManyAddressesAreBounded(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	total := audit.CrowdSize + 300
	for i := range total {
		trail.Record(failedSignIn(fmt.Sprintf("2001:db8:%x::1", i)))
		if i%500 == 0 {
			if err := trail.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := trail.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, e := range m.stored() {
		sum += e.Count
	}
	if sum != int64(total) || len(m.stored()) != audit.CrowdSize+audit.CrowdFrom+1 {
		t.Errorf("%d events that stand for %d", len(m.stored()), sum)
	}
}

// While the database is away events wait, up to a bound; the rest is counted and
// logged. Record returns at once all the while.
func TestCase_L2_RecordSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{err: store.ErrUnavailable}
		var log bytes.Buffer
		trail := newTrail(t, m, func(c *audit.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		trail.Record(failedSignIn("192.0.2.1"))
		synctest.Wait() // it is taken, and waits
		for i := range audit.QueueSize + 7 {
			trail.Record(failedSignIn(fmt.Sprintf("2001:db8:%x::1", i)))
		}
		if err := trail.Flush(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Flush: %v", err)
		}
		m.fail(nil)
		<-time.After(2 * time.Second)
		synctest.Wait()
		if n := len(m.stored()); n != audit.QueueSize+1 {
			t.Errorf("%d events after the outage", n)
		}
		_ = trail.Close()
		if !strings.Contains(log.String(), "count=7") || strings.Count(log.String(), "cannot be stored") != 1 {
			t.Errorf("the log says %s", log.String())
		}
	})
}

// A commit whose answer was lost is not repeated for ever.
func TestCase_L2_ACommitThatLostItsAnswer(t *testing.T) {
	t.Parallel()
	m := &memory{err: store.ErrConflict}
	trail := newTrail(t, m)
	trail.Record(failedSignIn("192.0.2.1"))
	if err := trail.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCase_L1_CloseStoresWhatIsQueued(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	for range audit.CrowdFrom + 10 {
		trail.Record(failedSignIn("192.0.2.1"))
	}
	if err := errors.Join(trail.Close(), trail.Close()); err != nil {
		t.Fatal(err)
	}
	if n := len(m.stored()); n != audit.CrowdFrom+1 {
		t.Errorf("%d events", n)
	}
	trail.Record(failedSignIn("192.0.2.1"))
	if err := trail.Flush(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Flush after Close: %v", err)
	}
}

func TestCloseSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	trail := newTrail(t, &memory{err: store.ErrUnavailable})
	trail.Record(failedSignIn("192.0.2.1"))
	if err := trail.Close(); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "1 event") {
		t.Error(err)
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	t.Parallel()
	m := &memory{entered: make(chan struct{}), gate: make(chan struct{})}
	trail := newTrail(t, m)
	trail.Record(failedSignIn("192.0.2.1"))
	<-m.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := trail.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	m.gate <- struct{}{}
}

// Record from everywhere, Flush and Close at once: nothing is stored twice, and
// what was flushed is there.
func TestRecordConcurrently(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 20 {
				trail.Record(failedSignIn(fmt.Sprintf("2001:db8:%x::%x", g, i)))
			}
			if err := trail.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, e := range m.stored() {
		seen[e.ID] = true
	}
	if len(m.stored()) != 320 || len(seen) != 320 {
		t.Errorf("%d events, %d ids", len(m.stored()), len(seen))
	}
}
