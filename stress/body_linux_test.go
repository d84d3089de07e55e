package stress_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// route is an operation that takes a body.
type route struct{ method, path string }

// bodyRoutes are all for users that the host's own document says. (Those for
// services take bodies of other sizes.)
func (p *process) bodyRoutes() (routes []route) {
	p.t.Helper()
	document := p.must(http.StatusOK, "GET", "/openapi.json", "", nil)
	for path, item := range document.body["paths"].(map[string]any) {
		if !strings.HasPrefix(path, "/auth/") {
			continue
		}
		for method, operation := range item.(map[string]any) {
			if o, ok := operation.(map[string]any); ok && o["requestBody"] != nil {
				routes = append(routes, route{strings.ToUpper(method), strings.NewReplacer("{id}", "key_1").Replace(path)})
			}
		}
	}
	return routes
}

// hostile is a body that must be refused with one of the statuses.
type hostile struct {
	name     string
	body     func() io.Reader
	length   int64 // announced; -1 for none, so that it is sent in chunks
	encoding string
	statuses []int
}

// hostileBodies are as large, deep, long and broken as bodies come.
func hostileBodies(t *testing.T) []hostile {
	sized := func(name string, data []byte, statuses ...int) hostile {
		return hostile{name, func() io.Reader { return bytes.NewReader(data) }, int64(len(data)), "", statuses}
	}
	repeat := func(s string, n int) string { return strings.Repeat(s, n) }
	text := func(name, data string, statuses ...int) hostile { return sized(name, []byte(data), statuses...) }
	encoded := func(name, encoding string, data []byte) hostile {
		h := sized(name, data, http.StatusUnsupportedMediaType)
		h.encoding = encoding
		return h
	}
	const large = 10 * mebibyte
	valid := []byte(`{"a":"` + repeat("a", large-8) + `"}`)
	invalid, broken, tooLarge := http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusRequestEntityTooLarge
	chunked := sized("ChunkedWithoutLength", valid, tooLarge)
	chunked.length = -1
	almost := `{"a":"` + repeat("a", mebibyte-8) + `"}`
	return []hostile{
		sized("ContentLength", valid, tooLarge),
		chunked,
		encoded("GzipBomb", "gzip", packed(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })),
		encoded("DeflateBomb", "deflate", packed(t, func(w io.Writer) io.WriteCloser {
			z, _ := flate.NewWriter(w, flate.BestCompression)
			return z
		})),
		encoded("Zstd", "zstd", []byte("\x28\xb5\x2f\xfd")),
		encoded("Brotli", "br", []byte{0x1b}),
		encoded("TwoEncodings", "gzip, identity", nil),
		text("OneMember", almost, invalid),
		text("Depth65", repeat("[", 65)+repeat("]", 65), invalid),
		text("Depth65OfObjects", repeat(`{"a":`, 65)+"1"+repeat("}", 65), invalid),
		text("Depth100000", repeat("[", 100_000)+repeat("]", 100_000), invalid),
		text("Unclosed", repeat("[", 60), broken),
		text("ManyMembers", "{"+repeat(`"a":1,`, 170_000)+`"a":1}`, invalid),
		text("ManyItems", "["+repeat("0,", 500_000)+"0]", invalid),
		text("LongNumber", `{"a":`+repeat("9", 500_000)+"}", invalid),
		text("LongExponent", `{"a":1e`+repeat("9", 500_000)+"}", invalid),
		text("LongName", `{"`+repeat("a", 500_000)+`":1}`, invalid),
		text("InvalidUTF8", "{\"a\":\"\xff\xfe\"}", broken),
		text("InvalidUTF8Long", `{"a":"`+repeat("\xc3", 500_000)+`"}`, broken),
		text("HalfSurrogate", `{"a":"\ud800"}`, broken),
		text("Escapes", `{"a":"`+repeat(`\u0000`, 100_000)+`"}`, invalid),
		text("Whitespace", repeat(" ", mebibyte), http.StatusOK, http.StatusNotFound, invalid), // an empty object
		text("TwoDocuments", repeat("{}", 2), invalid),
	}
}

// packed is 128 MiB of nothing, compressed.
func packed(t *testing.T, compress func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var out bytes.Buffer
	z := compress(&out)
	for range 128 {
		if _, err := z.Write(make([]byte, mebibyte)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// attack sends a hostile body. A host may hang up on a body that is too long,
// once it has answered.
func (p *process) attack(t *testing.T, to route, token string, h hostile) {
	r, err := http.NewRequestWithContext(t.Context(), to.method, p.url+to.path, h.body())
	if err != nil {
		t.Error(err)
		return
	}
	r.ContentLength = h.length
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	if h.encoding != "" {
		r.Header.Set("Content-Encoding", h.encoding)
	}
	res, err := p.client.Do(r)
	if err != nil {
		if !slices.Contains(h.statuses, http.StatusRequestEntityTooLarge) {
			t.Errorf("%s %s: %v", to.method, to.path, err)
		}
		return
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	inTurn := res.StatusCode != http.StatusServiceUnavailable || h.length >= 0 && h.length < 64<<10 // large ones may wait too long
	if inTurn && !slices.Contains(h.statuses, res.StatusCode) || len(answer) > 32<<10 {
		t.Errorf("%s %s: %d in %d bytes %.200s; want %v", to.method, to.path, res.StatusCode, len(answer), answer, h.statuses)
	}
}

// takesWork reports whether the body is long, but no longer than one may be: it
// is not only read, but looked at.
func (h hostile) takesWork() bool { return h.length >= 64<<10 && h.length <= mebibyte }

// mayTake is how much memory many of them may take at once.
func (h hostile) mayTake() int64 {
	if h.takesWork() {
		return 64 * mebibyte
	}
	return 32 * mebibyte
}

// Fifty of each such body at once, on every route that takes one, are refused
// for what they are, and take no more memory than they may.
func TestCase_HT_01_HostileBodies(t *testing.T) {
	beside(t)
	p := start(t, settings{Path: databasePath(t)})
	who := p.newPerson("alice")
	routes := p.bodyRoutes()
	if len(routes) < 5 {
		t.Fatalf("the document names %v", routes)
	}
	bodies := hostileBodies(t)
	var took figures
	send := func(t *testing.T, h hostile) {
		var callers sync.WaitGroup
		many := 50
		if h.takesWork() {
			many = form(16, many)
		}
		for i := range lighter(many) {
			callers.Go(func() {
				began := time.Now()
				p.attack(t, routes[i%len(routes)], who.token, h)
				took.add(time.Since(began))
			})
		}
		callers.Wait()
	}
	send(t, bodies[len(bodies)-1]) // so that the connections are there
	for _, h := range bodies {
		t.Run(h.name, func(t *testing.T) {
			p.growth(t, h.mayTake(), func() {
				for range form(1, 10) {
					send(t, h)
				}
			})
		})
	}
	p.must(http.StatusOK, "GET", "/v1/ping", who.key, nil)
	t.Logf("%d routes; answers: %v", len(routes), &took)
}
