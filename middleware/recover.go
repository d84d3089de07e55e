package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// Recover turns a panic of a handler into a 500 problem and logs the panic
// with its stack, which no client sees. Once something has been answered, a
// second answer would be read as part of the first: then the connection is
// aborted, by panicking with http.ErrAbortHandler, so that the client sees a
// broken answer and not a short one. http.ErrAbortHandler itself is passed on
// unlogged, as net/http means it. A nil logger discards.
func Recover(logger *slog.Logger) func(http.Handler) http.Handler {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := record(w)
			defer func() {
				if v := recover(); v != nil {
					recovered(logger, rec, r, v)
				}
			}()
			next.ServeHTTP(rec, r)
		})
	}
}

// recovered answers for a panic with value v. It runs inside the deferred
// call, where the stack still shows who panicked.
func recovered(logger *slog.Logger, rec *recorder, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	logger.LogAttrs(r.Context(), slog.LevelError, "a handler panicked",
		slog.String("panic", fmt.Sprint(v)),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.String("request_id", RequestID(r.Context())),
		slog.String("stack", string(debug.Stack())),
	)
	switch {
	case rec.hijacked: // whoever hijacked the connection closes it
	case rec.started():
		panic(http.ErrAbortHandler)
	default:
		problem.Write(rec, r, store.Errorf(store.ErrInternal, "The request could not be completed because of a fault on our side."))
	}
}
