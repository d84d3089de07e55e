package httpapi

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	smallBody     = 64 << 10 // what no sensible request is longer than
	largeAtOnce   = 8
	largePatience = 5 * time.Second
)

// largeBodies bounds how many bodies that are longer than smallBody are in
// memory at once: read and checked, each takes a few times its length, and rates
// bound how often they come but not how many are under way. A nil one is no
// bound.
type largeBodies chan struct{}

// read reads the whole of body. The caller calls done when it has no more need
// of data. A large one waits for its turn, with its beginning read; when it has
// waited too long, the error is store.ErrUnavailable.
func (l largeBodies) read(ctx context.Context, body io.Reader) (data []byte, done func(), err error) {
	done = func() {}
	if l == nil {
		data, err = io.ReadAll(body)
		return data, done, err
	}
	data, err = io.ReadAll(io.LimitReader(body, smallBody))
	if err != nil || len(data) < smallBody {
		return data, done, err
	}
	if err := l.enter(ctx); err != nil {
		return nil, done, err
	}
	whole := bytes.NewBuffer(data)
	_, err = whole.ReadFrom(body)
	return whole.Bytes(), func() { <-l }, err
}

func (l largeBodies) enter(ctx context.Context) error {
	patience := time.NewTimer(largePatience)
	defer patience.Stop()
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return store.Unavailable(ctx.Err())
	case <-patience.C:
		return &store.Error{
			Code:       store.ErrUnavailable,
			Detail:     "Too many large bodies are being read. Try again shortly.",
			RetryAfter: time.Second,
		}
	}
}
