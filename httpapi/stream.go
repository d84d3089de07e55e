package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// streamer writes an answer, and perhaps reads a body, bit by bit. Its error is a
// problem while nothing was written; afterwards the connection is broken off, so
// that what the client has cannot be taken for the whole.
type streamer func(ctx context.Context, c *call, w http.ResponseWriter, r *http.Request) error

// stream stands between a request and the streamer of its operation.
type stream struct {
	api   *API
	kind  authn.Kind
	route route
	run   streamer
}

func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(r)
	out := &watched{ResponseWriter: w}
	err := s.api.admit(&c, s.kind, s.route, r.URL.Query())
	if err == nil {
		err = s.run(r.Context(), &c, out, r)
		s.api.recordRefusal(&c, s.route.action, err)
	}
	if err == nil {
		return
	}
	s.api.logFault(r.Context(), s.route.id, c.origin.RequestID, err)
	if out.written {
		panic(http.ErrAbortHandler)
	}
	w.Header().Del("Content-Disposition")
	problem.Write(w, r, oneNotFound(err))
}

// watched knows whether anything of an answer is out.
type watched struct {
	http.ResponseWriter
	written bool
}

// WriteHeader writes the status.
func (w *watched) WriteHeader(status int) {
	w.written = true
	w.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the body.
func (w *watched) Write(b []byte) (int, error) {
	w.written = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// handleStream adds an operation whose answer, in one of the media types, is a
// stream. takes is the media type of its body; "" means none.
func handleStream(r *router, rt route, takes string, answers []string, run streamer) {
	op, _ := describe[none, none](r, rt)
	any := func(types ...string) map[string]*huma.MediaType {
		content := make(map[string]*huma.MediaType)
		for _, t := range types {
			content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
		return content
	}
	op.Responses[strconv.Itoa(rt.status)].Content = any(answers...)
	if takes != "" {
		op.RequestBody = &huma.RequestBody{Required: true, Content: any(takes)}
		for status, codes := range refusals(r.kind, rt, true) {
			op.Responses[strconv.Itoa(status)] = refusal(r.api.schemas, status, codes)
		}
	}
	r.mount(op, rt, &stream{api: r.api, kind: r.kind, route: rt, run: run})
}

// The formats of an export and their media types.
const (
	mediaNDJSON = "application/x-ndjson"
	mediaCSV    = "text/csv"
)

// attach says that an answer is a file to be kept, in the format that the query
// asks for: ndjson, which is the default, or csv.
func attach(c *call, w http.ResponseWriter, name string) (format string, err error) {
	media := mediaNDJSON
	switch format = c.filters["format"]; format {
	case "", "ndjson":
		format = "ndjson"
	case "csv":
		media = mediaCSV + "; charset=utf-8"
	default:
		return "", store.Invalid("format", "enum", "The format must be ndjson or csv.")
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="`+name+"."+format+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	return format, nil
}
