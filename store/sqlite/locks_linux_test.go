package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// Closing any descriptor of a file drops every lock that the process has on it.
// A second Open must not do that to the first: another process would take the
// database for unused, and delete the log that holds what was acknowledged.
func TestOpeningAgainKeepsTheLocks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	locked := watchLocks(t, path)
	first := openFile(t, path, nil)
	if err := first.UserInsert(t.Context(), store.User{ID: "usr_1"}); err != nil {
		t.Fatal(err)
	}
	if !locked() {
		t.Fatal("the first Store holds no lock, so the test shows nothing")
	}
	openFile(t, path, nil)
	if !locked() {
		t.Error("a second Open lets the locks of the first Store go")
	}
}

// watchLocks returns what reports whether anybody has a lock on a file. It asks
// through a descriptor of its own, which stays open until the stores are closed:
// a process that closes any descriptor of a file loses its locks on it.
func watchLocks(t *testing.T, path string) (locked func() bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return func() bool {
		t.Helper()
		// Such a lock would belong to the descriptor, so that those of this very
		// process are in its way (fcntl(2), open file description locks).
		const getOpenFileLock = 36
		whole := syscall.Flock_t{Type: syscall.F_WRLCK}
		if err := syscall.FcntlFlock(f.Fd(), getOpenFileLock, &whole); err != nil {
			t.Fatal(err)
		}
		return whole.Type != syscall.F_UNLCK
	}
}
