package bench_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/usermgmt/usermgmt/bench"
	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
)

// sink is a store that takes everything and keeps nothing.
type sink struct{ store.Base }

func (sink) MessageAppend(_ context.Context, batch []store.Message) ([]store.Message, error) {
	return batch, nil
}

type principalKey struct{}

// BenchmarkEnqueue is what logging adds to a request, beside the least that
// handing a principal to a handler costs.
func BenchmarkEnqueue(b *testing.B) {
	b.Run(bench.Floor, func(b *testing.B) {
		b.ReportAllocs()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		next := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for b.Loop() {
			next.ServeHTTP(nil, r.WithContext(context.WithValue(r.Context(), principalKey{}, b)))
		}
	})
	b.Run("Enqueue", func(b *testing.B) {
		log := messagelog.New(messagelog.Config{Store: sink{}, BatchSize: 5000, MemoryLimit: 1 << 30})
		defer log.Close()
		m := bench.Messages(1, 200)[0]
		b.ReportAllocs()
		for i := 1; b.Loop(); i++ {
			if i%2000 == 0 { // storing is no part of a request
				b.StopTimer()
				if err := log.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			if err := log.Enqueue(b.Context(), m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The message log's measurements run, or there is nothing to compare.
func TestMessagesAreMeasured(t *testing.T) {
	folder := t.TempDir()
	messages := bench.Messages(300, 200)
	if _, err := bench.EnqueueAll(t.Context(), folder, messages, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := bench.AppendAll(t.Context(), folder, messages, 8); err != nil {
		t.Fatal(err)
	}
	engine, err := bench.OpenEngine(t.Context(), folder, messages)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"bare", "message_logs"} {
		if _, err := engine.CopyAll(t.Context(), table); err != nil {
			t.Error(err)
		}
	}
	if err := engine.Close(); err != nil {
		t.Error(err)
	}
}
