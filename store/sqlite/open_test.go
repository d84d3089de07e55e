package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func TestOpenMakesAPrivateFile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"usermgmt.db", "with space.db", "odd ?#%41&=;'\".db", "ünï.db", ":x:"} {
		path := filepath.Join(t.TempDir(), name)
		s := openFile(t, path, nil)
		if err := s.UserInsert(t.Context(), store.User{ID: "usr_1"}); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{path, path + "-wal", path + "-shm"} {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
				t.Errorf("%s has mode %v, want 0600", filepath.Base(file), mode)
			}
		}
	}
}

func TestOpenAgainFindsWhatWasStored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	for i := range 3 {
		s, err := sqlite.Open(t.Context(), path, &sqlite.Options{ReadConns: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.UserGet(t.Context(), "usr_1")
		if found := err == nil; found != (i > 0) {
			t.Errorf("open %d: %v", i, err)
		}
		if i == 0 {
			err = s.UserInsert(t.Context(), store.User{ID: "usr_1"})
		}
		if err := errors.Join(err, s.Close()); i == 0 && err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + "-wal"); !os.IsNotExist(err) {
			t.Errorf("open %d: Close left a log behind: %v", i, err)
		}
	}
}

// TestOpenRefuses checks that each refusal says what is wrong and changes
// nothing.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := write("text.db", []byte(strings.Repeat("Dear diary, ", 1000)))
	short := write("short.db", []byte("x"))
	damaged := write("damaged.db", damagedDatabase(t))

	tests := []struct{ name, path, says string }{
		{"MissingFolder", filepath.Join(dir, "missing", "usermgmt.db"), "make it first"},
		{"FolderIsAFile", filepath.Join(text, "usermgmt.db"), "folder"},
		{"PathIsAFolder", dir, "cannot be written"},
		{"Empty", "", "must name a file"},
		{"InMemory", ":memory:", "must name a file"},
		{"NotADatabase", text, "not a SQLite database"},
		{"TooShort", short, "not a SQLite database"},
		{"Damaged", damaged, "damaged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, _ := os.ReadFile(tt.path)
			s, err := sqlite.Open(t.Context(), tt.path, nil)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error does not say %q: %v", tt.says, err)
			}
			if after, _ := os.ReadFile(tt.path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

// damagedDatabase is a database whose first pages after the header are noise.
func damagedDatabase(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	s, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 100; i < len(data); i++ {
		data[i] = byte(i * 7)
	}
	return data
}

func TestOpenEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "usermgmt.db"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestCase_RL_13_ParallelStartersMigrateOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	var starters sync.WaitGroup
	for range 8 {
		starters.Go(func() {
			s, err := sqlite.Open(t.Context(), path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(s.Ping(t.Context()), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	starters.Wait()
	s := openFile(t, path, nil)
	if n, err := s.ReaderValue(t.Context(), "SELECT COUNT(*) FROM schema_migrations"); err != nil || n != "1" {
		t.Errorf("%s migrations are noted, %v", n, err)
	}
}

func TestMigrationsAcrossVersions(t *testing.T) {
	t.Parallel()
	released, err := sqlite.Released()
	if err != nil {
		t.Fatal(err)
	}
	with := func(extra map[string]string) map[string]string {
		files := maps.Clone(released)
		maps.Copy(files, extra)
		return files
	}
	additive := with(map[string]string{"0002_add.sql": "-- compatible_from: 1\nCREATE TABLE added (a TEXT) STRICT;"})
	breaking := with(map[string]string{"0002_drop.sql": "-- compatible_from: 2\nDROP TABLE outbox;"})
	edited := with(map[string]string{"0001_initial.sql": released["0001_initial.sql"] + "\n-- edited"})
	failing := with(map[string]string{"0002_half.sql": "-- compatible_from: 1\nCREATE TABLE half (a TEXT) STRICT;\nNONSENSE;"})

	tests := []struct {
		name  string
		next  map[string]string // what a newer program migrates with
		nextC store.Code        // its error
		back  store.Code        // the error of this version afterwards
	}{
		{"AdditiveStepLetsThisVersionGoOn", additive, "", ""},
		{"BreakingStepKeepsThisVersionOut", breaking, "", store.ErrConflict},
		{"EditedStepIsRefused", edited, store.ErrConflict, ""},
		{"FailingStepLeavesNothing", failing, store.ErrInternal, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "usermgmt.db")
			s := openFile(t, path, nil)
			if err := s.MigrateWith(t.Context(), tt.next); store.CodeOf(err) != tt.nextC {
				t.Fatalf("migrating: %v, want %q", err, tt.nextC)
			}
			if err := s.MigrateWith(t.Context(), tt.next); store.CodeOf(err) != tt.nextC {
				t.Fatalf("migrating again: %v, want %q", err, tt.nextC)
			}
			back, err := sqlite.Open(t.Context(), path, nil)
			if store.CodeOf(err) != tt.back {
				t.Fatalf("opening with this version: %v, want %q", err, tt.back)
			}
			if err == nil {
				if n, err := back.ReaderValue(t.Context(), "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'half'"); err != nil || n != "0" {
					t.Errorf("half a step is there: %s, %v", n, err)
				}
				back.Close()
			}
		})
	}
}

// TestOpenNeedsNoLockWhenNothingIsToDo opens while another store writes.
func TestOpenNeedsNoLockWhenNothingIsToDo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	s := openFile(t, path, nil)
	err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
		if err := q.UserInsert(ctx, store.User{ID: "usr_1"}); err != nil {
			return err
		}
		other, err := sqlite.Open(ctx, path, &sqlite.Options{BusyTimeout: time.Second})
		if err != nil {
			return err
		}
		return errors.Join(other.Ping(ctx), other.Close())
	})
	if err != nil {
		t.Error(err)
	}
}

func TestConnectionsHaveTheirRules(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	read := func(query string) (string, error) { return s.ReaderValue(t.Context(), query) }
	write := func(query string) (string, error) { return s.WriterValue(t.Context(), query) }
	for _, tt := range []struct {
		name, query, want string
		run               func(string) (string, error)
	}{
		{"writer", "PRAGMA journal_mode", "wal", write},
		{"writer", "PRAGMA synchronous", "2", write},
		{"writer", "PRAGMA foreign_keys", "1", write},
		{"writer", "PRAGMA busy_timeout", "0", write},
		{"writer", "PRAGMA query_only", "0", write},
		{"reader", "PRAGMA journal_mode", "wal", read},
		{"reader", "PRAGMA busy_timeout", "5000", read},
		{"reader", "PRAGMA query_only", "1", read},
	} {
		if got, err := tt.run(tt.query); err != nil || got != tt.want {
			t.Errorf("%s: %s is %q, want %q: %v", tt.name, tt.query, got, tt.want, err)
		}
	}
}

func TestDriver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, url := range []string{"sqlite:" + dir + "/a.db", "sqlite://" + dir + "/b.db"} {
		s, err := sqlite.Driver.OpenStore(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Ping(t.Context()), s.Close()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(url[len(url)-len(dir)-len("/a.db"):]); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"", "sqlite:", "sqlite://", "postgres://x", dir + "/c.db", "sqlite:" + dir + "/d.db?mode=ro"} {
		if _, err := sqlite.Driver.OpenStore(t.Context(), url); !errors.Is(err, store.ErrValidation) {
			t.Errorf("%q: error is %v, want %v", url, err, store.ErrValidation)
		}
	}
}

// A program that starts waits for longer than a request does: another process may
// be making the file.
func TestOpenWaitsForAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	other, err := sql.Open(sqlite.DriverName, "file:"+path+"?_busy_timeout=0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		conn.Close()
	})
	s, err := sqlite.Open(t.Context(), path, &sqlite.Options{BusyTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
