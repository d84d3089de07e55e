package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fernet/fernet-go"
	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt/internal/seal"
)

const specKey = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="

type vector struct {
	Desc   string    `json:"desc"`
	Token  string    `json:"token"`
	Now    time.Time `json:"now"`
	TTL    int       `json:"ttl_sec"`
	Src    string    `json:"src"`
	IV     []int     `json:"iv"`
	Secret string    `json:"secret"`
}

// vectors reads a file of the Fernet specification's, which lies beside the
// module when the whole workspace is there.
func vectors(t *testing.T, name string) []vector {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "../shared/vectors/fernet", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the vectors of fernet/%s are not beside the module", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var rows []vector
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func mustKey(t testing.TB, s string) seal.Key {
	t.Helper()
	key, err := seal.ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (v vector) ttl() time.Duration { return time.Duration(v.TTL) * time.Second }

func TestCase_RL_15_FernetSpecification(t *testing.T) {
	t.Parallel()
	t.Run("generate", func(t *testing.T) {
		for _, v := range vectors(t, "generate.json") {
			var iv [16]byte
			for i, b := range v.IV {
				iv[i] = byte(b)
			}
			if got := mustKey(t, v.Secret).EncryptWithIV([]byte(v.Src), iv, v.Now); got != v.Token {
				t.Errorf("token is %s, want %s", got, v.Token)
			}
		}
	})
	t.Run("verify", func(t *testing.T) {
		for _, v := range vectors(t, "verify.json") {
			got, err := mustKey(t, v.Secret).Decrypt(v.Token, v.ttl(), v.Now)
			if err != nil || string(got) != v.Src {
				t.Errorf("Decrypt = %q, %v; want %q", got, err, v.Src)
			}
		}
	})
	t.Run("invalid", func(t *testing.T) {
		for _, v := range vectors(t, "invalid.json") {
			if got, err := mustKey(t, v.Secret).Decrypt(v.Token, v.ttl(), v.Now); !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("%s: Decrypt = %q, %v; want ErrDamaged", v.Desc, got, err)
			}
		}
	})
}

// The rows of the specification that matter most, for when its files are not at
// hand.
func TestCase_RL_15_FernetTimes(t *testing.T) {
	t.Parallel()
	const token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
	key := mustKey(t, specKey)
	made := time.Date(1985, 10, 26, 8, 20, 0, 0, time.UTC)
	for _, row := range []struct {
		name string
		ttl  time.Duration
		now  time.Time
		ok   bool
	}{
		{"fresh", time.Minute, made.Add(time.Second), true},
		{"at its end", time.Minute, made.Add(time.Minute), true},
		{"too old", time.Minute, made.Add(61 * time.Second), false},
		{"as new as the skew allows", time.Minute, made.Add(-seal.MaxClockSkew), true},
		{"too new", time.Minute, made.Add(-seal.MaxClockSkew - time.Second), false},
		{"no time to live asked for", 0, made.AddDate(40, 0, 0), true},
	} {
		got, err := key.Decrypt(token, row.ttl, row.now)
		if ok := err == nil && string(got) == "hello"; ok != row.ok {
			t.Errorf("%s: Decrypt = %q, %v; want ok %v", row.name, got, err, row.ok)
		}
	}
}

// What we make, the reference implementation reads, and the other way round.
func TestFernetAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	key, reference := mustKey(t, specKey), fernet.MustDecodeKeys(specKey)
	now := time.Unix(1_700_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "plain")

		ours := string(key.Encrypt(nil, now, plain))
		if got := fernet.VerifyAndDecrypt([]byte(ours), 0, reference); got == nil || !bytes.Equal(got, plain) {
			t.Fatalf("the reference reads %x, want %x", got, plain)
		}
		theirs, err := fernet.EncryptAndSignAtTime(plain, reference[0], now)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := key.Decrypt(string(theirs), 0, now); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("we read %x, %v; want %x", got, err, plain)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	key := mustKey(f, specKey)
	now := time.Unix(1_700_000_000, 0)
	f.Add(string(key.Encrypt(nil, now, []byte("hello"))))
	f.Add("")
	f.Add("gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA==")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := key.Decrypt(s, 0, now); err == nil && string(got) != "hello" {
			t.Errorf("Decrypt(%q) reads %q from a forged token", s, got)
		}
	})
}
