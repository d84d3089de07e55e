package httpapi_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/usermgmt/usermgmt/httpapi"
)

// TestWhatBreaksOffIsNoLine: the end of a body ends its last line, and the end of
// a connection does not.
func TestWhatBreaksOffIsNoLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	whole := "{}\n\n" + long + "\n" + long[:40] + "\n{}"
	want := []string{"{}\n", "\n", "long", long[:40] + "\n"}
	lines, err := httpapi.ReadLines(strings.NewReader(whole), 41)
	if err != io.EOF || !slices.Equal(lines, append(slices.Clone(want), "{}")) {
		t.Errorf("whole: %q, %v", lines, err)
	}
	broken := io.MultiReader(strings.NewReader(whole), iotest.ErrReader(io.ErrUnexpectedEOF))
	if lines, err := httpapi.ReadLines(broken, 41); err != io.ErrUnexpectedEOF || !slices.Equal(lines, want) {
		t.Errorf("broken off: %q, %v", lines, err)
	}
}
