package messagelog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
)

// unnamed are n messages without ids, of one conversation.
func unnamed(n int) []store.Message {
	all := make([]store.Message, n)
	for i := range all {
		all[i] = chat()
	}
	return all
}

// busy is a store that takes nothing.
func busy([]store.Message) error { return errBusy }

// slow is a store that takes 10 ms for each transaction.
type slow struct{ *faulty }

func (s slow) MessageAppend(ctx context.Context, batch []store.Message) ([]store.Message, error) {
	<-time.After(10 * time.Millisecond)
	return s.faulty.MessageAppend(ctx, batch)
}

// A set that found no room left nothing behind, so that giving it again stores
// it once although its messages have no ids.
func TestASetIsTakenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	const size = 30
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s, BatchSize: 10, MemoryLimit: 40 * 1024})
		s.set(busy)
		accepted := 0
		for {
			_, err := log.EnqueueAll(t.Context(), unnamed(size))
			if err == nil {
				accepted++
				continue
			}
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatal(err)
			}
			break
		}
		if stats := log.Stats(); accepted == 0 || stats.Waiting != accepted*size || stats.Refused != size {
			t.Errorf("%d sets of %d were accepted: %+v", accepted, size, stats)
		}
		s.set(nil)
		if _, err := log.EnqueueAll(t.Context(), unnamed(size)); err != nil {
			t.Error(err)
		}
		mustClose(t, log)
		if n := len(s.stored); n != (accepted+1)*size {
			t.Errorf("%d messages were stored of %d sets of %d", n, accepted+1, size)
		}
	})
}

// Whoever gives up in the line leaves nothing behind either, and lets those
// behind him in.
func TestASetThatGivesUpLeavesTheLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{}
		log := messagelog.New(messagelog.Config{Store: s, Window: 10, MaxWait: time.Hour})
		s.set(busy)
		enqueue(t, log, 0, 5)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var calls sync.WaitGroup
		calls.Go(func() {
			if _, err := log.EnqueueAll(impatient, unnamed(6)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a set without room: %v", err)
			}
		})
		synctest.Wait()
		calls.Go(func() {
			if err := log.Enqueue(t.Context(), numbered(5)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if n := log.Stats().Waiting; n != 5 {
			t.Errorf("%d were taken while a set waited for room, want 5", n)
		}
		calls.Wait()
		s.set(nil)
		mustClose(t, log)
		s.wantOnce(t, 6)
	})
}

// A set that needs all of the room gets it, however many single messages come
// meanwhile.
func TestALargeSetIsNotOvertakenForEver(t *testing.T) {
	t.Parallel()
	const window = 20
	synctest.Test(t, func(t *testing.T) {
		log := messagelog.New(messagelog.Config{Store: slow{&faulty{}}, Window: window})
		ctx, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		for range 50 {
			calls.Go(func() {
				for ctx.Err() == nil {
					if err := log.Enqueue(ctx, chat()); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
		<-time.After(time.Second)
		for _, size := range []int{window, window + 1} {
			if _, err := log.EnqueueAll(t.Context(), unnamed(size)); err != nil {
				t.Errorf("a set of %d, with a window of %d: %v", size, window, err)
			}
			if n := log.Stats().Waiting; n > window {
				t.Errorf("%d are in memory, want at most %d", n, window)
			}
		}
		cancel()
		calls.Wait()
		mustClose(t, log)
	})
}

// A set that is larger than the window is stored when it was answered, after
// what was taken before it, or not at all.
func TestASetBeyondTheWindowIsStoredAtOnce(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	log := messagelog.New(messagelog.Config{Store: s, Window: 10, MaxWait: 500 * time.Millisecond})
	t.Cleanup(func() { log.Close() })
	first, large := unnamed(5), unnamed(25)
	for i := range first {
		first[i].ID = fmt.Sprint("first-", i)
	}
	if _, err := log.EnqueueAll(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	taken, err := log.EnqueueAll(t.Context(), large)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range slices.Concat(first, taken) {
		if stored, err := log.Get(t.Context(), m.UserID, m.ID); err != nil || stored.Seq != int64(i+1) {
			t.Errorf("message %d has the seq %d, %v", i, stored.Seq, err)
		}
	}

	s.fail(errBusy)
	if _, err := log.EnqueueAll(t.Context(), unnamed(25)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("with a store that fails: %v", err)
	}
	if err := log.Enqueue(t.Context(), chat()); err != nil {
		t.Fatal(err)
	}
	if _, err := log.EnqueueAll(t.Context(), unnamed(25)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("behind one that cannot be stored: %v", err)
	}
	if n := log.Stats().Waiting; n != 1 {
		t.Errorf("%d wait, want the one", n)
	}
	s.fail(nil)
	mustClose(t, log)
	list, err := log.List(t.Context(), store.MessageFilter{}, store.Page{Limit: store.MaxLimit})
	if err != nil || len(list.Items) != 31 {
		t.Errorf("%d are stored, %v; want 31", len(list.Items), err)
	}
}

// Flush waits for what was taken before, and not for those who go on.
func TestFlushEndsUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := messagelog.New(messagelog.Config{Store: slow{&faulty{}}, Window: 10})
		ctx, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		for range 30 {
			calls.Go(func() {
				for ctx.Err() == nil {
					log.Enqueue(ctx, chat())
				}
			})
		}
		<-time.After(time.Second)
		patient, done := context.WithTimeout(t.Context(), time.Second)
		defer done()
		if err := log.Flush(patient); err != nil {
			t.Errorf("Flush = %v", err)
		}
		cancel()
		calls.Wait()
		mustClose(t, log)
	})
}
