package httpapi

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

const keySetType = "application/jwk-set+json"

// JWKS serves the public keys of access tokens (RFC 7517). It may be cached for
// five minutes: a verifier that meets a key id it does not know asks again.
func (a *API) JWKS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !reading(w, r) {
			return
		}
		h := w.Header()
		h.Set("Content-Type", keySetType)
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(a.cfg.Tokens.JWKS())
	})
}

// serveKeySet adds the route of the public keys. It needs no credential and is
// limited by address alone: verifiers ask again and again.
func (r *router) serveKeySet() {
	const path = "/jwks.json"
	answer := success(r.api.schemas, http.StatusOK, reflect.TypeFor[none]())
	answer.Content = map[string]*huma.MediaType{keySetType: {Schema: &huma.Schema{Type: huma.TypeObject}}}
	op := &huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: "get-jwks" + r.suffix, Summary: "Show the public keys of access tokens (RFC 7517)",
		Tags: []string{"tokens"}, Security: []map[string][]string{},
		Responses: map[string]*huma.Response{"200": answer},
	}
	for _, code := range []store.Code{store.ErrInvalidRequest, store.ErrRateLimited, store.ErrInternal, store.ErrUnavailable} {
		status := problem.From(code, "").Status
		op.Responses[strconv.Itoa(status)] = refusal(r.api.schemas, status, []store.Code{code})
	}
	r.huma.OpenAPI().AddOperation(op)
	r.mux.Handle("GET "+r.prefix+path, r.api.cfg.LimitByIP(r.api.JWKS()))
}
