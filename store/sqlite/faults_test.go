package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// TestCase_RL_03_FullDisk fills a database that may not grow any more.
func TestCase_RL_03_FullDisk(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	first := store.User{ID: "usr_first", DisplayName: strings.Repeat("x", 1000)}
	if err := s.UserInsert(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	pages := func(n int) {
		t.Helper()
		if _, err := s.WriterValue(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	pages(1) // SQLite takes the present size
	var acknowledged []string
	var err error
	for i := 0; err == nil; i++ {
		u := store.User{ID: fmt.Sprint("usr_", i), DisplayName: first.DisplayName}
		if err = s.UserInsert(t.Context(), u); err == nil {
			acknowledged = append(acknowledged, u.ID)
		}
	}
	if e, ok := errors.AsType[*store.Error](err); !ok || e.Code != store.ErrUnavailable || e.RetryAfter <= 0 {
		t.Fatalf("error is %v, want %v with a time to wait", err, store.ErrUnavailable)
	}

	// A fault inside a transaction ends it, also for those who do not look.
	pages(1)
	err = s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
		for i := range 100 {
			q.UserInsert(ctx, store.User{ID: fmt.Sprint("usr_lost_", i), DisplayName: first.DisplayName})
		}
		return nil
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error is %v, want %v", err, store.ErrUnavailable)
	}
	if _, err := s.UserGet(t.Context(), "usr_lost_0"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was written before the fault: %v", err)
	}
	if _, err := s.UserGet(t.Context(), first.ID); err != nil {
		t.Errorf("reading: %v", err)
	}

	pages(1 << 20)
	if err := s.UserInsert(t.Context(), store.User{ID: "usr_after"}); err != nil {
		t.Errorf("writing with room again: %v", err)
	}
	for _, id := range acknowledged {
		if _, err := s.UserGet(t.Context(), id); err != nil {
			t.Errorf("%s was acknowledged: %v", id, err)
		}
	}
	if v, err := s.ReaderValue(t.Context(), "PRAGMA integrity_check"); err != nil || v != "ok" {
		t.Errorf("integrity: %s, %v", v, err)
	}
}

func TestBusyFileIsUnavailableInTheEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	holder := openFile(t, path, nil)
	waiter := openFile(t, path, &sqlite.Options{BusyTimeout: 2 * time.Millisecond})
	err := holder.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
		if err := waiter.UserInsert(ctx, store.User{ID: "usr_1"}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("writing: %v, want %v", err, store.ErrUnavailable)
		}
		ended, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if err := waiter.UserInsert(ended, store.User{ID: "usr_1"}); err == nil {
			t.Error("wrote while another store had the file")
		}
		_, err := waiter.UserGet(ctx, "usr_1")
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("reading: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := waiter.UserInsert(t.Context(), store.User{ID: "usr_1"}); err != nil {
		t.Errorf("writing afterwards: %v", err)
	}
}

func TestConstraintsAreOfTheStore(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	orphan := store.RefreshToken{Hash: [32]byte{1}, SessionID: "ses_missing"}
	if err := s.RefreshTokenInsert(t.Context(), orphan); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a token without a session: %v, want %v", err, store.ErrNotFound)
	}
	_, err := s.WriterValue(t.Context(), "INSERT INTO settings VALUES ('a', '', 0, ''), ('a', '', 0, '') RETURNING name")
	if err := sqlite.Interpret(t.Context(), err); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a key that exists: %v, want %v", err, store.ErrConflict)
	}
}

// However badly a context's end is timed, the one write connection goes on: no
// transaction stays open on it.
func TestACancelledWriteNeverWedgesTheWriter(t *testing.T) {
	t.Parallel()
	s := openFile(t, filepath.Join(t.TempDir(), "usermgmt.db"), nil)
	device := store.KnownDevice{Subject: "usr_1", Address: "192.0.2.1", At: time.Unix(1, 0)}
	for i := range 5000 {
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(60*time.Microsecond))
		err := s.KnownDevicePut(ctx, device)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("write %d: %v", i, err)
		}
	}
	if err := s.KnownDevicePut(t.Context(), device); err != nil {
		t.Fatal(err)
	}
}
