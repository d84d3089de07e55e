package middleware

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// APIContentSecurityPolicy is the policy of answers that are data: nothing in
// them may load, run or be framed.
const APIContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'"

// HeadersConfig says what the security headers hold.
type HeadersConfig struct {
	// ContentSecurityPolicy is the default policy; empty means
	// APIContentSecurityPolicy. A handler that answers HTML sets its own.
	ContentSecurityPolicy string

	// HTTPS says that clients reach the service by https even where this
	// process sees plain HTTP, since a proxy ends TLS. Without it
	// Strict-Transport-Security is sent on TLS connections only.
	HTTPS bool

	// HSTSMaxAge is how long browsers remember to use https: 0 means a year,
	// negative sends no Strict-Transport-Security.
	HSTSMaxAge time.Duration
}

// SecurityHeaders sets, before next runs, X-Content-Type-Options: nosniff,
// Referrer-Policy: no-referrer, Cross-Origin-Opener-Policy: same-origin, a
// Content-Security-Policy and, over https, Strict-Transport-Security. A handler
// overrides any of them by setting it, or deletes it.
func SecurityHeaders(h HeadersConfig) func(http.Handler) http.Handler {
	names := [...]string{"X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Content-Security-Policy"}
	fixed := []string{"nosniff", "no-referrer", "same-origin", cmp.Or(h.ContentSecurityPolicy, APIContentSecurityPolicy)}
	maxAge := cmp.Or(h.HSTSMaxAge, 365*24*time.Hour)
	hsts := fmt.Sprintf("max-age=%d; includeSubDomains", int64(maxAge.Seconds()))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			header := w.Header()
			values := slices.Clone(fixed) // one allocation; a handler may write to its own copy
			for i, name := range names {
				header[name] = values[i : i+1 : i+1]
			}
			if maxAge > 0 && (h.HTTPS || r.TLS != nil) {
				header.Set("Strict-Transport-Security", hsts)
			}
			next.ServeHTTP(w, r)
		})
	}
}
