package storetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
	"github.com/usermgmt/usermgmt/store/storetest"
)

// faultVariable names the fault of the store that TestFaultyStore runs with.
const faultVariable = "STORETEST_FAULT"

// TestSuiteCatchesFaults runs the suite on stores that are each broken in one
// way, and wants it to fail where that shows. A failing suite would fail this
// test too, so that it runs in a process of its own.
func TestSuiteCatchesFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaultyStore$/"+f.caughtBy, "-rapid.nofailfile")
			child.Env = append(os.Environ(), faultVariable+"="+f.name)
			out, err := child.CombinedOutput()
			if err == nil {
				t.Fatal("the suite passes")
			}
			if !strings.Contains(string(out), "--- FAIL: TestFaultyStore/"+f.caughtBy) {
				t.Fatalf("the suite fails elsewhere:\n%s", out)
			}
		})
	}
}

// TestFaultyStore is run by TestSuiteCatchesFaults.
func TestFaultyStore(t *testing.T) {
	name := os.Getenv(faultVariable)
	if name == "" {
		t.Skip("needs " + faultVariable)
	}
	for _, f := range faults {
		if f.name == name {
			storetest.Run(t, func(t *testing.T) store.Store { return f.wrap(open(t)) })
		}
	}
}

func open(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "usermgmt.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
