package sqlite_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/store/sqlite"
)

// A wrong path may name the database of another program. Nothing is written
// into it, whatever its tables are called.
func TestOpenRefusesAnotherProgramsDatabase(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]string{
		"Notes":      "CREATE TABLE notes (text TEXT)",
		"Users":      "CREATE TABLE users (id INTEGER PRIMARY KEY)",
		"Migrations": "CREATE TABLE schema_migrations (version TEXT PRIMARY KEY)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "other.db")
			makeDatabase(t, path, schema)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := sqlite.Open(t.Context(), path, nil)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), "another program's") {
				t.Errorf("the error does not say whose it is: %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
				t.Errorf("the file was changed, or is gone: %v", err)
			}
		})
	}
}

// makeDatabase makes a database with the driver that is linked in, whichever
// it is.
func makeDatabase(t *testing.T, path, schema string) {
	t.Helper()
	db, err := sql.Open(sql.Drivers()[0], path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
}
