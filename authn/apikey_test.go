package authn_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

func TestGeneratedKeysParse(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, prefix := range []string{"um_", "ums_", "acme1_"} {
		for range 500 {
			key := authn.GenerateAPIKey(prefix).Reveal()
			if err := authn.ParseAPIKey(prefix, key); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			if random := len(key) - len(prefix) - 6; random < 22 {
				t.Fatalf("%s has %d random characters, want at least 22", key, random)
			}
			if seen[key] {
				t.Fatalf("%s came twice", key)
			}
			seen[key] = true
		}
	}
}

func TestAPIKeyCharactersAreEven(t *testing.T) {
	t.Parallel()
	const keys, alphabet = 20_000, 62
	counts := map[byte]int{}
	total := 0
	for range keys {
		key := authn.GenerateAPIKey("").Reveal()
		for _, c := range []byte(key[:len(key)-6]) {
			counts[c]++
			total++
		}
	}
	if len(counts) != alphabet {
		t.Fatalf("%d different characters, want %d", len(counts), alphabet)
	}
	// Taking bytes modulo 62 would make the first eight characters a quarter
	// likelier; chance moves a count of 8,700 by less than six percent.
	want := float64(total) / alphabet
	for c, n := range counts {
		if f := float64(n) / want; f < 0.9 || f > 1.1 {
			t.Errorf("%q came %.2f times as often as the others", c, f)
		}
	}
}

func TestMalformedAPIKeys(t *testing.T) {
	t.Parallel()
	good := authn.GenerateAPIKey("um_").Reveal()
	swapped := []byte(good)
	swapped[5], swapped[6] = swapped[6], swapped[5]
	rows := map[string]string{
		"empty":            "",
		"prefix only":      "um_",
		"other prefix":     "ums_" + good[3:],
		"upper case brand": "UM_" + good[3:],
		"no prefix":        good[3:],
		"cut":              good[:len(good)-1],
		"one more":         good + "a",
		"space before":     " " + good,
		"newline after":    good + "\n",
		"not base62":       strings.Replace(good, good[10:11], "-", 1),
		"too short":        "um_abc123456",
		"very long":        "um_" + strings.Repeat("a", 1<<16),
	}
	if swapped[5] != swapped[6] {
		rows["two characters swapped"] = string(swapped)
	}
	for i := 3; i < len(good); i++ {
		other := byte('a')
		if good[i] == other {
			other = 'b'
		}
		rows[fmt.Sprint("another character at ", i)] = good[:i] + string(other) + good[i+1:]
	}
	for name, key := range rows {
		if err := authn.ParseAPIKey("um_", key); !errors.Is(err, store.ErrInvalidToken) {
			t.Errorf("%s: %v, want an invalid token", name, err)
		}
	}
}

func TestValidKeyBrand(t *testing.T) {
	t.Parallel()
	for brand, want := range map[string]bool{
		"um": true, "acme1": true, "a": true, strings.Repeat("a", 16): true,
		"": false, "1um": false, "Um": false, "u_m": false, "um ": false, "ü": false, strings.Repeat("a", 17): false,
	} {
		if got := authn.ValidKeyBrand(brand); got != want {
			t.Errorf("ValidKeyBrand(%q) = %v", brand, got)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const plain = "um_plaintextofthesecret"
	secret := authn.Secret(plain)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%!"} {
		fmt.Fprintf(&out, verb, secret)
		fmt.Fprintf(&out, verb, struct{ S authn.Secret }{secret})
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("issued", "key", secret, "in", struct{ S authn.Secret }{secret})
	}
	if err := json.NewEncoder(&out).Encode(map[string]any{"key": secret}); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{plain, fmt.Sprintf("%x", plain), fmt.Sprintf("%X", plain)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("a secret was printed:\n%s", out.String())
		}
	}
	if secret.Reveal() != plain {
		t.Error("Reveal does not give the secret")
	}
}

func TestHashSecretOfLongCredentials(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]bool{}
	for _, n := range []int{0, 1, 511, 512, 513, 8192} {
		seen[authn.HashSecret(strings.Repeat("a", n))] = true
	}
	if len(seen) != 6 {
		t.Error("credentials of different lengths have one hash")
	}
}

func FuzzParseAPIKey(f *testing.F) {
	f.Add("um_", authn.GenerateAPIKey("um_").Reveal())
	f.Add("um_", "um_")
	f.Fuzz(func(t *testing.T, prefix, key string) {
		if authn.ParseAPIKey(prefix, key) != nil {
			return
		}
		if !strings.HasPrefix(key, prefix) || len(key) < len(prefix)+28 || len(key) > len(prefix)+70 {
			t.Errorf("%q passes", key)
		}
		if authn.ParseAPIKey(prefix, key+"0") == nil {
			t.Errorf("%q passes with one character more", key)
		}
	})
}
