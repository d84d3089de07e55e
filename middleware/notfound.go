package middleware

import (
	"net/http"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// NotFound replaces the text that an http.ServeMux answers for a path or
// method it does not know with a problem document: 404 not_found, or 405
// method_not_allowed with the mux's Allow. It stands directly around the mux.
// What a handler answers itself is left alone, also when it is a 404: a
// handler found by the mux has a pattern, and the mux's own answers have none
// and are plain text.
func NotFound() func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&muxAnswer{recorder: record(w), request: r}, r)
		})
	}
}

// muxAnswer is a ResponseWriter that puts a problem in place of the mux's own
// answer.
type muxAnswer struct {
	*recorder
	request  *http.Request
	replaced bool // the body that follows is the mux's, and is dropped
}

func (a *muxAnswer) WriteHeader(status int) {
	if a.started() || !a.isMux(status) {
		a.recorder.WriteHeader(status)
		return
	}
	a.replaced = true
	err := store.Errorf(store.ErrNotFound, "There is nothing at this path.")
	if status == http.StatusMethodNotAllowed {
		err = store.Errorf(store.ErrMethodNotAllowed, "This path does not take the method; see Allow.")
	}
	problem.Write(a.recorder, a.request, err)
}

// isMux reports whether the answer about to be written is the mux's own. The
// mux has set the pattern of this very request by now.
func (a *muxAnswer) isMux(status int) bool {
	return (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) &&
		a.request.Pattern == "" &&
		a.Header().Get("Content-Type") == "text/plain; charset=utf-8"
}

func (a *muxAnswer) Write(p []byte) (int, error) {
	if a.replaced {
		return len(p), nil
	}
	return a.recorder.Write(p)
}

func (a *muxAnswer) Unwrap() http.ResponseWriter { return a.recorder }
