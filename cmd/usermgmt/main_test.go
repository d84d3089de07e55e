package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/cmd/usermgmt/internal/quota"
	"github.com/usermgmt/usermgmt/store"
)

// faultVariable makes the command use a store that is broken, by name.
const faultVariable = "DOCTOR_FAULT"

// TestMain lets the test binary be the command, so that the processes of a race
// are started as they are in earnest.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != doctorName && os.Args[1] != auditName {
		goleak.VerifyTestMain(m)
	}
	fault := os.Getenv(faultVariable)
	if fault == "" {
		main()
	}
	t := &tool{in: os.Stdin, out: os.Stdout, err: os.Stderr, open: broken(fault)}
	os.Exit(t.run(context.Background(), os.Args[1:]))
}

// broken opens stores that are wrapped in a fault.
func broken(fault string) quota.Opener {
	return func(ctx context.Context, url string) (store.Store, error) {
		s, err := openStore(ctx, url)
		if err != nil {
			return nil, err
		}
		return faults[fault](s), nil
	}
}

// said is what a run of the command came to.
type said struct {
	code     int
	out, err string
}

// execute runs the command in an empty folder.
func execute(t *testing.T, env []string, args ...string) said {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(os.Environ(), "USERMGMT_DATABASE_URL="), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	} else if ok && exit.ExitCode() < 0 {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return said{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}
