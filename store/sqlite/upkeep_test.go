package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func TestUpkeepCutsALargeLogAndReportsSizes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	s := openFile(t, path, nil)
	text := strings.Repeat("x", 1<<20)
	err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
		for i := range 70 {
			if err := q.UserInsert(ctx, store.User{ID: fmt.Sprint("usr_", i), DisplayName: text}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Upkeep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Log > 1<<20 || f.Size < 70<<20 || f.Free != 0 {
		t.Errorf("footprint is %+v; want 70 MiB and next to no log", f)
	}
	size := f.Log
	for _, file := range []string{path, sqlite.MessagesPath(path)} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size < f.Size-1<<20 || size > f.Size {
		t.Errorf("the files have %d bytes, the report says %d", size, f.Size)
	}

	// What was deleted is empty, and the log of that is kept to be used again.
	for i := range 70 {
		if err := s.UserDelete(t.Context(), fmt.Sprint("usr_", i)); err != nil {
			t.Fatal(err)
		}
	}
	f, err = s.Upkeep(t.Context())
	if err != nil || f.Free < 69<<20 || f.Log == 0 {
		t.Errorf("footprint is %+v: %v; want 69 MiB free and a log", f, err)
	}
}

// Upkeep gives way to a transaction, and does not fail for it.
func TestUpkeepWorksBesideATransaction(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
		if err := q.UserInsert(ctx, store.User{ID: "usr_1"}); err != nil {
			return err
		}
		_, err := s.Upkeep(ctx)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Upkeep(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
