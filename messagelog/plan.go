package messagelog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	planKeptFor = time.Minute
	plansKept   = 4096
)

// plans remembers for a while which plan a user has.
type plans struct {
	of    func(ctx context.Context, userID string) (string, error)
	clock func() time.Time

	mu    sync.Mutex
	until time.Time
	known map[string]string
}

// get returns the plan that a message is stored under. A user who is not there
// has none.
func (p *plans) get(ctx context.Context, m store.Message) (string, error) {
	if m.Plan != "" || p.of == nil {
		return m.Plan, nil
	}
	if plan, ok := p.remembered(m.UserID); ok {
		return plan, nil
	}
	plan, err := p.of(ctx, m.UserID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[m.UserID] = plan
	return plan, nil
}

// remembered also forgets everything when it is old or has grown too large.
func (p *plans) remembered(userID string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.clock(); now.After(p.until) || len(p.known) >= plansKept {
		p.until, p.known = now.Add(planKeptFor), map[string]string{}
	}
	plan, ok := p.known[userID]
	return plan, ok
}
