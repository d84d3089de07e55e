package account_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// vectors reads a file of ../shared/vectors, seen from the module's root, or
// skips the test where that folder is absent.
func vectors(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "vectors", name))
	if os.IsNotExist(err) {
		t.Skipf("vectors/%s is not here", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectorLines reads a list file.
func vectorLines(t testing.TB, name string) []string {
	t.Helper()
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(vectors(t, name))); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return lines
}
