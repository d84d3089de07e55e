package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// What is only read is read while somebody writes, in a backup and in a copy, and
// cannot be written.
func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "usermgmt.db")
	backup := filepath.Join(folder, "backup", "usermgmt.db")
	s := openFile(t, path, nil)
	if err := s.AdminInsert(t.Context(), store.Admin{ID: "adm_1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), filepath.Dir(backup)); err != nil {
		t.Fatal(err)
	}
	if err := s.AdminInsert(t.Context(), store.Admin{ID: "adm_2"}); err != nil {
		t.Fatal(err)
	}
	for of, admins := range map[string]int{path: 2, backup: 1} {
		r, err := sqlite.OpenReadOnly(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.AdminList(t.Context(), store.Page{})
		if err != nil || len(list.Items) != admins {
			t.Errorf("%s has %d admins: %v", of, len(list.Items), err)
		}
		if err := r.AdminInsert(t.Context(), store.Admin{ID: "adm_3"}); !errors.Is(err, store.ErrUnsupported) {
			t.Errorf("a write: %v", err)
		}
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := r.AdminList(t.Context(), store.Page{}); !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	if _, err := os.Stat(sqlite.MessagesPath(backup)); err != nil {
		t.Error(err)
	}
}

func TestOpenReadOnlyRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	other := filepath.Join(folder, "other.db")
	if err := os.WriteFile(other, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(folder, "none.db"): "no such file",
		other:                            "is not a SQLite database",
	} {
		if _, err := sqlite.OpenReadOnly(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(names) != 1 {
		t.Errorf("files were made: %v", names)
	}
}
