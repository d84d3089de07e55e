package stress_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store"
)

// settlers are how many users settle makes: few enough for all that they write
// to stand in the log until it is closed.
const settlers = 12

// settle makes a database with users in it and returns them by their ids. It
// calls whileOpen, unless that is nil, before it closes the files.
func settle(t testing.TB, path string, whileOpen func()) map[string]usermgmt.User {
	t.Helper()
	m, err := usermgmt.New(t.Context(), household(path))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	users := map[string]usermgmt.User{}
	for i := range settlers {
		user, _ := register(t, m, fmt.Sprintf("user%02d", i))
		users[user.ID] = user
	}
	if whileOpen != nil {
		whileOpen()
	}
	return users
}

// contents are the files of a folder.
func contents(t testing.TB, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(content)
	}
	return files
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// noise is not what any page or header of SQLite looks like.
func noise(n int) []byte { return bytes.Repeat([]byte{0xee, 0x07, 0xb3}, n/3+1)[:n] }

// overwritten is data with n bytes of noise at an offset.
func overwritten(data []byte, at, n int) []byte {
	data = bytes.Clone(data)
	copy(data[at:min(at+n, len(data))], noise(n))
	return data
}

const pageSize = 4096

// A file that cannot be used is refused in words that name it and say what to
// do, and it is left as it is.
func TestCase_RP_16_FilesThatCannotBeUsed(t *testing.T) {
	beside(t)
	path := databasePath(t)
	settle(t, path, nil)
	good := read(t, path)
	newer, foreign := databasePath(t), databasePath(t)
	write(t, newer, good)
	later := openFile(t, newer)
	later.exec("INSERT INTO schema_migrations SELECT 99, '0099_later', '', 99, 0")
	later.exec("PRAGMA wal_checkpoint(TRUNCATE)")
	other := openFile(t, foreign)
	other.exec("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
	other.exec("INSERT INTO users (name) VALUES ('somebody else')")

	for _, tt := range []struct {
		name string
		data []byte
		says string
	}{
		{"Half", good[:len(good)/2], "restore it from a backup"},
		{"FirstPageOnly", good[:pageSize], "restore it from a backup"},
		{"HalfAPage", good[:pageSize/2], "restore it from a backup"},
		{"HeaderOverwritten", overwritten(good, 0, 100), "not a SQLite database"},
		{"MagicOverwritten", overwritten(good, 0, 16), "not a SQLite database"},
		{"SchemaOverwritten", overwritten(good, 100, pageSize-100), "restore it from a backup"},
		{"Text", bytes.Repeat([]byte("Dear diary, "), 1000), "not a SQLite database"},
		{"OneByte", []byte("x"), "not a SQLite database"},
		{"Zeros", make([]byte, 2*pageSize), "not a SQLite database"},
		{"NewerSchema", read(t, newer), "Use a newer version"},
		{"AnotherPrograms", read(t, foreign), "name a file of its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := databasePath(t)
			write(t, file, tt.data)
			refused(t, file, tt.says)
		})
	}
	t.Run("Folder", func(t *testing.T) {
		file := databasePath(t)
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
		refused(t, file, "not that of a file")
	})
	t.Run("NoFolder", func(t *testing.T) {
		refused(t, filepath.Join(t.TempDir(), "missing", "usermgmt.db"), "make it first")
	})
}

// refused fails the test unless New refuses the file in such words, and changes
// nothing.
func refused(t *testing.T, path, says string) {
	t.Helper()
	before := map[string]string{}
	folder := filepath.Dir(path)
	if _, err := os.Stat(folder); err == nil {
		before = contents(t, folder)
	}
	m, err := usermgmt.New(t.Context(), household(path))
	if err == nil {
		m.Close()
		t.Fatal("opened")
	}
	if !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("the refusal does not say %q of %s: %v", says, filepath.Base(path), err)
	}
	if _, err := os.Stat(folder); err == nil && !maps.Equal(before, contents(t, folder)) {
		t.Error("the files were changed")
	}
}

// The maker of a database may have been killed before its first transaction.
func TestAnEmptyFileBecomesADatabase(t *testing.T) {
	beside(t)
	path := databasePath(t)
	write(t, path, nil)
	settle(t, path, nil)
	openFile(t, path).whole()
}

// Whichever page of the file is noise, New says so, or what is read from the
// page is refused: no answer is made up.
func TestAnOverwrittenPageGivesNoWrongAnswer(t *testing.T) {
	beside(t)
	path := databasePath(t)
	users := settle(t, path, nil)
	good := read(t, path)
	var counts tally
	for page := 0; page < len(good)/pageSize; page += form(8, 1) {
		file := databasePath(t)
		write(t, file, overwritten(good, page*pageSize, pageSize))
		m, err := usermgmt.New(t.Context(), household(file))
		if err != nil {
			if !strings.Contains(err.Error(), filepath.Base(file)) {
				t.Errorf("page %d: the refusal does not name the file: %v", page, err)
			}
			counts.add("refused at the start")
			continue
		}
		for id, want := range users {
			got, err := m.Users().Get(t.Context(), id)
			switch {
			case err == nil && got.Username != want.Username:
				t.Errorf("page %d: %s is called %q, was %q", page, id, got.Username, want.Username)
			case err != nil && !errors.Is(err, store.ErrUnavailable):
				t.Errorf("page %d: reading: %v; want %v", page, err, store.ErrUnavailable)
			case err != nil:
				counts.add("reads refused")
			}
		}
		_, _, err = m.Users().SignIn(t.Context(), "user07", password, usermgmt.Origin{})
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("page %d: signing in: %v; want %v", page, err, store.ErrUnavailable)
		}
		_ = m.Close() // may not find room to write what is damaged
		counts.add("opened")
	}
	t.Log(&counts)
}

// What a crash, a bad disk or a careless copy leaves of the log: SQLite takes
// it up to the first frame that is not whole. So what is there is a beginning
// of what was acknowledged, with nothing torn, and all of it where the log is
// whole.
func TestADamagedLogLosesNothingBeforeTheDamage(t *testing.T) {
	beside(t)
	path := databasePath(t)
	var database, log []byte
	settle(t, path, func() { database, log = read(t, path), read(t, path+"-wal") })
	if len(log) < 20*pageSize {
		t.Fatalf("the log has %d bytes; nothing is in it", len(log))
	}
	for _, tt := range []struct {
		name string
		log  []byte
		all  bool
	}{
		{"Whole", log, true},
		{"NoiseBehind", append(bytes.Clone(log), noise(3*pageSize)...), true},
		{"Half", log[:len(log)/2], false},
		{"MiddleOverwritten", overwritten(log, len(log)/2, 100), false},
		{"HeaderOverwritten", overwritten(log, 0, 32), false},
		{"Text", noise(pageSize), false},
		{"Empty", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := databasePath(t)
			write(t, file, database)
			write(t, file+"-wal", tt.log)
			m := openManager(t, household(file))
			there := 0
			for i := range settlers {
				_, _, err := m.Users().SignIn(t.Context(), fmt.Sprintf("user%02d", i), password, usermgmt.Origin{})
				switch {
				case err == nil && i == there:
					there++
				case err == nil:
					t.Errorf("user %d is there, but not those before", i)
				case !errors.Is(err, store.ErrInvalidCredentials):
					t.Errorf("user %d: %v", i, err)
				}
			}
			if tt.all != (there == settlers) {
				t.Errorf("%d of %d users are there", there, settlers)
			}
			openFile(t, file).whole()
		})
	}
}

// A host whose settings cannot be used says which and why, at once.
func TestCase_RP_16_SettingsThatCannotBeUsed(t *testing.T) {
	beside(t)
	for variable, values := range map[string][]string{
		"USERMGMT_SECRET_KEYS":         {"secret", "changeme-changeme-changeme-changeme", strings.Repeat("a", 40)},
		"USERMGMT_ENCRYPTION_KEYS":     {"not-a-fernet-key"},
		"USERMGMT_AUDIT_KEYS":          {"short"},
		"USERMGMT_TRUSTED_PROXIES":     {"10.0.0.0/33", "0.0.0.0/0", "localhost"},
		"USERMGMT_IP_ALLOWLIST":        {"10.0.0.1/8/8"},
		"USERMGMT_RATE_LIMIT":          {"fast", "0/s", "-1/s"},
		"USERMGMT_BCRYPT_COST":         {"99", "x"},
		"USERMGMT_LOCKOUT":             {"10", "0/15m"},
		"USERMGMT_BASE_URL":            {"example.com"},
		"USERMGMT_ACCESS_TOKEN_TTL":    {"1s"},
		"USERMGMT_DAILY_CONVERSATIONS": {"-2", "many"},
		"USERMGMT_CORS_ORIGINS":        {"*"},
	} {
		t.Run(variable, func(t *testing.T) {
			for _, value := range values {
				path := databasePath(t)
				p, err := launch(t, settings{Path: path, Variables: []string{variable + "=" + value}})
				if err == nil {
					t.Errorf("started with %q", value)
					p.kill()
					continue
				}
				<-p.ended
				if !strings.Contains(p.log.String(), variable) {
					t.Errorf("the refusal of %q does not name the variable: %s", value, p.log)
				}
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a database was made all the same: %v", err)
				}
			}
		})
	}
}
