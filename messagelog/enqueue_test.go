package messagelog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
)

// faulty is a store in memory that keeps order, and fails as told.
type faulty struct {
	store.Base
	mu      sync.Mutex
	stored  []store.Message
	sizes   []int // of the batches that were stored
	at      []time.Time
	windows map[string]store.MessageWindow
	fail    func(batch []store.Message) error // nil means that all is well
}

func (s *faulty) MessageAppend(_ context.Context, batch []store.Message) ([]store.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(batch); err != nil {
			return nil, err
		}
	}
	s.stored = append(s.stored, batch...)
	s.sizes = append(s.sizes, len(batch))
	s.at = append(s.at, time.Now())
	return batch, nil
}

func (s *faulty) MessageWindowPut(_ context.Context, w store.MessageWindow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.windows == nil {
		s.windows = map[string]store.MessageWindow{}
	}
	s.windows[w.ID] = w
	if w.Rows == 0 {
		delete(s.windows, w.ID)
	}
	return nil
}

func (s *faulty) MessageWindowTake(_ context.Context, now time.Time) (left []store.MessageWindow, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, w := range s.windows {
		if w.Until.Before(now) {
			left = append(left, w)
			delete(s.windows, id)
		}
	}
	return left, nil
}

// set replaces how the store fails.
func (s *faulty) set(fail func([]store.Message) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func (s *faulty) ids() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]int{}
	for _, m := range s.stored {
		seen[m.ID]++
	}
	return seen
}

// wantOnce fails the test unless the messages 0 to n-1 were stored, each once.
func (s *faulty) wantOnce(t *testing.T, n int) {
	t.Helper()
	seen := s.ids()
	for i := range n {
		if c := seen[fmt.Sprint("m-", i)]; c != 1 {
			t.Fatalf("message %d was stored %d times", i, c)
		}
	}
	if len(seen) != n {
		t.Fatalf("%d messages were stored, want %d", len(seen), n)
	}
}

func numbered(i int) store.Message {
	m := chat()
	m.ID = fmt.Sprint("m-", i)
	return m
}

func enqueue(t *testing.T, log *messagelog.Log, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := log.Enqueue(t.Context(), numbered(i)); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

func mustClose(t *testing.T, log *messagelog.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

var errBusy = store.Unavailable(errors.New("the disk is full"))

func TestCase_L1_CloseFlushesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s})
		enqueue(t, log, 0, 1234)
		mustClose(t, log)
		s.wantOnce(t, 1234)
		if err := log.Enqueue(t.Context(), chat()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Enqueue after Close: %v", err)
		}
		if len(s.windows) != 0 {
			t.Error("the window is still open after Close")
		}
	})
}

// A batch leaves the queue when it is committed, whatever happens before.
func TestCase_L2_RemovedOnlyAfterTheCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s, Window: 2000})
		s.set(func([]store.Message) error {
			switch rand.N(4) {
			case 0:
				return errBusy
			case 1:
				return context.Canceled
			case 2:
				panic("the driver broke")
			}
			return nil
		})
		for i := range 20 {
			enqueue(t, log, 100*i, 100*i+100)
			<-time.After(time.Second) // of the bubble's time
		}
		s.set(nil)
		mustClose(t, log)
		seen := s.ids()
		dropped := int(log.Stats().Dropped)
		if len(seen)+dropped != 2000 {
			t.Errorf("%d stored and %d counted as dropped, want 2000 in all", len(seen), dropped)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was stored %d times", id, n)
			}
		}
	})
}

func TestCase_L3_APanicDoesNotEndTheFlusher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s})
		once := true
		s.set(func([]store.Message) error {
			if once {
				once = false
				panic("the driver broke")
			}
			return nil
		})
		enqueue(t, log, 0, 10)
		<-time.After(time.Second)
		s.wantOnce(t, 10)
		if stats := log.Stats(); stats.Failures != 1 || stats.Failing != nil {
			t.Errorf("Stats = %+v, want one failure that is over", stats)
		}
		mustClose(t, log)
	})
}

// A store that fails is seen by the host, keeps the batch, and pushes back when
// the window is full.
func TestCase_L4_AFailingStoreSurfaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s, BatchSize: 10, MaxWait: 300 * time.Millisecond, MemoryLimit: 40 * 1024})
		s.set(func([]store.Message) error { return errBusy })
		accepted := 0
		for ; ; accepted++ {
			began := time.Now()
			err := log.Enqueue(t.Context(), numbered(accepted))
			if err == nil {
				continue
			}
			if waited := time.Since(began); !errors.Is(err, store.ErrUnavailable) || waited != 300*time.Millisecond {
				t.Fatalf("a full queue answers %v after %v", err, waited)
			}
			break
		}
		if err := log.Check(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Check = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := log.Enqueue(ctx, chat()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Enqueue with an impatient caller: %v", err)
		}
		if stats := log.Stats(); stats.Refused != 2 || stats.Waiting != accepted || stats.Failures == 0 || stats.Bytes > 40*1024 {
			t.Errorf("Stats = %+v with %d accepted", stats, accepted)
		}
		s.set(nil)
		<-time.After(10 * time.Second)
		s.wantOnce(t, accepted)
		if err := log.Check(t.Context()); err != nil {
			t.Errorf("Check = %v after the recovery", err)
		}
		mustClose(t, log)
	})
}

// Under steady traffic the oldest message waits no longer than the interval.
func TestCase_L5_TheAgeOfTheOldestIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s})
		for i := range 100 {
			enqueue(t, log, i, i+1)
			<-time.After(100 * time.Millisecond)
		}
		mustClose(t, log)
		s.wantOnce(t, 100)
		i := 0
		for n, size := range s.sizes {
			oldest := s.stored[i]
			if age := s.at[n].Sub(oldest.CreatedAt); age > 251*time.Millisecond {
				t.Errorf("batch %d: the oldest is %v old", n, age)
			}
			i += size
		}
	})
}

func TestFlushStoresAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s})
		enqueue(t, log, 0, 20)
		began := time.Now()
		if err := log.Flush(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("Flush = %v after %v", err, time.Since(began))
		}
		s.wantOnce(t, 20)
		s.set(func([]store.Message) error { return errBusy })
		enqueue(t, log, 20, 21)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := log.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush with a store that fails: %v", err)
		}
		s.set(nil)
		mustClose(t, log)
		s.wantOnce(t, 21)
	})
}

func TestABatchIsStoredByCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s})
		enqueue(t, log, 0, 1)
		<-time.After(time.Second)
		began := time.Now()
		enqueue(t, log, 1, 501)
		synctest.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("500 messages waited %v", took)
		}
		s.wantOnce(t, 501)
		mustClose(t, log)
	})
}

// One message that cannot be stored is dropped and counted; the others go.
func TestAPoisonedRowNeverStopsTheOthers(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]func(){
		"Conflict": nil,
		"Panic":    func() { panic("this one") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &faulty{}
				log := messagelog.New(messagelog.Config{Store: s})
				s.set(func(batch []store.Message) error {
					for _, m := range batch {
						if m.ID == "m-77" && poison != nil {
							poison()
						}
						if m.ID == "m-77" {
							return store.ErrConflict
						}
					}
					return nil
				})
				enqueue(t, log, 0, 300)
				malformed := chat()
				malformed.Request = []byte("no JSON")
				if err := log.Enqueue(t.Context(), malformed); err != nil {
					t.Error(err)
				}
				enqueue(t, log, 300, 400)
				<-time.After(time.Minute)
				if n, stats := len(s.ids()), log.Stats(); n != 399 || stats.Dropped != 2 || stats.Waiting != 0 {
					t.Errorf("%d stored, Stats = %+v", n, stats)
				}
				last := -1
				for _, m := range s.stored {
					var i int
					fmt.Sscanf(m.ID, "m-%d", &i)
					if i < last {
						t.Fatalf("message %d was stored after %d", i, last)
					}
					last = i
				}
				mustClose(t, log)
			})
		})
	}
}

func TestEnqueueChecksWhatItCan(t *testing.T) {
	t.Parallel()
	log := messagelog.New(messagelog.Config{Store: &faulty{}})
	defer log.Close()
	large := chat()
	large.Metadata = make([]byte, messagelog.MaxSize)
	for name, m := range map[string]store.Message{"nobody's": {}, "too large": large} {
		if err := log.Enqueue(t.Context(), m); !errors.Is(err, store.ErrValidation) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Close gives up on a store that takes nothing, and says how many were lost.
func TestCloseGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s})
		s.set(func([]store.Message) error { return errBusy })
		enqueue(t, log, 0, 7)
		began := time.Now()
		err := log.Close()
		if err == nil || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Close = %v", err)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("Close took %v", took)
		}
		if len(s.windows) != 1 {
			t.Error("the window was closed although messages were lost")
		}
	})
}

// Close waits for a store that is back in time.
func TestCloseHasPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s, ClosePatience: 9 * time.Second})
		s.set(func([]store.Message) error { return errBusy })
		enqueue(t, log, 0, 7)
		back := time.AfterFunc(8*time.Second, func() { s.set(nil) })
		defer back.Stop()
		mustClose(t, log)
		s.wantOnce(t, 7)
	})
}

// A killed process's window is reported once, by whoever starts after it, and a
// live process's never.
func TestCase_AU_08_TheNextStartReportsAnUpperBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		live := messagelog.New(messagelog.Config{Store: s})
		enqueue(t, live, 0, 1)
		s.MessageWindowPut(t.Context(), store.MessageWindow{ID: "killed", Rows: 123, Until: time.Now().Add(10 * time.Second)})
		next := messagelog.New(messagelog.Config{Store: s})
		for i := range 60 {
			enqueue(t, live, i+1, i+2)
			<-time.After(time.Second)
		}
		if a, b := live.Stats().Lost, next.Stats().Lost; a+b != 123 {
			t.Errorf("%d and %d were reported, want 123 once", a, b)
		}
		later := messagelog.New(messagelog.Config{Store: s})
		<-time.After(time.Minute)
		if n := later.Stats().Lost; n != 0 {
			t.Errorf("%d were reported again", n)
		}
		for _, log := range []*messagelog.Log{live, next, later} {
			mustClose(t, log)
		}
	})
}

// At no moment does memory hold more than is written down.
func TestTheWindowIsWrittenAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s, BatchSize: 5})
		var taken atomic.Int64
		s.set(func(batch []store.Message) error {
			waiting, written := 0, 0
			for _, w := range s.windows {
				written += w.Rows
			}
			waiting = int(taken.Load()) - len(s.stored)
			if waiting > written {
				t.Errorf("%d messages are in memory, %d are written down", waiting, written)
			}
			return nil
		})
		var callers sync.WaitGroup
		for c := range 50 {
			callers.Go(func() {
				for i := range 40 {
					if err := log.Enqueue(t.Context(), numbered(40*c+i)); err != nil {
						t.Error(err)
					}
					taken.Add(1)
				}
			})
		}
		callers.Wait()
		mustClose(t, log)
		s.wantOnce(t, 2000)
	})
}

func TestEnqueueAllocatesAtMostOnce(t *testing.T) {
	log := messagelog.New(messagelog.Config{Store: &faulty{}, BatchSize: 1 << 20, Window: 1 << 20})
	defer log.Close()
	m := chat()
	for range 100 {
		if err := log.Enqueue(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	allocs := testing.AllocsPerRun(2000, func() {
		if err := log.Enqueue(t.Context(), m); err != nil {
			t.Error(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations", allocs)
	}
}

// A log that is never idle finds out too what a killed process left.
func TestCase_AU_08_ABusyLogReportsWhatAKillLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		left := store.MessageWindow{ID: "killed", Rows: 123, Until: time.Now().Add(10 * time.Second)}
		if err := s.MessageWindowPut(t.Context(), left); err != nil {
			t.Fatal(err)
		}
		log := messagelog.New(messagelog.Config{Store: s})
		for i := range 60 {
			enqueue(t, log, i, i+1)
			<-time.After(time.Second)
		}
		if lost := log.Stats().Lost; lost != 123 {
			t.Errorf("after a minute %d are reported as lost, want 123", lost)
		}
		mustClose(t, log)
	})
}
