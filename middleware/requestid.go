package middleware

import (
	"context"
	"net/http"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/internal/problem"
)

// maxRequestID is the longest incoming request id that is kept.
const maxRequestID = 128

// requestIDField is the header in the form in which http.Header keeps it, which
// saves making it on each request.
var requestIDField = http.CanonicalHeaderKey(problem.RequestIDHeader)

// AssignRequestID gives every request an id: a well-formed incoming X-Request-ID
// is kept, so that a proxy's id runs through all logs; any other is replaced
// by a new one. The id stands on the answer before next runs. Read it with
// [RequestID].
//
// An id is well-formed when it has 1 to 128 of A-Z a-z 0-9 . _ - and no more
// than one header carries it. It is a label chosen by whoever sent it, never
// a proof of anything.
func AssignRequestID() func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := incomingRequestID(r.Header)
			if id == "" {
				id = ids.New(ids.Request)
			}
			r, x := withExchange(r)
			x.setRequestID(id)
			w.Header()[requestIDField] = []string{id}
			next.ServeHTTP(w, r)
		})
	}
}

// RequestID returns the id that [AssignRequestID] gave the request, or "".
func RequestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.facts().requestID
	}
	return ""
}

func incomingRequestID(h http.Header) string {
	values := h[requestIDField]
	if len(values) != 1 || !isRequestID(values[0]) {
		return ""
	}
	return values[0]
}

func isRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
