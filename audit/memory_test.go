package audit_test

import (
	"context"
	"flag"
	"runtime"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
)

var verifyEvents = flag.Int("verify-events", 8_000, "how many events the trail has whose verification is measured")

// heapWatch looks at the heap before each page that is read.
type heapWatch struct {
	store.AuditStore
	pages      int
	live, peak uint64
}

func (w *heapWatch) AuditAfter(ctx context.Context, seq int64, limit int) ([]store.AuditEvent, error) {
	w.peak = max(w.peak, heap())
	if w.pages++; w.pages%16 == 0 {
		runtime.GC()
		w.live = max(w.live, heap())
	}
	return w.AuditStore.AuditAfter(ctx, seq, limit)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// However long the trail is, what Verify keeps of it is a page. (Not parallel,
// so that the heap is its own.)
func TestVerifyTakesTheMemoryOfAPage(t *testing.T) {
	l := openLedger(t)
	for left := *verifyEvents; left > 0; {
		l.must(l.db.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			for range min(left, 5000) {
				if err := l.Append(ctx, q, suspension()); err != nil {
					return err
				}
				left--
			}
			return nil
		}))
	}
	l.anchor()
	watch := &heapWatch{AuditStore: l.db}
	trail := l.trail(func(c *audit.Config) { c.Store = watch })
	runtime.GC()
	before, began := heap(), time.Now()
	v, err := trail.Verify(t.Context(), audit.VerifyOptions{})
	l.must(err)
	took := time.Since(began)
	if !v.Valid || v.Events != int64(*verifyEvents) {
		t.Fatalf("%+v %+v", v, v.FirstBad)
	}
	t.Logf("%d events in %v, %.0f a second; heap: %d KiB before, at most %d KiB alive and %d KiB with what was not collected yet",
		v.Events, took.Round(time.Millisecond), float64(v.Events)/took.Seconds(), before>>10, watch.live>>10, watch.peak>>10)
	if grown := int64(watch.live) - int64(before); grown > 3<<20 {
		t.Errorf("%d bytes are alive more than before", grown)
	}
}
