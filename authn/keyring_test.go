package authn_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/authn"
)

// secret returns a fixed secret for tests; it is as regular as test data may be.
func secret(n byte) []byte {
	sum := sha256.Sum256([]byte{n})
	return sum[:]
}

func newKeyring(t testing.TB, secrets ...[]byte) *authn.Keyring {
	t.Helper()
	ring, err := authn.NewKeyring(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

var allPurposes = []authn.Purpose{
	authn.PurposeEd25519, authn.PurposeHS256, authn.PurposeCursor, authn.PurposeSignInName, authn.PurposeRefresh,
}

func TestKeysAreSeparateAndStable(t *testing.T) {
	t.Parallel()
	a, b := newKeyring(t, secret(1), secret(2)), newKeyring(t, secret(2))
	ids, secrets := map[string]bool{}, map[string]bool{}
	for _, purpose := range allPurposes {
		keys := a.All(purpose)
		if len(keys) != 2 || a.Newest(purpose) != keys[0] {
			t.Fatalf("%s: %d keys, the newest is not the first", purpose, len(keys))
		}
		for i, key := range keys {
			ids[key.ID], secrets[string(key.Secret())] = true, true
			if raw := a.Secrets(purpose); len(raw) != 2 || !bytes.Equal(raw[i], key.Secret()) {
				t.Errorf("%s: Secrets differ from the keys", purpose)
			}
			if found, ok := a.ByID(purpose, key.ID); !ok || found != key {
				t.Errorf("%s: key %s is not found by its id", purpose, key.ID)
			}
		}
		if b.Newest(purpose) != keys[1] {
			t.Errorf("%s: the same secret gave another key", purpose)
		}
		if _, ok := b.ByID(purpose, keys[0].ID); ok {
			t.Errorf("%s: a key whose secret is gone is found", purpose)
		}
	}
	if want := 2 * len(allPurposes); len(ids) != want || len(secrets) != want {
		t.Errorf("%d ids and %d keys, want %d different ones", len(ids), len(secrets), want)
	}
}

func TestKeysHideTheirSecret(t *testing.T) {
	t.Parallel()
	key := newKeyring(t, secret(1)).Newest(authn.PurposeCursor)
	raw := key.Secret()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		out := fmt.Sprintf(verb, key)
		if strings.Contains(out, hex.EncodeToString(raw)) || strings.Contains(out, fmt.Sprint(raw[:4])[1:5]) {
			t.Errorf("%s shows the secret: %s", verb, out)
		}
	}
	raw[0]++
	if bytes.Equal(raw, key.Secret()) {
		t.Error("Secret gives out the key's own bytes")
	}
}

func TestMACFramesItsParts(t *testing.T) {
	t.Parallel()
	key := newKeyring(t, secret(1)).Newest(authn.PurposeRefresh)
	if key.MAC([]byte("ab"), []byte("c")) == key.MAC([]byte("a"), []byte("bc")) {
		t.Error("moving a byte between parts does not change the MAC")
	}
	if key.MAC([]byte("abc")) == key.MAC([]byte("abc"), nil) {
		t.Error("an empty part does not change the MAC")
	}
}

func TestCase_JW_06_WeakSecretsAreRefused(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 5, 31} {
		short := secret(1)[:n]
		if _, err := authn.NewKeyring([][]byte{short}); err == nil {
			t.Errorf("JW-06 a keyring of a secret of %d bytes is made", n)
		}
		if !authn.WeakSecret(short) {
			t.Errorf("JW-06 a secret of %d bytes passes", n)
		}
	}
	for _, weak := range []string{
		"", "secret", "changeme",
		"changemechangemechangemechangeme",
		"CHANGE-ME-please-CHANGE-ME-1234-zqx",
		"my super secret key that is long enough",
		"please replace_me with 32 bytes!!",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"12345678901234567890123456789012",
		"0123456789abcdef0123456789abcdef",
		"abcdefghijklmnopqrstuvwxyz0123456789",
		"test123-test123-test123-test123-test123-",
		"reallyreallyreallyreallyverysafe",
		"r9iMKoe5CRMgvJBBtp4HrqN7QiPpUToj", // published
		string(make([]byte, 64)),
	} {
		if !authn.WeakSecret([]byte(weak)) {
			t.Errorf("JW-06 %q passes", weak)
		}
	}
	t.Run("jwt.secrets.list", func(t *testing.T) {
		for _, line := range lines(vectors(t, "jwt-secrets/jwt.secrets.list")) {
			if !authn.WeakSecret(line) {
				t.Errorf("JW-06 the published secret %q passes", line)
			}
		}
	})
}

func TestRandomSecretsPass(t *testing.T) {
	t.Parallel()
	for range 2000 {
		raw := make([]byte, 32)
		rand.Read(raw)
		for _, good := range []string{
			string(raw), hex.EncodeToString(raw), hex.EncodeToString(raw[:16]),
			base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw[:24]),
		} {
			if authn.WeakSecret([]byte(good)) {
				t.Fatalf("a random secret of %d bytes is called weak", len(good))
			}
		}
	}
}

func TestKeyringNamesTheFault(t *testing.T) {
	t.Parallel()
	for want, secrets := range map[string][][]byte{
		"at least one":     nil,
		"secret key 2 has": {secret(1), secret(2)[:16]},
		"given twice":      {secret(1), secret(1)},
	} {
		if _, err := authn.NewKeyring(secrets); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

var update = flag.Bool("update", false, "write known_secrets.bin anew from the published list")

func TestKnownSecretsAreThePublishedList(t *testing.T) {
	t.Parallel()
	var sums []uint64
	for _, line := range lines(vectors(t, "jwt-secrets/jwt.secrets.list")) {
		if len(line) >= authn.MinSecretBytes {
			sum := sha256.Sum256(line)
			sums = append(sums, binary.BigEndian.Uint64(sum[:]))
		}
	}
	slices.Sort(sums)
	var want []byte
	for _, sum := range slices.Compact(sums) {
		want = binary.BigEndian.AppendUint64(want, sum)
	}
	if *update {
		if err := os.WriteFile("known_secrets.bin", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("known_secrets.bin")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("known_secrets.bin is not what the list gives; run this test with -update")
	}
}
