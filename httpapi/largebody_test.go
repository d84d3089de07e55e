package httpapi_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
)

// One body too many that is large waits, and gives up after a while; small ones
// do not wait at all.
func TestLargeBodiesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := httpapi.NewLargeBodies(1)
		long := strings.Repeat("x", httpapi.SmallBody+1)

		slow, rest := io.Pipe()
		var first []byte
		var leave func()
		go func() { first, leave, _ = bodies.Read(t.Context(), slow) }()
		_, _ = io.WriteString(rest, long)
		synctest.Wait()

		began := time.Now()
		data, done, err := bodies.Read(t.Context(), strings.NewReader("small"))
		if done(); err != nil || string(data) != "small" || time.Since(began) > 0 {
			t.Errorf("a small body: %q, %v after %v", data, err, time.Since(began))
		}
		_, done, err = bodies.Read(t.Context(), strings.NewReader(long))
		e, ok := errors.AsType[*store.Error](err)
		if done(); !ok || e.Code != store.ErrUnavailable || e.RetryAfter <= 0 || time.Since(began) != 5*time.Second {
			t.Errorf("a large body too many: %v after %v", err, time.Since(began))
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, done, err = bodies.Read(gone, strings.NewReader(long)); !errors.Is(err, context.Canceled) {
			t.Errorf("a large body of a client that is gone: %v", err)
		}
		done()

		waited := make(chan string)
		go func() {
			data, done, err := bodies.Read(t.Context(), strings.NewReader(long))
			if err != nil {
				t.Error(err)
			}
			waited <- string(data)
			done()
		}()
		synctest.Wait()
		rest.Close()
		synctest.Wait()
		if string(first) != long {
			t.Errorf("the slow body has %d bytes", len(first))
		}
		leave() // only now is its memory free
		if <-waited != long {
			t.Error("what waited was not read whole")
		}
	})
}
