package authn_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/usermgmt/usermgmt/authn"
)

// TestCase_JW_03_Restated holds the rows that matter most, which need no file.
func TestCase_JW_03_Restated(t *testing.T) {
	t.Parallel()
	mac := decoded(t, "-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE")
	wantVerdicts(t, jwt.SigningMethodHS256, mac, "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1hZXMtc2lnbiJ9.Zm9v.TD37p4c_0jmreSrBSDmE0F3mYSPtkZ3WrSyI5wb_KTg")
	// The file has no EdDSA. This is the example of RFC 8037, A.4.
	public := ed25519.PublicKey(decoded(t, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
	wantVerdicts(t, jwt.SigningMethodEdDSA, public, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."+
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
}

// wantVerdicts changes a good token as the rows of the file change theirs.
func wantVerdicts(t *testing.T, method jwt.SigningMethod, key any, good string) {
	t.Helper()
	if !authn.VerifyCompact(good, method, key) {
		t.Errorf("JW-03 %s acceptsValid", method.Alg())
	}
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	for name, token := range map[string]string{
		"rejectsModifiedSignature":             header + "." + payload + ".X" + signature[1:],
		"rejectsMissingSignature":              header + "." + payload + ".",
		"rejectsMissingSignatureAndSeparator":  header + "." + payload,
		"rejectsModifiedPayload":               header + ".WG9v." + signature,
		"rejectsMissingPayload":                header + ".." + signature,
		"rejectsModifiedHeader":                "eyJhbGciOiJub25lIn0." + payload + "." + signature,
		"rejectsMissingHeader":                 "." + payload + "." + signature,
		"rejectsEmptyString":                   "",
		"rejectsExtraEmptyComponent":           good + ".",
		"rejectsExtraComponent":                good + ".foo",
		"rejectsSpacesInMac":                   header + "." + payload + ".    " + signature,
		"rejectsPadding":                       good + "=",
		"rejectsInvalidCharacterInsertedInMac": header + "." + payload + ".?" + signature,
	} {
		if authn.VerifyCompact(token, method, key) {
			t.Errorf("JW-03 %s %s", method.Alg(), name)
		}
	}
}

// webKey is what the rows need of a JSON Web Key.
type webKey struct{ Kty, Alg, K, N, X, Y string }

// TestCase_JW_03_Wycheproof visits every row of the file. HS256 alone of its
// algorithms is one of ours: its verdicts are reproduced, and all that is signed
// in another way is refused, also with the material of its own key.
func TestCase_JW_03_Wycheproof(t *testing.T) {
	t.Parallel()
	t.Run("json_web_signature_test.json", func(t *testing.T) {
		var file struct {
			TestGroups []struct {
				Comment         string
				Private, Public webKey
				Tests           []struct {
					TcID            int
					Comment, Result string
					JWS             json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(vectors(t, "wycheproof/json_web_signature_test.json"), &file); err != nil {
			t.Fatal(err)
		}
		ours := []*authn.Tokens{}
		for _, algorithm := range algorithms {
			tokens, _ := newTokens(t, algorithm, newKeyring(t, secret(1)))
			ours = append(ours, tokens)
		}
		verdicts := map[string]int{}
		for _, group := range file.TestGroups {
			symmetric := group.Private.Kty == "oct" && group.Private.Alg == authn.AlgorithmHS256
			for _, test := range group.Tests {
				verdicts[test.Result]++
				var jws string
				if json.Unmarshal(test.JWS, &jws) != nil {
					jws = string(test.JWS)
				}
				for _, tokens := range ours {
					refused(t, fmt.Sprintf("JW-03 %d %s as an access token", test.TcID, test.Comment), tokens, jws)
				}
				if !symmetric {
					wantConfusionRefused(t, test.TcID, jws, group.Private, group.Public)
					continue
				}
				header, _, _ := strings.Cut(jws, ".")
				got := algOf(header) == authn.AlgorithmHS256 && authn.VerifyCompact(jws, jwt.SigningMethodHS256, decoded(t, group.Private.K))
				want := test.Result == "valid"
				if correct, ok := disputed[test.TcID]; ok {
					want = correct
				}
				if got != want {
					t.Errorf("JW-03 %s %d %s: %v, want %v\n%s", group.Comment, test.TcID, test.Comment, got, want, jws)
				}
			}
		}
		if verdicts["valid"] != 46 || verdicts["invalid"] != 355 {
			t.Errorf("JW-03 the file has rows that are %v", verdicts)
		}
	})
}

// wantConfusionRefused offers a token of another algorithm to ours, with all
// that is known of its key.
func wantConfusionRefused(t *testing.T, id int, jws string, keys ...webKey) {
	t.Helper()
	for _, key := range keys {
		for _, material := range []string{key.K, key.N, key.X, key.Y} {
			if raw, err := base64.RawURLEncoding.DecodeString(material); err == nil && authn.VerifyCompact(jws, jwt.SigningMethodHS256, raw) {
				t.Errorf("JW-03 %d is taken for HS256", id)
			} else if err == nil && len(raw) == ed25519.PublicKeySize && authn.VerifyCompact(jws, jwt.SigningMethodEdDSA, ed25519.PublicKey(raw)) {
				t.Errorf("JW-03 %d is taken for EdDSA", id)
			}
		}
	}
}

// disputed are rows of the file whose verdict does not fit the token they hold.
var disputed = map[int]bool{
	367: true,  // lost its padding on the way: byte for byte row 357, which is valid
	370: true,  // the same
	372: false, // "?" inside the header: RFC 7515 knows no other characters than base64url's
	373: false, // "?" inside the payload
}

// algOf stands in for the check of our own header, which these tokens fail
// for other reasons.
func algOf(segment string) string {
	var header struct{ Alg string }
	b, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil || json.Unmarshal(b, &header) != nil {
		return ""
	}
	return header.Alg
}

func decoded(t testing.TB, segment string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
