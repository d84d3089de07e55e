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
	largeAtOnce   = 4
	largePatience = 5 * time.Second
)

// largeBodies are the buffers that bodies longer than smallBody are read into.
// So many of them are in memory at once: rates bound how often such bodies come,
// but not how many are under way. A nil one is no bound.
type largeBodies chan *bytes.Buffer

func newLargeBodies(n int) largeBodies {
	l := make(largeBodies, n)
	for range n {
		l <- new(bytes.Buffer)
	}
	return l
}

// read reads the whole of body. The caller calls done when it has no more need
// of data, which may stand in a buffer. A large body waits for one, with its
// beginning read; when it has waited too long, the error is
// store.ErrUnavailable.
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
	whole, err := l.take(ctx)
	if err != nil {
		return nil, done, err
	}
	whole.Grow(maxBody + bytes.MinRead) // once for all that it will be used for
	whole.Write(data)
	_, err = whole.ReadFrom(body)
	return whole.Bytes(), func() { l.give(whole) }, err
}

func (l largeBodies) take(ctx context.Context) (*bytes.Buffer, error) {
	patience := time.NewTimer(largePatience)
	defer patience.Stop()
	select {
	case buffer := <-l:
		return buffer, nil
	case <-ctx.Done():
		return nil, store.Unavailable(ctx.Err())
	case <-patience.C:
		return nil, &store.Error{
			Code:       store.ErrUnavailable,
			Detail:     "Too many large bodies are being read. Try again shortly.",
			RetryAfter: time.Second,
		}
	}
}

func (l largeBodies) give(buffer *bytes.Buffer) {
	buffer.Reset()
	l <- buffer
}
