package bench

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/jwtauth/v5"
	"github.com/shaj13/go-guardian/v2/auth"
	"github.com/shaj13/go-guardian/v2/auth/strategies/token"
	"github.com/shaj13/libcache"
	_ "github.com/shaj13/libcache/lru" // the cache of go-guardian's own examples
)

// guardian is go-guardian with its cache of tokens, which it finds by the text
// of the token and never checks again. It has seen the credentials.
func guardian(credentials []string, next http.Handler) (http.Handler, error) {
	look := func(context.Context, *http.Request, string) (auth.Info, time.Time, error) {
		return auth.NewDefaultUser("alice", "usr_1", nil, nil), time.Now().Add(tokenTTL), nil
	}
	strategy := token.New(look, libcache.LRU.New(0))
	for _, credential := range credentials {
		r := &http.Request{Header: http.Header{bearerHeader: {credential}}}
		if _, err := strategy.Authenticate(context.Background(), r); err != nil {
			return nil, err
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, err := strategy.Authenticate(r.Context(), r)
		if err != nil {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, auth.RequestWithUser(info, r))
	}), nil
}

// chiJWTAuth is go-chi/jwtauth, which verifies the token of each request.
func chiJWTAuth(secret []byte, next http.Handler) http.Handler {
	a := jwtauth.New("HS256", secret, nil)
	return jwtauth.Verifier(a)(jwtauth.Authenticator(a)(next))
}
