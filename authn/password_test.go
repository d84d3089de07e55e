package authn_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// cheap are costs for tests.
var cheap = authn.PasswordConfig{
	BcryptCost: 4,
	Argon2:     authn.Argon2Params{Memory: 64, Time: 1, Parallelism: 1},
	Floor:      time.Millisecond,
}

func newHasher(t testing.TB, change func(*authn.PasswordConfig)) *authn.Hasher {
	t.Helper()
	cfg := cheap
	if change != nil {
		change(&cfg)
	}
	h, err := authn.NewHasher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func argon2id(c *authn.PasswordConfig) { c.Algorithm = authn.AlgorithmArgon2id }

func TestHashThenVerify(t *testing.T) {
	t.Parallel()
	passwords := map[string]string{
		"one byte":          "a",
		"72 bytes":          strings.Repeat("a", 72),
		"73 bytes":          strings.Repeat("a", 73),
		"emoji, 73 bytes":   strings.Repeat("\U0001F600", 18) + "x",
		"1 KiB":             strings.Repeat("k", authn.MaxPasswordBytes),
		"with a zero byte":  "before\x00after",
		"not UTF-8":         "\xff\xa3 bytes",
		"expands when NFKC": strings.Repeat("\uFDFA", 300),
	}
	for algorithm, h := range map[string]*authn.Hasher{
		"bcrypt": newHasher(t, nil), "argon2id": newHasher(t, argon2id),
	} {
		for name, password := range passwords {
			t.Run(algorithm+"/"+name, func(t *testing.T) {
				t.Parallel()
				stored, err := h.Hash(t.Context(), password)
				if err != nil {
					t.Fatal(err)
				}
				if ok, rehash, err := h.Begin().Verify(t.Context(), stored, password); !ok || rehash || err != nil {
					t.Errorf("Verify of the same password = %v, %v, %v", ok, rehash, err)
				}
				if ok, _, _ := h.Begin().Verify(t.Context(), stored, password+"!"); ok && len(password) < authn.MaxPasswordBytes {
					t.Error("a longer password matches")
				}
			})
		}
	}
}

func TestCase_PW_06_NothingIsTruncated(t *testing.T) {
	t.Parallel()
	h := newHasher(t, nil)
	for name, password := range map[string]string{
		"73 bytes":                   strings.Repeat("a", 73),
		"18 emoji and one character": strings.Repeat("\U0001F600", 18) + "x",
	} {
		stored, err := h.Hash(t.Context(), password)
		if err != nil {
			t.Fatalf("PW-06 %s: %v", name, err)
		}
		if !strings.HasPrefix(stored, "$argon2id$") {
			t.Errorf("PW-06 %s is stored as %.8s, want argon2id", name, stored)
		}
		if ok, _, _ := h.Begin().Verify(t.Context(), stored, password[:72]); ok {
			t.Errorf("PW-06 %s: the first 72 bytes match", name)
		}
	}
	// The library's comparison reads 72 bytes and calls these equal.
	full := strings.Repeat("a", 72)
	stored, err := bcrypt.GenerateFromPassword([]byte(full), 4)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, _ := h.Begin().Verify(t.Context(), string(stored), full+"DIFFERENT"); ok {
		t.Error("PW-06 a longer password matches a bcrypt hash of its first 72 bytes")
	}
}

func TestCase_PW_10_StoredHashesAreUpgraded(t *testing.T) {
	t.Parallel()
	rows := []struct{ password, hash string }{
		{"4b6b344451754d4d665a4c396f", "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm"},
		{"a3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"},
		{"ffffa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"},
	}
	t.Run("restated", func(t *testing.T) {
		for _, row := range rows {
			checkUpgrade(t, row.password, row.hash)
		}
	})
	t.Run("pyca_vectors.json", func(t *testing.T) {
		var file []struct {
			Password string `json:"password_hex"`
			Hash     string `json:"hash"`
		}
		if err := json.Unmarshal(vectors(t, "bcrypt/pyca_vectors.json"), &file); err != nil {
			t.Fatal(err)
		}
		for _, row := range file {
			checkUpgrade(t, row.Password, row.Hash)
		}
	})
}

func checkUpgrade(t *testing.T, passwordHex, stored string) {
	t.Helper()
	password, err := hex.DecodeString(passwordHex)
	if err != nil {
		t.Fatal(err)
	}
	h := newHasher(t, func(c *authn.PasswordConfig) { c.BcryptCost = 6 })
	if !authn.Recognizes(stored) {
		t.Fatalf("%s is not recognised", stored)
	}
	ok, rehash, err := h.Begin().Verify(t.Context(), stored, string(password))
	if !ok || !rehash || err != nil {
		t.Fatalf("Verify(%s) = %v, %v, %v; want a match to be hashed again", stored, ok, rehash, err)
	}
	if ok, rehash, _ := h.Begin().Verify(t.Context(), stored, string(password)+"x"); ok || rehash {
		t.Errorf("Verify(%s) with another password = %v, %v", stored, ok, rehash)
	}
	upgraded, err := h.Hash(t.Context(), string(password))
	if err != nil {
		t.Fatal(err)
	}
	if ok, rehash, _ := h.Begin().Verify(t.Context(), upgraded, string(password)); !ok || rehash {
		t.Errorf("Verify of the upgraded hash = %v, %v", ok, rehash)
	}
}

func TestRehashFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	configurations := map[string]*authn.Hasher{
		"bcrypt 4":      newHasher(t, nil),
		"bcrypt 5":      newHasher(t, func(c *authn.PasswordConfig) { c.BcryptCost = 5 }),
		"argon2id":      newHasher(t, argon2id),
		"argon2id 2":    newHasher(t, func(c *authn.PasswordConfig) { argon2id(c); c.Argon2.Time = 2 }),
		"argon2id 2048": newHasher(t, func(c *authn.PasswordConfig) { argon2id(c); c.Argon2.Memory = 2048 }),
	}
	for from, old := range configurations {
		stored, err := old.Hash(t.Context(), "a password")
		if err != nil {
			t.Fatal(err)
		}
		for to, now := range configurations {
			ok, rehash, err := now.Begin().Verify(t.Context(), stored, "a password")
			if !ok || err != nil || rehash != (from != to) {
				t.Errorf("from %s to %s: %v, %v, %v", from, to, ok, rehash, err)
			}
		}
	}
}

func TestPasswordsAreNormalizedOnce(t *testing.T) {
	t.Parallel()
	h := newHasher(t, nil)
	stored, err := h.Hash(t.Context(), "Caf\u00e9 \ufb01ne \uff11")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, _ := h.Begin().Verify(t.Context(), stored, "Cafe\u0301 fine 1"); !ok {
		t.Error("the same password typed decomposed does not match")
	}
}

func TestCase_PW_09_LongPasswordsAreRefusedUnhashed(t *testing.T) {
	t.Parallel()
	h := newHasher(t, func(c *authn.PasswordConfig) { c.Concurrency, c.Queue = 1, 1 })
	release := h.OccupySlot(t) // hashing would wait for ever
	defer release()
	long := strings.Repeat("a", 1<<20)
	if _, err := h.Hash(t.Context(), long); !errors.Is(err, store.ErrValidation) {
		t.Errorf("PW-09 Hash = %v, want a validation error", err)
	}
	if ok, _, err := h.Begin().Verify(t.Context(), "$2a$04$x", long); ok || err != nil {
		t.Errorf("PW-09 Verify = %v, %v", ok, err)
	}
	if err := h.Begin().Pretend(t.Context(), long); err != nil {
		t.Errorf("PW-09 Pretend = %v", err)
	}
}

func TestCase_PW_12_HashingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const queue = 3
		h := newHasher(t, func(c *authn.PasswordConfig) { c.Concurrency, c.Queue = 2, queue })
		releases := []func(){h.OccupySlot(t), h.OccupySlot(t)}
		var waiting sync.WaitGroup
		for range queue {
			waiting.Go(func() {
				if err := h.Begin().Pretend(t.Context(), "password"); err != nil {
					t.Errorf("PW-12 a queued sign-in: %v", err)
				}
			})
		}
		synctest.Wait()
		if got := h.Waiting(); got != queue {
			t.Fatalf("PW-12 %d calls wait, want %d", got, queue)
		}
		var busy *store.Error
		if _, _, err := h.Begin().Verify(t.Context(), "", "password"); !errors.As(err, &busy) || busy.Code != store.ErrUnavailable || busy.RetryAfter < time.Second {
			t.Errorf("PW-12 beyond the queue: %v, want unavailable with a wait", err)
		}
		for _, release := range releases {
			release()
		}
		waiting.Wait()
		if got := h.Waiting(); got != 0 {
			t.Errorf("PW-12 %d calls still counted as waiting", got)
		}
	})
}

func TestWaitingForASlotEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, func(c *authn.PasswordConfig) { c.Concurrency = 1 })
		defer h.OccupySlot(t)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Hash(ctx, "password"); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Hash = %v", err)
		}
		if _, err := h.Hash(ctx, "password"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Hash after the end = %v", err)
		}
	})
}

func TestUnreadableHashesMatchNothing(t *testing.T) {
	t.Parallel()
	const salt, tag = "c29tZXNhbHRzb21lc2FsdA", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"
	rows := map[string]string{
		"empty":                   "",
		"plain text":              "password",
		"md5":                     "5f4dcc3b5aa765d61d8327deb882cf99",
		"bcrypt 2x":               "$2x$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm",
		"bcrypt with a space":     "$2a$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3Y m",
		"bcrypt cut short":        "$2a$04$cVWp4XaNU8a4v1uMRum2SO",
		"bcrypt cost 31":          "$2a$31$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm",
		"argon2i":                 "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + tag,
		"argon2 version 16":       "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + tag,
		"argon2 2 GiB":            "$argon2id$v=19$m=2097152,t=1,p=1$" + salt + "$" + tag,
		"argon2 4 GiB and more":   "$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + tag,
		"argon2 overflow":         "$argon2id$v=19$m=18446744073709551680,t=1,p=1$" + salt + "$" + tag,
		"argon2 many passes":      "$argon2id$v=19$m=64,t=4294967295,p=1$" + salt + "$" + tag,
		"argon2 much work":        "$argon2id$v=19$m=262144,t=60,p=1$" + salt + "$" + tag,
		"argon2 no passes":        "$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + tag,
		"argon2 no lanes":         "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + tag,
		"argon2 255 lanes":        "$argon2id$v=19$m=65536,t=1,p=255$" + salt + "$" + tag,
		"argon2 memory too small": "$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + tag,
		"argon2 negative":         "$argon2id$v=19$m=-64,t=1,p=1$" + salt + "$" + tag,
		"argon2 leading zero":     "$argon2id$v=19$m=064,t=1,p=1$" + salt + "$" + tag,
		"argon2 extra parameter":  "$argon2id$v=19$m=64,t=1,p=1,x=1$" + salt + "$" + tag,
		"argon2 short salt":       "$argon2id$v=19$m=64,t=1,p=1$c29tZQ$" + tag,
		"argon2 short tag":        "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$MTIz",
		"argon2 no tag":           "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"argon2 line break":       "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + tag + "\n",
		"argon2 padding":          "$argon2id$v=19$m=64,t=1,p=1$" + salt + "==$" + tag,
		"argon2 very long":        "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 1<<20),
	}
	h := newHasher(t, nil)
	for name, stored := range rows {
		if authn.Recognizes(stored) {
			t.Errorf("%s: recognised", name)
		}
		if ok, rehash, err := h.Begin().Verify(t.Context(), stored, "password"); ok || rehash || err != nil {
			t.Errorf("%s: Verify = %v, %v, %v", name, ok, rehash, err)
		}
	}
	if !authn.Recognizes("$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + tag) {
		t.Error("the good neighbour of these rows is not recognised")
	}
}

func TestPasswordConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*authn.PasswordConfig){
		"Algorithm":   func(c *authn.PasswordConfig) { c.Algorithm = "md5" },
		"BcryptCost":  func(c *authn.PasswordConfig) { c.BcryptCost = 3 },
		"Argon2":      func(c *authn.PasswordConfig) { c.Argon2.Memory = 1 << 30 },
		"Concurrency": func(c *authn.PasswordConfig) { c.Concurrency = -1 },
		"Queue":       func(c *authn.PasswordConfig) { c.Queue = -1 },
		"Floor":       func(c *authn.PasswordConfig) { c.Floor = -1 },
	} {
		cfg := cheap
		change(&cfg)
		if _, err := authn.NewHasher(cfg); err == nil || !strings.Contains(err.Error(), "PasswordConfig."+name) {
			t.Errorf("%s: %v, want an error that names the field", name, err)
		}
	}
	if _, err := authn.NewHasher(authn.PasswordConfig{}); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

func TestAnyPasswordMatchesItsHashOnly(t *testing.T) {
	t.Parallel()
	hashers := []*authn.Hasher{newHasher(t, nil), newHasher(t, argon2id)}
	rapid.Check(t, func(rt *rapid.T) {
		h := rapid.SampledFrom(hashers).Draw(rt, "hasher")
		password := rapid.StringN(1, 128, authn.MaxPasswordBytes).Draw(rt, "password")
		stored, err := h.Hash(t.Context(), password)
		if err != nil {
			rt.Fatal(err)
		}
		if ok, rehash, err := h.Begin().Verify(t.Context(), stored, password); !ok || rehash || err != nil {
			rt.Fatalf("Verify = %v, %v, %v", ok, rehash, err)
		}
		if ok, _, _ := h.Begin().Verify(t.Context(), stored, "x"+password); ok {
			rt.Fatal("another password matches")
		}
	})
}

func FuzzStoredHash(f *testing.F) {
	f.Add("$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm")
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$MTIzNDU2Nzg5MDEyMzQ1Ng")
	f.Fuzz(func(t *testing.T, stored string) {
		if authn.Recognizes(stored) && strings.ContainsAny(stored, "\r\n\x00 ") {
			t.Errorf("%q is recognised", stored)
		}
	})
}
