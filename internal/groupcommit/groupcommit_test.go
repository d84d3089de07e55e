package groupcommit_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/internal/groupcommit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a commit function that keeps what it was given. While gate is
// set, each batch waits for a token from it before it is stored.
type recorder struct {
	mu      sync.Mutex
	batches [][]int
	gate    chan struct{}
	fail    func(batch []int) error
}

func (r *recorder) commit(ctx context.Context, batch []int) ([]int, error) {
	if r.gate != nil {
		select {
		case <-r.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if r.fail != nil {
		if err := r.fail(batch); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, slices.Clone(batch))
	outs := make([]int, len(batch))
	for i, item := range batch {
		outs[i] = item * 10
	}
	return outs, nil
}

// stored returns the items that were committed, in order.
func (r *recorder) stored() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(slices.Concat(r.batches...)))
}

type verdict struct {
	out int
	err error
}

// submit calls Do in a goroutine of its own; synctest.Wait tells when it is in.
func submit(ctx context.Context, c *groupcommit.Committer[int, int], item int) <-chan verdict {
	ch := make(chan verdict, 1)
	go func() {
		out, err := c.Do(ctx, item)
		ch <- verdict{out, err}
	}()
	return ch
}

// blocked starts a committer whose first batch, item 0, is being committed.
func blocked(t *testing.T, opts groupcommit.Options, r *recorder) (*groupcommit.Committer[int, int], <-chan verdict) {
	t.Helper()
	r.gate = make(chan struct{})
	c := groupcommit.New(opts, r.commit)
	first := submit(t.Context(), c, 0)
	synctest.Wait()
	return c, first
}

func TestEveryCallerGetsItsOwnVerdict(t *testing.T) {
	t.Parallel()
	var r recorder
	c := groupcommit.New(groupcommit.Options{MaxBatch: 16}, r.commit)
	defer c.Close()

	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			if out, err := c.Do(t.Context(), i); out != i*10 || err != nil {
				t.Errorf("Do(%d) = %d, %v; want %d", i, out, err, i*10)
			}
		})
	}
	wg.Wait()
	for i, item := range r.stored() {
		if i != item {
			t.Fatalf("item %d is missing or was stored twice", i)
		}
	}
	for _, batch := range r.batches {
		if len(batch) > 16 {
			t.Errorf("a batch of %d, want at most 16", len(batch))
		}
	}
}

func TestWhatQueuesDuringACommitIsTheNextBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c, _ := blocked(t, groupcommit.Options{MaxBatch: 3}, &r)
		for i := 1; i <= 5; i++ {
			submit(t.Context(), c, i)
			synctest.Wait()
		}
		close(r.gate)
		c.Close()

		want := [][]int{{0}, {1, 2, 3}, {4, 5}}
		if !slices.EqualFunc(r.batches, want, slices.Equal) {
			t.Errorf("batches are %v, want %v", r.batches, want)
		}
	})
}

func TestCommitsNeverOverlap(t *testing.T) {
	t.Parallel()
	var running atomic.Int32
	c := groupcommit.New(groupcommit.Options{MaxBatch: 4}, func(_ context.Context, batch []int) ([]int, error) {
		if running.Add(1) > 1 {
			t.Error("two commits at once")
		}
		defer running.Add(-1)
		return batch, nil
	})
	defer c.Close()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { c.Do(t.Context(), i) })
	}
	wg.Wait()
}

func TestCallerThatGivesUpInTheQueueIsWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c, first := blocked(t, groupcommit.Options{}, &r)
		ctx, cancel := context.WithCancel(t.Context())
		second := submit(ctx, c, 2)
		third := submit(t.Context(), c, 3)
		synctest.Wait()

		cancel()
		if v := <-second; !errors.Is(v.err, context.Canceled) {
			t.Errorf("the cancelled caller got %v, want context.Canceled", v.err)
		}
		close(r.gate)
		<-first
		if v := <-third; v != (verdict{30, nil}) {
			t.Errorf("the caller behind it got %v", v)
		}
		c.Close()
		if got := r.stored(); !slices.Equal(got, []int{0, 3}) {
			t.Errorf("stored %v, want [0 3]", got)
		}
	})
}

// Once a commit may have stored the item, "cancelled" could be a lie.
func TestCallerThatGivesUpDuringItsCommitGetsTheVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := recorder{gate: make(chan struct{})}
		c := groupcommit.New(groupcommit.Options{}, r.commit)
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		only := submit(ctx, c, 7)
		synctest.Wait()

		cancel()
		synctest.Wait()
		select {
		case v := <-only:
			t.Fatalf("Do returned %v before the verdict", v)
		default:
		}
		close(r.gate)
		if v := <-only; v != (verdict{70, nil}) {
			t.Errorf("Do = %v, want the verdict 70", v)
		}
	})
}

// The batch of the rows consists of callers with the deadlines; 0 is none.
func TestBatchEndsAtTheLatestDeadline(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		timeout time.Duration
		patient []time.Duration
		want    time.Duration
	}{
		{"default", 0, []time.Duration{0}, 5 * time.Second},
		{"configured", time.Second, []time.Duration{0}, time.Second},
		{"a lone member's", 0, []time.Duration{2 * time.Second}, 2 * time.Second},
		{"the most patient member's", 0, []time.Duration{3 * time.Second, 4 * time.Second, time.Second}, 4 * time.Second},
		{"one member without", 0, []time.Duration{time.Second, 0}, 5 * time.Second},
		{"members more patient than the batch may be", time.Second, []time.Duration{time.Minute}, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				c, first := blocked(t, groupcommit.Options{Timeout: row.timeout}, &r)
				defer c.Close()
				var waits []<-chan verdict
				for i, d := range row.patient {
					ctx := t.Context()
					if d > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, d)
						defer cancel()
					}
					waits = append(waits, submit(ctx, c, i+1))
				}
				synctest.Wait()
				r.gate <- struct{}{}
				<-first

				began := time.Now()
				for _, wait := range waits {
					if v := <-wait; !errors.Is(v.err, context.DeadlineExceeded) {
						t.Errorf("verdict is %v, want context.DeadlineExceeded", v)
					}
				}
				if took := time.Since(began); took != row.want {
					t.Errorf("the batch ended after %v, want %v", took, row.want)
				}
			})
		})
	}
}

// Callers whose deadline passes while their batch is committed must not make it
// fail for those who wait longer.
func TestHurriedMembersDoNotSinkTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := groupcommit.New(groupcommit.Options{}, func(ctx context.Context, batch []int) ([]int, error) {
			select {
			case <-time.After(time.Second):
				return batch, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		defer c.Close()
		first := submit(t.Context(), c, 0)
		synctest.Wait()
		hurried, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		one, two := submit(hurried, c, 1), submit(t.Context(), c, 2)
		<-first
		if v := <-two; v != (verdict{2, nil}) {
			t.Errorf("the patient member got %v", v)
		}
		if v := <-one; v != (verdict{1, nil}) {
			t.Errorf("the hurried member got %v, want what happened", v)
		}
	})
}

// A hang-up of one member must not take the others' transaction away.
func TestBatchContextIsNobodysOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c, _ := blocked(t, groupcommit.Options{}, &r)
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		one, two := submit(ctx, c, 1), submit(t.Context(), c, 2)
		synctest.Wait()
		r.gate <- struct{}{} // item 0 is stored, 1 and 2 are being committed
		synctest.Wait()
		cancel()
		close(r.gate)
		if v := <-one; v != (verdict{10, nil}) {
			t.Errorf("the member that hung up got %v", v)
		}
		if v := <-two; v != (verdict{20, nil}) {
			t.Errorf("the other member got %v", v)
		}
	})
}

func TestPoisonedMembersDoNotSinkTheOthers(t *testing.T) {
	t.Parallel()
	errPoison := errors.New("poison")
	for _, row := range []struct {
		name string
		fail func([]int) error
	}{
		{"error", func(batch []int) error {
			if slices.Contains(batch, 13) || slices.Contains(batch, 14) {
				return errPoison
			}
			return nil
		}},
		{"panic", func(batch []int) error {
			if slices.Contains(batch, 13) || slices.Contains(batch, 14) {
				panic("poison")
			}
			return nil
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder{fail: row.fail}
				c, _ := blocked(t, groupcommit.Options{}, &r)
				waits := map[int]<-chan verdict{}
				for i := 1; i <= 20; i++ {
					waits[i] = submit(t.Context(), c, i)
				}
				synctest.Wait()
				close(r.gate)

				for i, wait := range waits {
					v := <-wait
					if bad := i == 13 || i == 14; bad != (v.err != nil) || !bad && v.out != i*10 {
						t.Errorf("item %d got %v", i, v)
					}
				}
				if out, err := c.Do(t.Context(), 99); out != 990 || err != nil {
					t.Errorf("afterwards Do = %d, %v", out, err)
				}
				c.Close()
				if n := len(r.stored()); n != 20 {
					t.Errorf("%d items stored, want 20: 0 to 20 without two, and 99", n)
				}
			})
		})
	}
}

func TestSharedErrorGoesToAllAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		errAway := errors.New("away")
		var commits atomic.Int32
		r := recorder{fail: func(batch []int) error {
			if len(batch) == 1 {
				return nil
			}
			commits.Add(1)
			return errAway
		}}
		c, _ := blocked(t, groupcommit.Options{
			Shared: func(err error) bool { return errors.Is(err, errAway) },
		}, &r)
		defer c.Close()
		one, two := submit(t.Context(), c, 1), submit(t.Context(), c, 2)
		synctest.Wait()
		close(r.gate)
		for _, wait := range []<-chan verdict{one, two} {
			if v := <-wait; !errors.Is(v.err, errAway) {
				t.Errorf("verdict is %v, want the shared error", v)
			}
		}
		if n := commits.Load(); n != 1 {
			t.Errorf("%d commits of the batch, want 1", n)
		}
	})
}

// A commit that stored its batch and miscounts must not be asked to store it
// again.
func TestWrongNumberOfResults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var commits atomic.Int32
		c := groupcommit.New(groupcommit.Options{}, func(context.Context, []int) ([]int, error) {
			commits.Add(1)
			return nil, nil
		})
		defer c.Close()
		if _, err := c.Do(t.Context(), 1); err == nil {
			t.Error("Do gave a verdict that commit never did")
		}
		if n := commits.Load(); n != 1 {
			t.Errorf("%d commits, want 1", n)
		}
	})
}

func TestCloseDrainsAndRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		errEnded := errors.New("ended")
		var r recorder
		c, first := blocked(t, groupcommit.Options{Closed: errEnded}, &r)
		second := submit(t.Context(), c, 2)
		synctest.Wait()

		closed := make(chan error, 2)
		go func() { closed <- c.Close() }()
		go func() { closed <- c.Close() }()
		synctest.Wait()
		if _, err := c.Do(t.Context(), 3); !errors.Is(err, errEnded) {
			t.Errorf("Do after Close = %v, want the configured error", err)
		}
		select {
		case <-closed:
			t.Error("Close returned while items were under way")
		default:
		}

		close(r.gate)
		for range 2 {
			if err := <-closed; err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		if v := <-first; v != (verdict{0, nil}) {
			t.Errorf("the item being committed got %v", v)
		}
		if v := <-second; v != (verdict{20, nil}) {
			t.Errorf("the queued item got %v", v)
		}
		if err := c.Close(); err != nil {
			t.Errorf("a later Close = %v", err)
		}
	})
}

func TestEndedContextIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	var r recorder
	c := groupcommit.New(groupcommit.Options{}, r.commit)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want context.Canceled", err)
	}
	c.Close()
	if _, err := c.Do(t.Context(), 1); !errors.Is(err, groupcommit.ErrClosed) {
		t.Errorf("Do after Close = %v, want ErrClosed", err)
	}
	if got := r.stored(); len(got) != 0 {
		t.Errorf("stored %v, want nothing", got)
	}
}

// Callers that come, give up and close at random get either a verdict that is
// true or an error that is.
func TestNoVerdictLies(t *testing.T) {
	t.Parallel()
	var r recorder
	c := groupcommit.New(groupcommit.Options{MaxBatch: 8}, r.commit)
	var mu sync.Mutex
	var said []int
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if i%3 == 0 {
				go cancel()
			} else {
				defer cancel()
			}
			if i == 400 {
				go c.Close()
			}
			if _, err := c.Do(ctx, i); err == nil {
				mu.Lock()
				said = append(said, i)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	c.Close()
	slices.Sort(said)
	if !slices.Equal(said, r.stored()) {
		t.Errorf("callers were told of %d items, %d were stored", len(said), len(r.stored()))
	}
}
