package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// counted is a store that counts the look-ups of credentials.
type counted struct {
	store.Store
	lookups atomic.Int64
}

func (c *counted) SessionWithUser(ctx context.Context, id string) (store.Session, store.User, error) {
	c.lookups.Add(1)
	return c.Store.SessionWithUser(ctx, id)
}

func (c *counted) APIKeyWithUser(ctx context.Context, hash [32]byte) (store.APIKey, store.User, error) {
	c.lookups.Add(1)
	return c.Store.APIKeyWithUser(ctx, hash)
}

// Misses has many callers show each of the credentials at the same time to a
// verifier that knows none, and returns how many look-ups there were for a
// credential. A wrong credential may be refused, and counts like a good one.
func (h *House) Misses(ctx context.Context, credentials []string, callers int) float64 {
	s := &counted{Store: h.store}
	v := h.verifier(s, h.eddsa, rememberUpTo)
	for _, credential := range credentials {
		var group sync.WaitGroup
		start := make(chan struct{})
		for range callers {
			group.Go(func() {
				<-start
				_, _ = v.Verify(ctx, credential, at, time.Now())
			})
		}
		close(start)
		group.Wait()
	}
	return float64(s.lookups.Load()) / float64(len(credentials))
}
