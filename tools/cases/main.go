// Command cases runs the tests that cover the cases in cases.tsv and writes
// which test covers which case.
//
//	go -C tools run ./cases          # writes docs/CASES.md
//	go -C tools run ./cases -check   # fails when the page would change
//
// A test covers a case by its id at the beginning of its name: a top-level test
// as TestCase_JW_01_.., a subtest of one as "JW-01 ..". Only tests that ran and
// passed count; those that were skipped are named. The command fails when a case
// has neither a test nor a reason in the list, when it has both, when a test
// names a case that the list does not have, and when a test fails.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

//go:embed cases.tsv
var list string

func main() {
	check := flag.Bool("check", false, "fail when the page would change, instead of writing it")
	root := flag.String("root", "..", "the folder of the library's module")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "cases:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, check bool) error {
	cases, err := readCases(list)
	if err != nil {
		return err
	}
	results, err := runTests(ctx, root)
	if err != nil {
		return err
	}
	for _, skipped := range results.skipped {
		fmt.Fprintln(os.Stderr, "skipped:", skipped)
	}
	covered, err := cover(cases, results.passed)
	if err != nil {
		return err
	}
	path := filepath.Join(root, "docs", "CASES.md")
	page := render(cases, covered)
	if !check {
		return os.WriteFile(path, page, 0o644)
	}
	if was, err := os.ReadFile(path); err != nil || string(was) != string(page) {
		return errors.Join(err, errors.New("docs/CASES.md is not what it would be: go -C tools run ./cases"))
	}
	return nil
}
