package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

const modulePath = "github.com/usermgmt/usermgmt"

// results are how tests ended.
type results struct{ passed, skipped []test }

// runTests runs the tests of cases in the module under root. A test that fails,
// or a package that does not build, is an error with what it printed.
func runTests(ctx context.Context, root string) (results, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-run", "Case_", "./...")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	r, failed := readEvents(bytes.NewReader(out))
	return r, errors.Join(failed, err)
}

// event is what go test -json says (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// readEvents reads what go test -json writes.
func readEvents(r io.Reader) (results, error) {
	var all results
	var errs []error
	printed := make(map[test]*strings.Builder)
	for dec := json.NewDecoder(r); ; {
		var e event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return all, errors.Join(errs...)
		} else if err != nil {
			return all, errors.Join(append(errs, fmt.Errorf("reading go test -json: %w", err))...)
		}
		t := test{strings.TrimPrefix(strings.TrimPrefix(cmp.Or(e.Package, e.ImportPath), modulePath), "/"), e.Test}
		switch e.Action {
		case "output", "build-output":
			if printed[t] == nil {
				printed[t] = new(strings.Builder)
			}
			printed[t].WriteString(e.Output)
		case "fail", "build-fail":
			errs = append(errs, fmt.Errorf("%s failed\n%s", t, printed[t]))
		case "pass":
			if t.name != "" {
				all.passed = append(all.passed, t)
			}
		case "skip":
			if t.name != "" {
				all.skipped = append(all.skipped, t)
			}
		}
	}
}
