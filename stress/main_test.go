package stress_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var long = flag.Bool("long", false, "run the long form of each test, alone, and print its figures with -v")

// roleVariable makes the test binary play another part than that of the tests.
const roleVariable = "STRESS_ROLE"

// roles are the parts. Each returns when it has been played.
var roles = map[string]func() error{
	"host": runHost,
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := roles[role](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// form is the size of a test: short in ordinary runs.
func form[T any](short, full T) T {
	if *long {
		return full
	}
	return short
}

// beside lets the short form of a test run beside others. The long forms run
// alone: their figures are worth something then.
func beside(t *testing.T) {
	if !*long {
		t.Parallel()
	}
}
