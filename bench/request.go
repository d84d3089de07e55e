package bench

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"

	"github.com/usermgmt/usermgmt/authn"
)

// clientAddr is where requests come from.
var clientAddr = netip.MustParseAddrPort("192.0.2.7:40000")

// at is the same to the verifier.
var at authn.Caller = authn.At(clientAddr.Addr())

// The headers that carry a credential.
const (
	apiKeyHeader = "X-Api-Key"
	bearerHeader = "Authorization"
)

// blank is a ResponseWriter and a handler at no cost. An error as an answer is
// a fault of the measurement.
type blank struct{ header http.Header }

func (b *blank) Header() http.Header       { return b.header }
func (*blank) Write(p []byte) (int, error) { return len(p), nil }
func (*blank) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		panic(fmt.Sprintf("bench: a request was answered %d", status))
	}
}
func (*blank) ServeHTTP(http.ResponseWriter, *http.Request) {}

// requests makes workers that send requests to h, each with the next of the
// values in the header field.
func requests(h http.Handler, field string, values []string) func() func() {
	next := walks(len(values))
	return func() func() {
		w := &blank{header: http.Header{}}
		value := make([]string, 1)
		r := &http.Request{
			Method:     http.MethodPost,
			URL:        &url.URL{Path: "/v1/chat"},
			Proto:      "HTTP/1.1",
			ProtoMajor: 1,
			ProtoMinor: 1,
			Header:     http.Header{field: value},
			Body:       http.NoBody,
			Host:       "example.com",
			RemoteAddr: clientAddr.String(),
		}
		next := next()
		return func() {
			value[0] = warm(values[next()])
			clear(w.header)
			h.ServeHTTP(w, r)
		}
	}
}

// warm brings a text into the processor's cache, where it is once a server has
// taken it off the wire.
func warm(text string) string {
	const cacheLine = 64
	for i := 0; i < len(text); i += cacheLine {
		if text[i] == 0 { // or the compiler would drop the loads
			panic("bench: a credential is not text")
		}
	}
	return text
}

// walks gives each worker a walk of its own over 0..n-1, in an order that
// neither caches nor prefetchers know.
func walks(n int) func() func() int {
	var workers atomic.Int64
	return func() func() int {
		i := int(workers.Add(1)) * 40_503 % n
		return func() int {
			i = (i + 61_803) % n
			return i
		}
	}
}
