package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/usermgmt/usermgmt/middleware"
)

// A service behind a proxy in 10.0.0.0/8 sees its clients' addresses, and takes
// nobody's word for one but the proxy's.
func ExampleResolveClientIP() {
	proxies, err := middleware.ParseTrustedProxies("10.0.0.0/8")
	if err != nil {
		fmt.Println(err)
		return
	}
	show := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(middleware.ClientIP(r.Context()))
	})
	h := middleware.ResolveClientIP(proxies)(show)

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-For", "192.0.2.66, 203.0.113.9")
	r.RemoteAddr = "10.0.0.5:4711" // the proxy
	h.ServeHTTP(httptest.NewRecorder(), r)

	r.RemoteAddr = "198.51.100.7:4711" // somebody else
	h.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// 203.0.113.9
	// 198.51.100.7
}

// An unknown path and method are problem documents instead of text.
func ExampleNotFound() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	h := middleware.NotFound()(mux)

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/hello", nil))
	fmt.Println(w.Code, w.Header().Get("Allow"), w.Header().Get("Content-Type"))
	// Output: 405 GET, HEAD application/problem+json
}
