package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
)

// vectors reads a file of ../shared/vectors, seen from the module's root, or
// skips the test where that folder is absent.
func vectors(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "vectors", name))
	if os.IsNotExist(err) {
		t.Skipf("vectors/%s is not here", name)
	}
	must(t, err)
	return b
}

// jsonText encodes a text for a body.
func jsonText(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b)
}

func (w *world) registerWith(name, password string) answer {
	w.t.Helper()
	return w.call("POST", "/auth/register", "", `{"username":"`+name+`","email":"`+name+`@example.com","password":`+jsonText(password)+`}`)
}

func (w *world) loginWith(name, password string) answer {
	w.t.Helper()
	return w.call("POST", "/auth/login", "", `{"username":"`+name+`","password":`+jsonText(password)+`}`)
}

func TestCase_PW_01_LengthsOfPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	for name, tt := range map[string]struct {
		password, rule string // the rule it breaks, if any
		code           string
	}{
		"seven":  {"xk7#Qz!", "too_short", "weak_password"},
		"eight":  {"xk7#Qz!w", "", ""},
		"n64":    {strings.Repeat("xk7#Qz!w", 8), "", ""},
		"n128":   {strings.Repeat("xk7#Qz!w", 16), "", ""},
		"n129":   {strings.Repeat("xk7#Qz!w", 16) + "x", "too_long", "validation_failed"},
		"emoji7": {strings.Repeat("🦊", 7), "too_short", "weak_password"},
		"emoji8": {"🦊🐻🐼🐨🐯🦁🐮🐷", "", ""},
	} {
		a := w.registerWith(name, tt.password)
		if tt.rule != "" {
			if a.want(422, tt.code); !strings.Contains(a.body, `"rule":"`+tt.rule+`"`) || strings.Contains(a.body, tt.password) {
				t.Errorf("%s: %s", name, a.body)
			}
			continue
		}
		a.want(201, "")
		w.loginWith(name, tt.password).want(200, "")
		w.loginWith(name, tt.password+"x").want(401, "invalid_credentials")
	}
}

// tooCommon fails the test unless a password was refused for that reason.
func (a answer) tooCommon(password string) {
	a.t.Helper()
	if a.status != 422 || a.text("code") != "weak_password" || !strings.Contains(a.body, `"rule":"too_common"`) || !strings.Contains(a.text("detail"), "too common") {
		a.t.Errorf("%q: %d %s", password, a.status, a.body)
	}
}

// Each common password is refused at a registration and at a change; what merely
// contains one is not.
func TestCase_PW_03_CommonPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.registerWith("alice", "correct-horse-password123").want(201, "")
	change := func(next string) answer {
		return w.call("POST", "/auth/me/password", alice.text("access_token"),
			`{"current_password":"correct-horse-password123","new_password":`+jsonText(next)+`}`)
	}
	for _, password := range []string{"password", "password1", "12345678", "qwertyuiop", "PASSWORD1", "iloveyou"} {
		w.registerWith("bob", password).tooCommon(password)
		change(password).tooCommon(password)
	}
	for file, sample := range map[string]int{"passwords/top10000.txt": 0, "passwords/top100000.txt": 300} {
		t.Run(file, func(t *testing.T) {
			var long []string
			for s := bufio.NewScanner(bytes.NewReader(vectors(t, file))); s.Scan(); {
				if utf8.RuneCountInString(s.Text()) >= 8 {
					long = append(long, s.Text())
				}
			}
			if len(long) < 3000 {
				t.Fatalf("only %d passwords", len(long))
			}
			step := 1
			if sample > 0 {
				step = len(long) / sample
			}
			for i := 0; i < len(long); i += step {
				a := w.registerWith("bob", long[i])
				a.t = t
				a.tooCommon(long[i])
				if i%(10*step) == 0 {
					a = change(long[i])
					a.t = t
					a.tooCommon(long[i])
				}
			}
		})
	}
	w.registerWith("bob", "correct-horse-password123").want(201, "")
	change("another-horse-password123").want(200, "")
}

// A password of more than 72 bytes counts to its last byte.
func TestCase_PW_06_LongPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	for name, password := range map[string]string{
		"bytes": strings.Repeat("a7", 36) + "b",
		"emoji": strings.Repeat("😀", 18) + "x",
	} {
		if len(password) != 73 {
			t.Fatal(len(password))
		}
		w.registerWith(name, password).want(201, "")
		w.loginWith(name, password).want(200, "")
		w.loginWith(name, password[:72]).want(401, "invalid_credentials")
		w.loginWith(name, password[:72]+"?").want(401, "invalid_credentials")
		w.loginWith(name, password+"?").want(401, "invalid_credentials")
	}
}

// Whoever was imported with a hash of another kind signs in with it once, and with
// the configured kind from then on.
func TestCase_PW_10_ImportedHashesAreUpgraded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{account: func(c *account.Config) {
		hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 6, Floor: time.Microsecond})
		must(t, err)
		c.Hasher = hasher
	}})
	id := w.register("alice").id
	check := func(t *testing.T, passwordHex, encoded string) {
		t.Helper()
		password, err := hex.DecodeString(passwordHex)
		must(t, err)
		if !utf8.Valid(password) {
			return // JSON cannot carry it: authn has these
		}
		hash, err := authn.NewPasswordHash(id, encoded, noon)
		must(t, err)
		must(t, w.store.PasswordHashPut(t.Context(), hash))
		w.loginWith("alice", string(password)+"x").want(401, "invalid_credentials")
		w.loginWith("alice", string(password)).want(200, "")
		upgraded, err := w.store.PasswordHashGet(t.Context(), id)
		must(t, err)
		if upgraded.Hash == encoded || upgraded.Scheme != "bcrypt:6" {
			t.Errorf("after the sign-in with %s the hash is %s of %s", encoded, upgraded.Hash, upgraded.Scheme)
		}
		w.loginWith("alice", string(password)).want(200, "")
		again, err := w.store.PasswordHashGet(t.Context(), id)
		must(t, err)
		if again != upgraded {
			t.Error("the second sign-in changed the hash again")
		}
	}
	check(t, "4b6b344451754d4d665a4c396f", "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm")
	t.Run("pyca_vectors.json", func(t *testing.T) {
		var rows []struct {
			Password string `json:"password_hex"`
			Hash     string `json:"hash"`
		}
		must(t, json.Unmarshal(vectors(t, "bcrypt/pyca_vectors.json"), &rows))
		if len(rows) < 20 {
			t.Fatalf("only %d rows", len(rows))
		}
		for _, row := range rows {
			check(t, row.Password, row.Hash)
		}
	})
}

// A change of the password ends what was signed in on every device, refresh tokens
// included; the device that changed it goes on with a new session, and so do
// programs with a key.
func TestCase_PW_14_ThreeDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	devices := []person{w.register("alice"), w.login("alice"), w.login("alice")}
	_, key := w.key(devices[1].access, `{"name":"ci","scopes":["account:read"]}`)
	renewed := personOf(w.call("POST", "/auth/me/password", devices[0].access,
		`{"current_password":"`+password+`","new_password":"a longer walk at dawn"}`).want(200, ""))
	for i, device := range devices {
		if device.session == renewed.session {
			t.Errorf("device %d: the session is the same", i+1)
		}
		w.call("GET", "/auth/me", device.access, "").want(401, "invalid_token")
		w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+device.refresh+`"}`).want(401, "invalid_token")
	}
	w.call("GET", "/auth/me", renewed.access, "").want(200, "")
	w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+renewed.refresh+`"}`).want(200, "")
	w.call("GET", "/auth/me", key, "").want(200, "")
	if sessions := w.call("GET", "/auth/me/sessions", renewed.access, "").want(200, "").items(); len(sessions) != 1 {
		t.Errorf("%d sessions are live", len(sessions))
	}
	w.loginWith("alice", password).want(401, "invalid_credentials")
	w.loginWith("alice", "a longer walk at dawn").want(200, "")
}

// A key cannot change the password, nor can whoever has none of the credentials.
func TestCase_PW_13_WhoMayChangeThePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	_, key := w.key(alice.access, `{"name":"k","scopes":["account:read","account:write"]}`)
	body := fmt.Sprintf(`{"current_password":%q,"new_password":"a longer walk at dawn"}`, password)
	w.call("POST", "/auth/me/password", key, body).want(403, "forbidden")
	w.call("POST", "/auth/me/password", "", body).want(401, "unauthenticated")
	w.call("POST", "/auth/me/password", alice.refresh, body).want(401, "invalid_token")
	w.login("alice")
}
