package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	first := openFile(t, path, nil)
	if err := first.UserInsert(t.Context(), store.User{ID: "usr_1"}); err != nil {
		t.Fatal(err)
	}
	before := locksOn(t, path)
	if before == 0 {
		t.Fatal("the first Store holds no lock, so the test shows nothing")
	}
	openFile(t, path, nil)
	if after := locksOn(t, path); after < before {
		t.Errorf("%d locks before a second Open, %d after", before, after)
	}
}

// locksOn counts the locks that this process has on a file (proc_locks(5)).
func locksOn(t *testing.T, path string) (n int) {
	t.Helper()
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	process, inode := fmt.Sprintf(" %d ", os.Getpid()), fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, process) && strings.Contains(line, inode) {
			n++
		}
	}
	return n
}
