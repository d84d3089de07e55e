package httpapi

import "net/http"

// JWKS serves the public keys of access tokens (RFC 7517). It may be cached for
// five minutes: a verifier that meets a key id it does not know asks again.
func (a *API) JWKS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !reading(w, r) {
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(a.cfg.Tokens.JWKS())
	})
}
