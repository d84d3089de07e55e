package ids_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/internal/ids"
)

func TestNewIsWellFormedUniqueAndSorted(t *testing.T) {
	t.Parallel()
	var made []string
	for range 1000 {
		id := ids.New(ids.User)
		if !ids.Is(ids.User, id) {
			t.Fatalf("%q is not the shape of a user's id", id)
		}
		made = append(made, id)
	}
	if !slices.IsSorted(made) {
		t.Error("ids are not in the order they were made")
	}
	if n := len(slices.Compact(made)); n != 1000 {
		t.Errorf("%d distinct ids, want 1000", n)
	}
}

func TestIs(t *testing.T) {
	t.Parallel()
	hex := "0190f3c4a5b67c8d9e0f1a2b3c4d5e6f"
	for _, row := range []struct {
		name, id string
		want     bool
	}{
		{"well formed", "usr_" + hex, true},
		{"another kind", "key_" + hex, false},
		{"no prefix", hex, false},
		{"empty", "", false},
		{"prefix alone", "usr_", false},
		{"upper case", "usr_" + strings.ToUpper(hex), false},
		{"too short", "usr_" + hex[1:], false},
		{"too long", "usr_" + hex + "0", false},
		{"not hexadecimal", "usr_" + hex[:31] + "g", false},
		{"dashes", "usr_0190f3c4-a5b6-7c8d-9e0f-1a2b3c4d", false},
		{"a space before", " usr_" + hex, false},
		{"a line end after", "usr_" + hex[:31] + "\n", false},
	} {
		if got := ids.Is(ids.User, row.id); got != row.want {
			t.Errorf("%s: Is = %v, want %v", row.name, got, row.want)
		}
	}
}
