package middleware

import (
	"io"
	"net/http"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// NotFound replaces the text that an http.ServeMux answers for a path or
// method it does not know with a problem document: 404 not_found, or 405
// method_not_allowed with the mux's Allow. It stands directly around the mux.
// What a handler answers itself is left alone, also when it is a 404: what is
// replaced has the mux's very words, and no pattern was found for the request.
func NotFound() func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := &muxAnswer{recorder: record(w), request: r}
			next.ServeHTTP(a, r)
			a.letGo()
		})
	}
}

// muxWords are the whole bodies that a mux answers.
var muxWords = map[int]string{
	http.StatusNotFound:         "404 page not found\n",
	http.StatusMethodNotAllowed: http.StatusText(http.StatusMethodNotAllowed) + "\n",
}

// muxAnswer is a ResponseWriter that puts a problem in place of the mux's own
// answer. It holds back the header of what may be one until it sees the body.
type muxAnswer struct {
	*recorder
	request *http.Request
	held    int // the status that is held back, or 0
}

func (a *muxAnswer) WriteHeader(status int) {
	if a.held == 0 && !a.started() && a.mayBeMux(status) {
		a.held = status
		return
	}
	a.letGo()
	a.recorder.WriteHeader(status)
}

// mayBeMux reports whether the answer about to be written may be the mux's own.
// The mux has set the pattern of this very request by now.
func (a *muxAnswer) mayBeMux(status int) bool {
	return muxWords[status] != "" && a.request.Pattern == "" &&
		a.Header().Get("Content-Type") == "text/plain; charset=utf-8"
}

func (a *muxAnswer) Write(p []byte) (int, error) {
	if a.held == 0 || string(p) != muxWords[a.held] {
		a.letGo()
		return a.recorder.Write(p)
	}
	err := store.Errorf(store.ErrNotFound, "There is nothing at this path.")
	if a.held == http.StatusMethodNotAllowed {
		err = store.Errorf(store.ErrMethodNotAllowed, "This path does not take the method; see Allow.")
	}
	a.held = 0
	problem.Write(a.recorder, a.request, err)
	return len(p), nil
}

// letGo writes the header that was held back, if one was.
func (a *muxAnswer) letGo() {
	if a.held != 0 {
		status := a.held
		a.held = 0
		a.recorder.WriteHeader(status)
	}
}

func (a *muxAnswer) ReadFrom(src io.Reader) (int64, error) {
	a.letGo()
	return a.recorder.ReadFrom(src)
}

func (a *muxAnswer) Flush() { _ = a.FlushError() }

func (a *muxAnswer) FlushError() error {
	a.letGo()
	return a.recorder.FlushError()
}

func (a *muxAnswer) Unwrap() http.ResponseWriter { return a.recorder }
