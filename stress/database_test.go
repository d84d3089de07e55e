package stress_test

import (
	"database/sql"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/usermgmt/usermgmt/store/sqlite"
)

// database is the file and that of messages, opened by the test itself.
type database struct {
	t  testing.TB
	db *sql.DB
}

// openFile opens the database for a look at what is really there.
func openFile(t testing.TB, path string) database {
	t.Helper()
	driver := "sqlite" // in pure Go
	if slices.Contains(sql.Drivers(), "sqlite3") {
		driver = "sqlite3"
	}
	db, err := sql.Open(driver, "file:"+(&url.URL{Path: path}).EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	d := database{t, db}
	d.exec("PRAGMA busy_timeout = 5000")
	if messages := sqlite.MessagesPath(path); exists(messages) {
		d.exec("ATTACH ?1 AS messages", messages)
	}
	return d
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (d database) exec(statement string, args ...any) {
	d.t.Helper()
	if _, err := d.db.ExecContext(d.t.Context(), statement, args...); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
}

// column returns the first column of every row, as text.
func (d database) column(query string, args ...any) []string {
	d.t.Helper()
	rows, err := d.db.QueryContext(d.t.Context(), query, args...)
	if err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			d.t.Fatalf("%s: %v", query, err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
	return all
}

// count returns the one number that a query selects.
func (d database) count(query string, args ...any) int64 {
	d.t.Helper()
	var n int64
	if err := d.db.QueryRowContext(d.t.Context(), query, args...).Scan(&n); err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// whole fails the test unless the file is what SQLite calls undamaged.
func (d database) whole() {
	d.t.Helper()
	if found := d.column("PRAGMA integrity_check"); !slices.Equal(found, []string{"ok"}) {
		d.t.Errorf("integrity_check: %v", found)
	}
}

// free reports whether nobody is in the middle of a transaction that writes.
func (d database) free() bool {
	d.t.Helper()
	if _, err := d.db.ExecContext(d.t.Context(), "BEGIN IMMEDIATE"); err != nil {
		return false
	}
	d.exec("ROLLBACK")
	return true
}
