package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/fernet/fernet-go"

	"github.com/usermgmt/usermgmt/internal/seal"
)

var now = time.Unix(1_700_000_000, 0)

func mustRing(t testing.TB, keys ...string) *seal.Keyring {
	t.Helper()
	ring, err := seal.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func mustSeal(t testing.TB, ring *seal.Keyring, plain, where string) string {
	t.Helper()
	sealed, err := ring.Seal([]byte(plain), where, now)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := seal.GenerateKey()
	for _, row := range []struct {
		name string
		keys []string
		want string
	}{
		{"no key", nil, "at least one"},
		{"an empty key", []string{""}, "key 1"},
		{"a short key", []string{good, good[4:]}, "key 2"},
		{"a key in the other alphabet", []string{"cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4="}, "key 1"},
		{"a password", []string{"correct horse battery staple"}, "key 1"},
		{"one key twice", []string{good, strings.TrimSuffix(good, "=")}, "key 2"},
	} {
		_, err := seal.New(row.keys)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error is %v, want one that says %q", row.name, err, row.want)
		}
		for _, key := range row.keys {
			if err != nil && len(key) > 0 && strings.Contains(err.Error(), key) {
				t.Errorf("%s: the error holds the key", row.name)
			}
		}
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	ring := mustRing(t, seal.GenerateKey())
	for _, plain := range []string{"", "x", strings.Repeat("seed", 1000)} {
		sealed := mustSeal(t, ring, plain, "totp.seed.usr_1")
		if len(plain) > 1 && strings.Contains(sealed, plain) {
			t.Error("the sealed value holds the plain one")
		}
		got, err := ring.Open(sealed, "totp.seed.usr_1")
		if err != nil || string(got) != plain {
			t.Errorf("Open = %q, %v; want %q", got, err, plain)
		}
	}
	if _, err := ring.Seal(nil, "", now); err == nil {
		t.Error("a value without a place was sealed")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	ring, other := mustRing(t, seal.GenerateKey()), mustRing(t, seal.GenerateKey())
	const where = "deleted_users.profile.usr_1"
	sealed := mustSeal(t, ring, "secret", where)
	id, token, _ := strings.Cut(sealed, ".")
	flipped := []byte(token)
	flipped[20] ^= 1

	for _, row := range []struct {
		name, sealed, where string
		want                error
	}{
		{"another row", sealed, "deleted_users.profile.usr_2", seal.ErrWrongPlace},
		{"a place that begins the same", sealed, where + "0", seal.ErrWrongPlace},
		{"no place", sealed, "", seal.ErrWrongPlace},
		{"another installation's", mustSeal(t, other, "secret", where), where, seal.ErrUnknownKey},
		{"a bit flipped", id + "." + string(flipped), where, seal.ErrDamaged},
		{"cut short", sealed[:len(sealed)-4], where, seal.ErrDamaged},
		{"no token", id + ".", where, seal.ErrDamaged},
		{"no key id", token, where, seal.ErrDamaged},
		{"empty", "", where, seal.ErrDamaged},
	} {
		if got, err := ring.Open(row.sealed, row.where); !errors.Is(err, row.want) || got != nil {
			t.Errorf("%s: Open = %q, %v; want %v", row.name, got, err, row.want)
		}
	}
}

// A token of one of our keys that was not made by Seal has no place inside.
func TestOpenRefusesABareToken(t *testing.T) {
	t.Parallel()
	secret := seal.GenerateKey()
	ring, key := mustRing(t, secret), mustKey(t, secret)
	id, _, _ := strings.Cut(mustSeal(t, ring, "", "a.b.c"), ".")
	for _, framed := range []string{"", "\x05abc", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01abc", strings.Repeat("\xff", 16)} {
		token := string(key.Encrypt(nil, now, []byte(framed)))
		if got, err := ring.Open(id+"."+token, "abc"); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("frame %x: Open = %q, %v; want ErrDamaged", framed, got, err)
		}
	}
}

func TestCase_S7_Rotation(t *testing.T) {
	t.Parallel()
	older, newer := seal.GenerateKey(), seal.GenerateKey()
	before := mustRing(t, older)
	sealed := mustSeal(t, before, "secret", "a.b.c")
	after := mustRing(t, newer, older)

	got, err := after.Open(sealed, "a.b.c")
	if err != nil || string(got) != "secret" {
		t.Fatalf("Open with an older key = %q, %v", got, err)
	}
	if _, err := before.Open(mustSeal(t, after, "secret", "a.b.c"), "a.b.c"); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("a new value is sealed with an older key: %v", err)
	}
}

func TestKeysAreNeitherPrintedNorLogged(t *testing.T) {
	t.Parallel()
	secret := seal.GenerateKey()
	ring, key := mustRing(t, secret), mustKey(t, secret)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %d %x", ring, ring, ring, ring, ring, ring)
	fmt.Fprintf(&out, "%v %+v %#v %s %d %x", key, key, key, key, key, key)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("made", "ring", ring, "key", key, "keys", []seal.Key{key})
	}

	want := "keyring of 1 keys"
	if !strings.Contains(out.String(), want) {
		t.Errorf("output does not say %q", want)
	}
	for _, leak := range []string{secret[:8], "signing", "block", "newest"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("output holds %q: %s", leak, out.String())
		}
	}
}

func FuzzOpen(f *testing.F) {
	ring := mustRing(f, specKey)
	sealed := mustSeal(f, ring, "secret", "a.b.c")
	f.Add(sealed, "a.b.c")
	f.Add(sealed, "a.b.d")
	f.Add("", "")
	f.Add(".", ".")
	f.Fuzz(func(t *testing.T, s, where string) {
		got, err := ring.Open(s, where)
		if err == nil && (string(got) != "secret" || where != "a.b.c") {
			t.Errorf("Open(%q, %q) reads %q from a forged value", s, where, got)
		}
	})
}

// One kilobyte, beside the reference implementation.
func BenchmarkSeal(b *testing.B) {
	plain := bytes.Repeat([]byte("x"), 1024)
	b.Run("usermgmt", func(b *testing.B) {
		ring := mustRing(b, specKey)
		for b.Loop() {
			if _, err := ring.Seal(plain, "message_logs.request.msg_1", now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("fernet-go", func(b *testing.B) {
		key := fernet.MustDecodeKeys(specKey)[0]
		for b.Loop() {
			if _, err := fernet.EncryptAndSignAtTime(plain, key, now); err != nil {
				b.Fatal(err)
			}
		}
	})
}
