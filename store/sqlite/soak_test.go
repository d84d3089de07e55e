package sqlite_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// TestCase_D1_RL_01_NothingIsLocked lets 64 goroutines write, by transactions
// that read first, while 64 read, on two stores that share a file. No call may
// fail, and no update may be lost.
func TestCase_D1_RL_01_NothingIsLocked(t *testing.T) {
	t.Parallel()
	const writers, readers, each, users = 64, 64, 10, 8
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	stores := []*sqlite.Store{openFile(t, path, nil), openFile(t, path, nil)}
	for i := range users {
		u := store.User{ID: fmt.Sprint("usr_", i), Metadata: json.RawMessage("0")}
		if err := stores[0].UserInsert(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	var calls sync.WaitGroup
	for w := range writers {
		s := stores[w%2]
		calls.Go(func() {
			for range each {
				if err := s.InTx(t.Context(), increment(fmt.Sprint("usr_", w%users))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for r := range readers {
		s := stores[r%2]
		calls.Go(func() {
			for i := range 4 * each {
				if _, err := s.UserGet(t.Context(), fmt.Sprint("usr_", i%users)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
	for i := range users {
		u, err := stores[1].UserGet(t.Context(), fmt.Sprint("usr_", i))
		if want := strconv.Itoa(writers / users * each); err != nil || string(u.Metadata) != want {
			t.Errorf("user %d counts %s, want %s: %v", i, u.Metadata, want, err)
		}
	}
}

// increment adds one to the number in a user's metadata.
func increment(id string) func(context.Context, store.Queries) error {
	return func(ctx context.Context, q store.Queries) error {
		u, err := q.UserGet(ctx, id)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(u.Metadata))
		if err != nil {
			return err
		}
		u.Metadata = json.RawMessage(strconv.Itoa(n + 1))
		return q.UserUpdate(ctx, u)
	}
}

// TestCase_D2_ReadsWriteNothing reads all that a request reads, while another
// store holds the write lock, and compares the files before and after.
func TestCase_D2_ReadsWriteNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	s, other := openFile(t, path, nil), openFile(t, path, nil)
	now := time.Unix(1e9, 0)
	key := store.APIKeyHash{APIKey: store.APIKey{ID: "key_1", UserID: "usr_1"}, Hash: [32]byte{1}}
	session := store.Session{ID: "ses_1", Subject: "usr_1", ExpiresAt: now.Add(1), IdleUntil: now.Add(1)}
	err := errors.Join(
		s.UserInsert(t.Context(), store.User{ID: "usr_1"}),
		s.APIKeyInsert(t.Context(), key),
		s.SessionInsert(t.Context(), session),
		s.PlanInsert(t.Context(), store.Plan{ID: "free"}),
	)
	if err != nil {
		t.Fatal(err)
	}
	err = other.InTx(t.Context(), func(ctx context.Context, _ store.Queries) error {
		before := fingerprint(t, path)
		for range 10 {
			_, _, err1 := s.APIKeyWithUser(ctx, key.Hash)
			_, _, err2 := s.SessionWithUser(ctx, session.ID)
			_, err3 := s.PlanGet(ctx, "free")
			_, err4 := s.MeterUsage(ctx, []store.CounterLimit{limited}, now)
			_, err5 := s.FeedAfter(ctx, 0, 100)
			_, _, err6 := s.FeedBounds(ctx)
			_, err7 := s.APIKeyList(ctx, "usr_1", store.Page{Total: true})
			if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, s.Ping(ctx)); err != nil {
				return err
			}
		}
		if fingerprint(t, path) != before {
			t.Error("reading changed the files")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fingerprint is a hash of the database and its log.
func fingerprint(t *testing.T, path string) [32]byte {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(append(file, log...))
}
