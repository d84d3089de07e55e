package authn_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

const issuer = "https://auth.example.com"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tokens returns Tokens with a clock that the test may move.
func newTokens(t testing.TB, algorithm string, ring *authn.Keyring) (tokens *authn.Tokens, now *time.Time) {
	t.Helper()
	clock := noon
	tokens, err := authn.NewTokens(authn.TokenConfig{
		Keyring: ring, Algorithm: algorithm, Issuer: issuer,
		Clock: func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens, &clock
}

func issue(t testing.TB, tokens *authn.Tokens) string {
	t.Helper()
	token, _, err := tokens.Issue(authn.KindUser, "usr_1", "ses_1")
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

func refused(t *testing.T, name string, tokens *authn.Tokens, token string) {
	t.Helper()
	if claims, err := tokens.Verify(token); !errors.Is(err, store.ErrInvalidToken) || claims != (authn.Claims{}) {
		t.Errorf("%s: %v, %v; want an invalid token", name, claims, err)
	}
}

var algorithms = []string{authn.AlgorithmEdDSA, authn.AlgorithmHS256}

func TestIssueThenVerify(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		tokens, now := newTokens(t, algorithm, newKeyring(t, secret(1)))
		for _, kind := range []authn.Kind{authn.KindUser, authn.KindStaff, authn.KindAdmin} {
			token, expires, err := tokens.Issue(kind, "usr_1", "ses_1")
			if err != nil {
				t.Fatal(err)
			}
			got, err := tokens.Verify(token.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			want := authn.Claims{Kind: kind, Subject: "usr_1", SessionID: "ses_1", ID: got.ID, IssuedAt: *now, ExpiresAt: now.Add(tokens.TTL(kind))}
			if diff := cmp.Diff(want, got); diff != "" || !expires.Equal(want.ExpiresAt) || got.ID == "" {
				t.Errorf("%s: claims differ (-want +got)\n%s", algorithm, diff)
			}
		}
		if first, second := issue(t, tokens), issue(t, tokens); first == second {
			t.Errorf("%s: two tokens are the same", algorithm)
		}
	}
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	tokens, now := newTokens(t, authn.AlgorithmHS256, newKeyring(t, secret(1)))
	token := issue(t, tokens)
	for after, good := range map[time.Duration]bool{
		-5 * time.Second:               true, // the leeway, for an issuer whose clock is ahead
		-6 * time.Second:               false,
		10*time.Minute + 4*time.Second: true,
		10*time.Minute + 5*time.Second: false,
		24 * time.Hour:                 false,
	} {
		*now = noon.Add(after)
		if _, err := tokens.Verify(token); (err == nil) != good {
			t.Errorf("%v after its issue: %v", after, err)
		}
	}
}

func TestOnlyGoodTokensAreIssued(t *testing.T) {
	t.Parallel()
	tokens, _ := newTokens(t, authn.AlgorithmEdDSA, newKeyring(t, secret(1)))
	for _, row := range [][3]string{
		{"service", "svc_1", "ses_1"}, {"", "usr_1", "ses_1"}, {"user", "", "ses_1"}, {"user", "usr_1", ""},
		{"user", `usr_1","role":"admin`, "ses_1"}, {"user", "usr_1", "ses\n"}, {"user", "usr_\u00fc", "ses_1"}, {"user", `a\u0062`, "ses_1"},
	} {
		if _, _, err := tokens.Issue(authn.Kind(row[0]), row[1], row[2]); err == nil {
			t.Errorf("a token for %q is issued", row)
		}
	}
}

// forge signs any header and payload with the newest key of the algorithm.
func forge(t testing.TB, algorithm string, ring *authn.Keyring, header, payload string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(header)) + "." + b64([]byte(payload))
	var signature []byte
	var err error
	if algorithm == authn.AlgorithmHS256 {
		signature, err = jwt.SigningMethodHS256.Sign(signed, ring.Newest(authn.PurposeHS256).Secret())
	} else {
		signature, err = jwt.SigningMethodEdDSA.Sign(signed, ed25519.NewKeyFromSeed(ring.Newest(authn.PurposeEd25519).Secret()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(signature)
}

func kid(algorithm string, ring *authn.Keyring) string {
	if algorithm == authn.AlgorithmHS256 {
		return ring.Newest(authn.PurposeHS256).ID
	}
	return ring.Newest(authn.PurposeEd25519).ID
}

// control is a good token's header and payload, which each attack changes in
// one place.
func control(algorithm string, ring *authn.Keyring) (header, payload string) {
	header = fmt.Sprintf(`{"alg":"%s","kid":"%s","typ":"at+jwt"}`, algorithm, kid(algorithm, ring))
	payload = fmt.Sprintf(`{"iss":"%s","aud":"user","sub":"usr_1","sid":"ses_1","jti":"j1","iat":%d,"exp":%d}`,
		issuer, noon.Unix(), noon.Add(5*time.Minute).Unix())
	return header, payload
}

func TestCase_JW_05_KeysRotate(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		before, _ := newTokens(t, algorithm, newKeyring(t, secret(1)))
		during, _ := newTokens(t, algorithm, newKeyring(t, secret(2), secret(1)))
		after, _ := newTokens(t, algorithm, newKeyring(t, secret(2)))
		old := issue(t, before)
		if _, err := during.Verify(old); err != nil {
			t.Errorf("JW-05 %s: an old key that is listed: %v", algorithm, err)
		}
		refused(t, "JW-05 "+algorithm+": the old key was removed", after, old)
		young := issue(t, during)
		if _, err := after.Verify(young); err != nil {
			t.Errorf("JW-05 %s: the newest key does not sign: %v", algorithm, err)
		}
		refused(t, "JW-05 "+algorithm+": unknown kid", before, young)
	}
	ring := newKeyring(t, secret(1))
	eddsa, _ := newTokens(t, authn.AlgorithmEdDSA, ring)
	hs256, _ := newTokens(t, authn.AlgorithmHS256, ring)
	refused(t, "JW-05 a token of the other algorithm", hs256, issue(t, eddsa))
	refused(t, "JW-05 a token of the other algorithm", eddsa, issue(t, hs256))
	header, payload := control(authn.AlgorithmEdDSA, ring)
	crossed := strings.Replace(header, kid(authn.AlgorithmEdDSA, ring), kid(authn.AlgorithmHS256, ring), 1)
	refused(t, "JW-05 kid of the other algorithm", eddsa, forge(t, authn.AlgorithmEdDSA, ring, crossed, payload))
}

func TestOthersCanVerifyByJWKS(t *testing.T) {
	t.Parallel()
	tokens, now := newTokens(t, authn.AlgorithmEdDSA, newKeyring(t, secret(2), secret(1)))
	var set struct {
		Keys []struct{ Kty, Crv, Alg, Use, Kid, X string }
	}
	if err := json.Unmarshal(tokens.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2 || strings.Contains(string(tokens.JWKS()), `"d"`) {
		t.Fatalf("JWKS = %s", tokens.JWKS())
	}
	parsed, err := jwt.Parse(issue(t, tokens), func(token *jwt.Token) (any, error) {
		for _, key := range set.Keys {
			if key.Kid == token.Header["kid"] && key.Kty == "OKP" && key.Crv == "Ed25519" && key.Use == "sig" {
				x, err := base64.RawURLEncoding.DecodeString(key.X)
				return ed25519.PublicKey(x), err
			}
		}
		return nil, errors.New("unknown kid")
	}, jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(issuer), jwt.WithAudience("user"),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return *now }))
	if err != nil || !parsed.Valid {
		t.Errorf("the library does not verify our token by our JWKS: %v", err)
	}
	symmetric, _ := newTokens(t, authn.AlgorithmHS256, newKeyring(t, secret(1)))
	if got := string(symmetric.JWKS()); got != `{"keys":[]}` {
		t.Errorf("JWKS with HS256 = %s", got)
	}
}

func TestTokenConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := authn.TokenConfig{Keyring: newKeyring(t, secret(1)), Issuer: issuer}
	for name, change := range map[string]func(*authn.TokenConfig){
		"Keyring":   func(c *authn.TokenConfig) { c.Keyring = nil },
		"Algorithm": func(c *authn.TokenConfig) { c.Algorithm = "none" },
		"Issuer":    func(c *authn.TokenConfig) { c.Issuer = `https://"` },
		"TTL":       func(c *authn.TokenConfig) { c.TTL = 25 * time.Hour },
	} {
		cfg := good
		change(&cfg)
		if _, err := authn.NewTokens(cfg); err == nil || !strings.Contains(err.Error(), "TokenConfig."+name) {
			t.Errorf("%s: %v, want an error that names the field", name, err)
		}
	}
	if _, err := authn.NewTokens(good); err != nil {
		t.Error(err)
	}
}

func TestVerifyAllocates(t *testing.T) {
	tokens, _ := newTokens(t, authn.AlgorithmHS256, newKeyring(t, secret(1)))
	token := issue(t, tokens)
	if allocs := testing.AllocsPerRun(100, func() { tokens.Verify(token) }); allocs > 20 {
		t.Errorf("Verify allocates %v times, want at most 20", allocs)
	}
	long := strings.Repeat("a", 1<<20)
	if allocs := testing.AllocsPerRun(100, func() { tokens.Verify(long) }); allocs > 2 {
		t.Errorf("Verify of 1 MiB allocates %v times, want the error only", allocs)
	}
}

func FuzzVerify(f *testing.F) {
	ring, err := authn.NewKeyring([][]byte{secret(1)})
	if err != nil {
		f.Fatal(err)
	}
	header, payload := control(authn.AlgorithmHS256, ring)
	f.Add(header, payload)
	f.Add(strings.Replace(header, "{", `{"crit":["exp"],`, 1), payload)
	f.Add(header, strings.Replace(payload, `"sub"`, `"sub":"usr_0","sub"`, 1))
	f.Fuzz(func(t *testing.T, header, payload string) {
		tokens, _ := newTokens(t, authn.AlgorithmHS256, ring)
		claims, err := tokens.Verify(forge(t, authn.AlgorithmHS256, ring, header, payload))
		if err != nil {
			return
		}
		// What is taken reads the same to every JSON parser.
		var members map[string]any
		if err := json.Unmarshal([]byte(payload), &members); err != nil || len(members) != 7 {
			t.Fatalf("taken, though it reads as %v (%v)", members, err)
		}
		if members["sub"] != claims.Subject || members["aud"] != string(claims.Kind) || members["sid"] != claims.SessionID || members["iss"] != issuer {
			t.Fatalf("claims %+v, members %v", claims, members)
		}
	})
}
