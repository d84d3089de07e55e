package httpapi_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/usermgmt/usermgmt/authn"
)

// TestCase_JW_01_AttacksAsBearer sends what package authn refuses over a real
// connection, signed by the right key: each is the same 401 with its challenge,
// and a good token made in the same way is taken. (RFC 8725, RFC 9068 section 4,
// RFC 6750 section 3.)
func TestCase_JW_01_AttacksAsBearer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	ring, err := authn.NewKeyring([][]byte{bytes.Repeat([]byte{2}, 32)}) // the world's
	must(t, err)
	key := ring.Newest(authn.PurposeEd25519)
	header := `{"alg":"EdDSA","kid":"` + key.ID + `","typ":"at+jwt"}`
	exp := fmt.Sprint(noon.Add(5 * time.Minute).Unix())
	claims := fmt.Sprintf(`{"iss":"https://auth.example","aud":"user","sub":"%s","sid":"%s","jti":"j1","iat":%d,"exp":%s}`,
		alice.id, alice.session, noon.Unix(), exp)
	b64 := base64.RawURLEncoding.EncodeToString
	sign := func(header, claims string) string {
		signed := b64([]byte(header)) + "." + b64([]byte(claims))
		signature, err := jwt.SigningMethodEdDSA.Sign(signed, ed25519.NewKeyFromSeed(key.Secret()))
		must(t, err)
		return signed + "." + b64(signature)
	}
	good := sign(header, claims)
	w.call("GET", "/auth/me", good, "").want(200, "")

	attacks := map[string]string{
		"one segment":       strings.Split(good, ".")[0],
		"no signature":      good[:strings.LastIndexByte(good, '.')+1],
		"four segments":     good + ".AA",
		"padding":           good + "=",
		"alg none":          b64([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + b64([]byte(claims)) + ".",
		"a refresh token":   alice.refresh,
		"longer than 8 KiB": sign(header, strings.Replace(claims, "j1", strings.Repeat("j", 9<<10), 1)),
		"64 KiB":            strings.Repeat("a.", 32<<10),
	}
	public := ed25519.NewKeyFromSeed(key.Secret()).Public().(ed25519.PublicKey)
	confused := b64([]byte(strings.Replace(header, "EdDSA", "HS256", 1))) + "." + b64([]byte(claims))
	mac, err := jwt.SigningMethodHS256.Sign(confused, []byte(public))
	must(t, err)
	attacks["the public key as a secret"] = confused + "." + b64(mac)
	for _, row := range [][2]string{
		{`{"alg"`, `{"alg":"HS256","alg"`}, {`{"alg"`, `{"ALG":"none","alg"`}, {`{`, `{"crit":["exp"],`}, {`{`, `{"b64":false,`}, {`{`, `{"zip":"DEF",`},
		{`{`, `{"jku":"https://evil.example",`}, {`{`, `{"jwk":{"kty":"oct","k":"AA"},`}, {`at+jwt`, `JWT`}, {`at+jwt`, `rt+jwt`}, {`at+jwt`, `reset+jwt`},
		{`"kid":"`, `"kid":"../../dev/null`}, {`"kid":"`, `"kid":"' OR 1=1 --`}, {`"kid"`, `"xid"`},
	} {
		attacks["header "+row[1]] = sign(strings.Replace(header, row[0], row[1], 1), claims)
	}
	for _, row := range [][2]string{
		{`"exp"`, `"exp":9999999999,"exp"`}, {`"sub"`, `"sub":"usr_0","sub"`}, {`"sub"`, `"SUB":"usr_0","sub"`}, {`"sub"`, `"role":"admin","sub"`},
		{`"` + alice.id + `"`, `1`}, {`"sub":"` + alice.id + `",`, ``}, {`"iss":"https://auth.example",`, ``}, {`auth.example`, `evil.example`},
		{`"aud":"user",`, ``}, {`"user"`, `"admin"`}, {`"user"`, `["user","admin"]`}, {exp, `"` + exp + `"`}, {`,"exp":` + exp, ``},
		{exp, fmt.Sprint(noon.Add(-time.Minute).Unix())}, {exp, fmt.Sprint(noon.Add(25 * time.Hour).Unix())}, {exp, `2e9`},
		{`"iat"`, `"nbf":9999999999,"iat"`}, {`"sid":"` + alice.session + `",`, ``}, {alice.session, "ses_1"}, {alice.id, "usr_1"},
	} {
		attacks["claims "+row[1]] = sign(header, strings.Replace(claims, row[0], row[1], 1))
	}
	for name, token := range attacks {
		a := w.call("GET", "/auth/me", token, "").want(http.StatusUnauthorized, "invalid_token")
		if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("JW-01 %s: challenge %q", name, challenge)
		}
		if strings.Contains(a.body, token) {
			t.Errorf("JW-01 %s: the answer repeats the token", name)
		}
	}
	w.call("GET", "/auth/me", good, "").want(200, "")
}

// TestCase_JW_11_CredentialsElsewhere puts good credentials where none is read,
// or two of them where one is.
func TestCase_JW_11_CredentialsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice, bob := w.register("alice"), w.register("bob")
	_, key := w.key(bob.access, `{"name":"k","scopes":["account:read"]}`)
	form := "access_token=" + alice.access
	for _, row := range []struct {
		name, query, body string
		header            http.Header
		status            int
		code              string
	}{
		{"the query", "?access_token=" + alice.access, "", nil, 400, "invalid_request"},
		{"the query beside a header", "?access_token=" + alice.access, "", http.Header{"Authorization": {"Bearer " + alice.access}}, 400, "invalid_request"},
		{"a key in the query", "?api_key=" + key, "", nil, 400, "invalid_request"},
		{"a form", "", form, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 401, "unauthenticated"},
		{"a cookie", "", "", http.Header{"Cookie": {form + "; __Host-um_user=" + alice.access}}, 401, "unauthenticated"},
		{"two users in two headers", "", "", http.Header{"Authorization": {"Bearer " + alice.access}, "X-Api-Key": {key}}, 400, "invalid_request"},
		{"two Authorization headers", "", "", http.Header{"Authorization": {"Bearer " + alice.access, "Bearer " + bob.access}}, 400, "invalid_request"},
		{"the same twice", "", "", http.Header{"Authorization": {"Bearer " + alice.access, "Bearer " + alice.access}}, 400, "invalid_request"},
		{"two in one header", "", "", http.Header{"Authorization": {"Bearer " + alice.access + ", Bearer " + bob.access}}, 401, "invalid_token"},
		{"another scheme beside a key", "", "", http.Header{"Authorization": {"Basic YTpi"}, "X-Api-Key": {key}}, 401, "invalid_token"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.server.URL+"/auth/me"+row.query, strings.NewReader(row.body))
		must(t, err)
		for name, values := range row.header {
			r.Header[name] = values
		}
		t.Run("JW-11 "+row.name, func(t *testing.T) { w.send(r).want(row.status, row.code) })
	}
}
