package authn_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// vectors reads a file of ../shared/vectors, seen from the module's root, or
// skips the test where that folder is absent.
func vectors(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, "..", "shared", "vectors", name))
	if os.IsNotExist(err) {
		t.Skipf("vectors/%s is not here", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lines splits a list file.
func lines(b []byte) [][]byte {
	var out [][]byte
	for line := range bytes.Lines(b) {
		out = append(out, bytes.TrimRight(line, "\r\n"))
	}
	return out
}
