package middleware

import (
	"net/http"
	"strings"

	"github.com/usermgmt/usermgmt/store"
)

// maxCredential is the longest credential that is looked at. Ours are far
// shorter; a longer one is not worth hashing.
const maxCredential = 8 << 10

// credentialOf returns the one credential of r, or "" for none:
// "Authorization: Bearer" (RFC 6750 section 2.1), which carries an access
// token or an API key, or X-API-Key. The same credential in both is one. Two
// different ones, a repeated header, or one in the query is ErrInvalidRequest:
// picking one of them would let somebody in front of us see another caller
// than we do. A scheme other than Bearer, or nothing after it, is
// ErrInvalidToken: whoever sends a credential is never taken for anonymous.
func credentialOf(r *http.Request) (string, error) {
	if err := checkQuery(r.URL); err != nil {
		return "", err
	}
	authorization, keys := r.Header["Authorization"], r.Header["X-Api-Key"]
	if len(authorization) > 1 || len(keys) > 1 {
		return "", errTwoCredentials()
	}
	var bearer, key string
	var err error
	if len(authorization) == 1 {
		if bearer, err = bearerOf(authorization[0]); err != nil {
			return "", err
		}
	}
	if len(keys) == 1 {
		if key, err = checkCredential(keys[0]); err != nil {
			return "", err
		}
	}
	switch {
	case bearer == "":
		return key, nil
	case key == "" || key == bearer:
		return bearer, nil
	default:
		return "", errTwoCredentials()
	}
}

// bearerOf returns what follows the scheme, which is matched without regard to
// case (RFC 9110 section 11.1).
func bearerOf(header string) (string, error) {
	if credential, ok := strings.CutPrefix(header, "Bearer "); ok {
		return checkCredential(strings.TrimLeft(credential, " "))
	}
	scheme, credential, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", store.Errorf(store.ErrInvalidToken, "Only Bearer credentials are taken.")
	}
	return checkCredential(strings.TrimLeft(credential, " "))
}

// checkCredential refuses what no credential looks like. Its characters are
// not looked at: an Authenticator knows no credential with a space or comma.
func checkCredential(s string) (string, error) {
	if s == "" || len(s) > maxCredential {
		return "", store.Errorf(store.ErrInvalidToken, "The credential is malformed.")
	}
	return s, nil
}

func errTwoCredentials() error {
	return store.Errorf(store.ErrInvalidRequest, "The request carries more than one credential. Send one.")
}
