package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// insertPair inserts two users in one transaction.
func insertPair(ctx context.Context, s store.Store, i int) error {
	return s.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		return errors.Join(q.UserInsert(ctx, store.User{ID: fmt.Sprint("usr_left_", i)}),
			q.UserInsert(ctx, store.User{ID: fmt.Sprint("usr_right_", i)}))
	})
}

// filesIn are the names of a folder.
func filesIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestBackupIsOneMomentOfADatabaseInUse(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	const before = 20
	for i := range before {
		if err := insertPair(t.Context(), s, i); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	copied := filepath.Join(folder, "copy")
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := before; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := insertPair(t.Context(), s, i); err != nil {
				t.Error(err)
				return
			}
		}
	})
	err := s.Backup(t.Context(), copied)
	close(stop)
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if names := filesIn(t, folder); len(names) != 1 {
		t.Errorf("beside the backup there are %v", names)
	}
	names := filesIn(t, copied) // those of the database
	if want := []string{"usermgmt-messages.db", "usermgmt.db"}; !slices.Equal(names, want) {
		t.Errorf("the backup holds %v, want %v", names, want)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, names[0]: 0o600, names[1]: 0o600} {
		if info, err := os.Stat(filepath.Join(copied, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("the mode of %q in the backup is %v: %v", name, info.Mode(), err)
		}
	}

	restored := openFile(t, filepath.Join(copied, "usermgmt.db"), nil)
	for i := range before * 100 {
		_, left := restored.UserGet(t.Context(), fmt.Sprint("usr_left_", i))
		_, right := restored.UserGet(t.Context(), fmt.Sprint("usr_right_", i))
		if errors.Is(left, store.ErrNotFound) && errors.Is(right, store.ErrNotFound) && i >= before {
			break // written after the moment of the backup
		}
		if left != nil || right != nil {
			t.Fatalf("pair %d is torn: %v, %v", i, left, right)
		}
	}
	if err := insertPair(t.Context(), restored, -1); err != nil {
		t.Errorf("the backup cannot be used: %v", err)
	}
}

func TestBackupReplacesNothing(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	folder := t.TempDir()
	path := filepath.Join(folder, "copy")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); !errors.Is(err, store.ErrConflict) {
		t.Errorf("error is %v, want %v", err, store.ErrConflict)
	}
	if content, err := os.ReadFile(path); string(content) != "mine" {
		t.Errorf("the file holds %q: %v", content, err)
	}
}

func TestAFailedBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	closed := openTemp(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		s    *sqlite.Store
		ctx  context.Context
		want error
	}{
		{"context ended", openTemp(t), ended, context.Canceled},
		{"store closed", closed, t.Context(), store.ErrClosed},
		{"database damaged", openDamaged(t), t.Context(), store.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			if err := c.s.Backup(c.ctx, filepath.Join(folder, "copy")); !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
			if names := filesIn(t, folder); len(names) != 0 {
				t.Errorf("what is left is %v", names)
			}
		})
	}
	if err := openTemp(t).Backup(t.Context(), filepath.Join(t.TempDir(), "missing", "copy")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a backup into a folder that does not exist: %v", err)
	}
}

// openDamaged opens a database that can be opened and not be read whole.
func openDamaged(t *testing.T) *sqlite.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	s := openFile(t, path, nil)
	for i := range 200 {
		if err := s.UserInsert(t.Context(), store.User{ID: fmt.Sprint("usr_", i), DisplayName: strings.Repeat("x", 2000)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) - 5*4096; i < len(content); i++ {
		content[i] = 0xff
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return openFile(t, path, nil)
}
