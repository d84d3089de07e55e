package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// Permissions do not bind root, so that another process, of nobody, asks.
func TestOpenRefusesAReadOnlyFolder(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "readonly") // folders of t.TempDir are closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.Chmod(dir, 0o700)
		os.RemoveAll(dir)
	})
	path := filepath.Join(dir, "usermgmt.db")
	if err := openFile(t, path, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "readonly", path)
	if os.Getuid() == 0 {
		cmd.Path = "/proc/self/exe" // the test binary may stand where nobody cannot go
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "refused twice") {
		t.Errorf("%v\n%s", err, out)
	}
}
