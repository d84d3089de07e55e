package middleware

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// BodyLimit bounds request bodies to limit bytes, as [LimitBody] does, and
// answers what it refuses. It panics when limit is not positive.
func BodyLimit(limit int64) func(http.Handler) http.Handler {
	if limit <= 0 {
		panic(fmt.Sprintf("middleware.BodyLimit: the limit is %d", limit))
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := LimitBody(w, r, limit); err != nil {
				problem.Write(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// LimitBody bounds the body of r to limit bytes. A body that announces more is
// refused before a byte is read (ErrPayloadTooLarge); one that turns out
// longer fails to read with *http.MaxBytesError. A body with a
// Content-Encoding is refused (ErrUnsupportedMediaType), so that the limit
// holds for the bytes a handler sees and no archive can unfold behind it.
func LimitBody(w http.ResponseWriter, r *http.Request, limit int64) error {
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if encoding = strings.TrimSpace(encoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
			return store.Errorf(store.ErrUnsupportedMediaType, "Bodies are read as they are; send it without Content-Encoding.")
		}
	}
	if r.ContentLength > limit {
		return store.Errorf(store.ErrPayloadTooLarge, "The body is longer than the %d bytes this route takes.", limit)
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	return nil
}
