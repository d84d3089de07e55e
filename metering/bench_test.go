package metering_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// A durable lease, alone and among many callers of as many users.
func BenchmarkReserve(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, daily(store.Unlimited))
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for i := range callers {
				wg.Go(func() {
					p := ann
					p.Subject = fmt.Sprint("usr_", i)
					for left.Add(-1) >= 0 {
						if _, _, err := s.Reserve(b.Context(), p, metering.Conversations, 1, time.Minute); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
