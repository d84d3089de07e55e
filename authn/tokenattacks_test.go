package authn_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/usermgmt/usermgmt/authn"
)

// replacing changes a text in one place, which must be there.
func replacing(t testing.TB) func(from, to string) func(string) string {
	return func(from, to string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, from) {
				t.Fatalf("the control has no %s", from)
			}
			return strings.Replace(s, from, to, 1)
		}
	}
}

// headerAttacks change the header of a token before it is signed by the right
// key: only the content is wrong.
func headerAttacks(t testing.TB) map[string]func(string) string {
	replace := replacing(t)
	return map[string]func(string) string{
		"alg twice":               replace(`{"alg"`, `{"alg":"HS256","alg"`),
		"kid twice":               replace(`"kid"`, `"kid":"x","kid"`),
		"ALG beside alg":          replace(`{"alg"`, `{"ALG":"none","alg"`),
		"Alg for alg":             replace(`"alg"`, `"Alg"`),
		"alg none":                replace(`"alg":"`, `"alg":"none","x":"`),
		"alg missing":             replace(`"alg"`, `"xlg"`),
		"alg number":              replace(`"kid":"`, `"kid":1,"x":"`),
		"crit":                    replace(`{`, `{"crit":["exp"],`),
		"b64 false":               replace(`{`, `{"b64":false,`),
		"zip":                     replace(`{`, `{"zip":"DEF",`),
		"jku":                     replace(`{`, `{"jku":"https://evil.example/jwks.json",`),
		"jwk":                     replace(`{`, `{"jwk":{"kty":"oct","k":"AA"},`),
		"x5c":                     replace(`{`, `{"x5c":["AA"],`),
		"x5u":                     replace(`{`, `{"x5u":"https://evil.example",`),
		"cty":                     replace(`{`, `{"cty":"JWT",`),
		"typ JWT":                 replace("at+jwt", "JWT"),
		"typ refresh":             replace("at+jwt", "rt+jwt"),
		"typ reset":               replace("at+jwt", "reset+jwt"),
		"typ upper case":          replace("at+jwt", "AT+JWT"),
		"typ missing":             replace(`,"typ":"at+jwt"`, ``),
		"kid missing":             replace(`"kid"`, `"kib"`),
		"kid empty":               replace(`"kid":"`, `"kid":"","x":"`),
		"kid path":                replace(`"kid":"`, `"kid":"../../dev/null`),
		"kid SQL":                 replace(`"kid":"`, `"kid":"' OR 1=1 --`),
		"escaped member name":     replace(`"alg"`, `"\u0061lg"`),
		"escaped value":           replace(`at+jwt`, `at\u002bjwt`),
		"text after the object":   func(s string) string { return s + "x" },
		"second object":           func(s string) string { return s + "{}" },
		"array":                   func(s string) string { return "[" + s + "]" },
		"byte order mark":         func(s string) string { return "\ufeff" + s },
		"not UTF-8":               replace("at+jwt", "at+jwt\xff"),
		"comma at the end":        replace(`"}`, `",}`),
		"no comma":                replace(`","typ"`, `" "typ"`),
		"single quotes":           func(s string) string { return strings.ReplaceAll(s, `"`, `'`) },
		"empty":                   func(string) string { return "{}" },
		"null":                    func(string) string { return "null" },
		"a thousand open braces":  func(string) string { return strings.Repeat(`{"a":`, 1000) },
		"nested objects as value": replace(`"at+jwt"`, `{"typ":"at+jwt"}`),
	}
}

// claimAttacks are the same for the claims.
func claimAttacks(t testing.TB) map[string]func(string) string {
	replace := replacing(t)
	exp, iat := fmt.Sprint(noon.Add(5*time.Minute).Unix()), fmt.Sprint(noon.Unix())
	return map[string]func(string) string{
		"exp twice":              replace(`"exp"`, `"exp":9999999999,"exp"`),
		"sub twice":              replace(`"sub"`, `"sub":"usr_0","sub"`),
		"SUB beside sub":         replace(`"sub"`, `"SUB":"usr_0","sub"`),
		"Sub for sub":            replace(`"sub"`, `"Sub"`),
		"sub missing":            replace(`"sub":"usr_1",`, ``),
		"sub empty":              replace(`usr_1`, ``),
		"sub-int":                replace(`"usr_1"`, `1`),
		"sub null":               replace(`"usr_1"`, `null`),
		"sub array":              replace(`"usr_1"`, `["usr_1"]`),
		"sub escaped":            replace(`usr_1`, `usr\u005f1`),
		"sub not UTF-8":          replace(`usr_1`, "usr_\x86"),
		"jti not UTF-8":          replace(`"j1"`, "\"j\xff\""),
		"sub with a zero byte":   replace(`usr_1`, "usr_1\x00"),
		"sid missing":            replace(`"sid":"ses_1",`, ``),
		"jti missing":            replace(`"jti":"j1",`, ``),
		"iss missing":            replace(`"iss":"`+issuer+`",`, ``),
		"iss of others":          replace(issuer, "https://evil.example"),
		"iss longer":             replace(issuer, issuer+".evil.example"),
		"iss array":              replace(`"`+issuer+`"`, `["`+issuer+`"]`),
		"aud missing":            replace(`"aud":"user",`, ``),
		"aud array":              replace(`"user"`, `["user"]`),
		"aud array of two":       replace(`"user"`, `["user","admin"]`),
		"aud unknown":            replace(`"user"`, `"root"`),
		"aud service":            replace(`"user"`, `"service"`),
		"aud upper case":         replace(`"user"`, `"USER"`),
		"aud twice":              replace(`"aud"`, `"aud":"admin","aud"`),
		"exp missing":            replace(`,"exp":`+exp, ``),
		"exp string":             replace(exp, `"`+exp+`"`),
		"exp fraction":           replace(exp, exp+`.5`),
		"exp exponent":           replace(exp, `2e9`),
		"exp negative":           replace(exp, `-1`),
		"exp zero":               replace(exp, `0`),
		"exp passed":             replace(exp, fmt.Sprint(noon.Add(-time.Minute).Unix())),
		"exp before iat":         replace(exp, fmt.Sprint(noon.Add(-time.Second).Unix())),
		"exp-long":               replace(exp, fmt.Sprint(noon.Add(25*time.Hour).Unix())),
		"exp beyond int64":       replace(exp, `99999999999999999999`),
		"exp null":               replace(exp, `null`),
		"exp leading zero":       replace(exp, `0`+exp),
		"iat missing":            replace(`"iat":`+iat+`,`, ``),
		"iat string":             replace(iat, `"`+iat+`"`),
		"iat in the future":      replace(iat, fmt.Sprint(noon.Add(time.Minute).Unix())),
		"nbf in the future":      replace(`"iat"`, `"nbf":9999999999,"iat"`),
		"role-inject":            replace(`"sub"`, `"role":"admin","sub"`),
		"scope-inject":           replace(`"sub"`, `"scope":"*","sub"`),
		"plan-inject":            replace(`"sub"`, `"plan":"unlimited","sub"`),
		"unknown member":         replace(`"sub"`, `"x":1,"sub"`),
		"object member":          replace(`"sub"`, `"x":{},"sub"`),
		"__proto__":              replace(`"sub"`, `"__proto__":{"kind":"admin"},"sub"`),
		"text after the object":  func(s string) string { return s + " x" },
		"array":                  func(s string) string { return "[" + s + "]" },
		"null":                   func(string) string { return "null" },
		"not JSON":               func(string) string { return "foo" },
		"a thousand open braces": func(string) string { return strings.Repeat("[", 1000) },
		"1 MiB":                  replace(`"j1"`, `"`+strings.Repeat("j", 1<<20)+`"`),
	}
}

// wireAttacks change a good token after it was signed.
func wireAttacks(t testing.TB, algorithm string, ring *authn.Keyring, tokens *authn.Tokens) map[string]string {
	good := issue(t, tokens)
	header, payload := control(algorithm, ring)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	none := b64([]byte(strings.Replace(header, algorithm, "none", 1)))
	rows := map[string]string{
		"empty":                    "",
		"dots only":                "..",
		"one segment":              parts[0],
		"two segments":             parts[0] + "." + parts[1],
		"no signature":             parts[0] + "." + parts[1] + ".",
		"four segments":            good + "." + parts[2],
		"five segments (JWE)":      strings.Join([]string{parts[0], "", parts[1], parts[2], "AA"}, "."),
		"alg none, no signature":   none + "." + b64([]byte(payload)) + ".",
		"alg none, signature kept": none + "." + parts[1] + "." + parts[2],
		"padding":                  good + "=",
		"newline in the signature": good[:len(good)-4] + "\n" + good[len(good)-4:],
		"CR in the payload":        parts[0] + "." + parts[1][:4] + "\r" + parts[1][4:] + "." + parts[2],
		"newline after":            good + "\n",
		"space before":             " " + good,
		"Bearer before":            "Bearer " + good,
		"payload of another token": parts[0] + "." + b64([]byte(payload)) + "." + parts[2],
		"signature cut":            good[:len(good)-2],
		"JSON serialisation":       fmt.Sprintf(`{"protected":"%s","payload":"%s","signature":"%s"}`, parts[0], parts[1], parts[2]),
		"8 KiB of dots":            strings.Repeat(".", 8<<10),
		"1 MiB":                    strings.Repeat("a", 1<<20),
		"a zero byte":              good + "\x00",
	}
	last := good[len(good)-1]
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		if c != last { // includes characters that differ in unused bits only
			rows["last character "+string(c)] = good[:len(good)-1] + string(c)
		}
	}
	return rows
}

func TestCase_JW_01_AttacksOnSignedTokens(t *testing.T) {
	t.Parallel()
	headers, payloads := headerAttacks(t), claimAttacks(t)
	for _, algorithm := range algorithms {
		ring := newKeyring(t, secret(1))
		tokens, _ := newTokens(t, algorithm, ring)
		header, payload := control(algorithm, ring)
		if _, err := tokens.Verify(forge(t, algorithm, ring, header, payload)); err != nil {
			t.Fatalf("JW-01 the control: %v", err)
		}
		spaced := strings.NewReplacer(`:`, ` : `, `,`, "\r\n,\t").Replace(strings.Replace(payload, issuer, "ISS", 1))
		spaced = strings.Replace(spaced, "ISS", issuer, 1)
		if _, err := tokens.Verify(forge(t, algorithm, ring, header, " "+spaced+"\n")); err != nil {
			t.Errorf("JW-01 white space between members: %v", err)
		}
		for name, attack := range headers {
			refused(t, "JW-01 "+algorithm+" header: "+name, tokens, forge(t, algorithm, ring, attack(header), payload))
		}
		for name, attack := range payloads {
			refused(t, "JW-01 "+algorithm+" claims: "+name, tokens, forge(t, algorithm, ring, header, attack(payload)))
		}
	}
}

func TestCase_JW_01_AttacksOnTheWireForm(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		ring := newKeyring(t, secret(1))
		tokens, _ := newTokens(t, algorithm, ring)
		for name, token := range wireAttacks(t, algorithm, ring, tokens) {
			refused(t, "JW-01 "+algorithm+": "+name, tokens, token)
		}
	}
}

func TestCase_JW_01_AlgorithmConfusion(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, secret(1))
	tokens, _ := newTokens(t, authn.AlgorithmEdDSA, ring)
	public := ed25519.NewKeyFromSeed(ring.Newest(authn.PurposeEd25519).Secret()).Public().(ed25519.PublicKey)
	_, payload := control(authn.AlgorithmEdDSA, ring)
	for _, alg := range []string{"HS256", "EdDSA"} {
		header := fmt.Sprintf(`{"alg":"%s","kid":"%s","typ":"at+jwt"}`, alg, kid(authn.AlgorithmEdDSA, ring))
		signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		signature, err := jwt.SigningMethodHS256.Sign(signed, []byte(public))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, "JW-01 public key as HMAC key, alg "+alg, tokens, signed+"."+base64.RawURLEncoding.EncodeToString(signature))
	}
}

// TestCase_JW_01_AttacksAreCheap is not parallel, so that what it counts is its
// own. The time is told and not asked for: it is the machine's.
func TestCase_JW_01_AttacksAreCheap(t *testing.T) {
	for _, algorithm := range algorithms {
		ring := newKeyring(t, secret(1))
		tokens, _ := newTokens(t, algorithm, ring)
		header, payload := control(algorithm, ring)
		attacks := wireAttacks(t, algorithm, ring, tokens)
		for name, attack := range headerAttacks(t) {
			attacks["header: "+name] = forge(t, algorithm, ring, attack(header), payload)
		}
		for name, attack := range claimAttacks(t) {
			attacks["claims: "+name] = forge(t, algorithm, ring, header, attack(payload))
		}
		var slowest time.Duration
		var before, after runtime.MemStats
		for name, token := range attacks {
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err := tokens.Verify(token)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; err == nil || allocated > 4<<20 {
				t.Errorf("JW-01 %s %s: %v, %d bytes", algorithm, name, err, allocated)
			}
			slowest = max(slowest, took)
		}
		t.Logf("%s: the slowest of %d attacks took %v", algorithm, len(attacks), slowest)
	}
}
