package middleware

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// NoQueryCredentials answers a request that carries a credential in its
// query, as access_token or api_key, with 400 invalid_request. Queries end up
// in logs, histories and Referer headers, and RFC 9700 section 4.3.2 forbids
// credentials there. It refuses rather than ignores, so that the client's
// author finds out.
func NoQueryCredentials() func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := checkQuery(r.URL); err != nil {
				problem.Write(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// checkQuery refuses a query with a credential. Hosts have parameters named
// token or key of their own: only names that can mean nothing else count.
func checkQuery(u *url.URL) error {
	for query := u.RawQuery; query != ""; {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, _, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(name, "%+") {
			name, _ = url.QueryUnescape(name)
		}
		if strings.EqualFold(name, "access_token") || strings.EqualFold(name, "api_key") {
			return store.Errorf(store.ErrInvalidRequest,
				"A credential in the query is not read. Send it in the Authorization or X-API-Key header.")
		}
	}
	return nil
}
