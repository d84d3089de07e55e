package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// test names one test: the package by its folder in the module ("" is the
// module's own), the name as go test prints it, subtests after slashes.
type test struct{ pkg, name string }

func (t test) String() string { return cmp.Or(t.pkg, ".") + " " + t.name }

const prefix = "TestCase_"

// named is an id at the beginning of a name: of a subtest in which go test has
// made underscores of spaces, or of a test behind the prefix.
var named = regexp.MustCompile(`^([A-Z]{2})[-_]([0-9]{2})(?:[_:,]+|$)|^([A-Z][0-9]{1,2})(?:[_:,]+|$)`)

// ids returns the ids that the last part of a test's name begins with. A subtest
// says an id of two letters or one of the list; anything else is its own affair.
func ids(t test, known map[string]bool) (found []string) {
	last := t.name[strings.LastIndexByte(t.name, '/')+1:]
	rest, top := strings.CutPrefix(last, prefix)
	for {
		m := named.FindStringSubmatch(rest)
		if m == nil {
			return found
		}
		id := m[3]
		if m[1] != "" {
			id = m[1] + "-" + m[2]
		} else if !top && !known[id] {
			return found
		}
		found, rest = append(found, id), rest[len(m[0]):]
	}
}

// cover finds the tests of each case, and everything that is wrong between the
// list and the tests.
func cover(entries []entry, passed []test) (map[string][]test, error) {
	known := make(map[string]bool)
	for _, e := range entries {
		known[e.id] = e.id != ""
	}
	whole, parts := make(map[string][]test), make(map[string][]test)
	var errs []error
	for _, t := range passed {
		found := ids(t, known)
		top, _, isPart := strings.Cut(t.name, "/")
		if len(found) == 0 && !isPart && strings.HasPrefix(top, prefix) {
			errs = append(errs, fmt.Errorf("%s names no case", t))
		}
		for _, id := range found {
			if !known[id] {
				errs = append(errs, fmt.Errorf("%s names %s, which the list does not have", t, id))
			} else if isPart {
				parts[id] = append(parts[id], test{t.pkg, top})
			} else {
				whole[id] = append(whole[id], t)
			}
		}
	}
	covered := make(map[string][]test)
	for _, e := range entries {
		if e.id == "" {
			continue
		}
		// A test that is about the case says more than one that has a part about it.
		tests := whole[e.id]
		if len(tests) == 0 {
			tests = parts[e.id]
		}
		covered[e.id] = inOrder(tests)
		switch {
		case len(tests) == 0 && e.reason == "":
			errs = append(errs, fmt.Errorf("%s has neither a test that passed nor a reason: %s", e.id, e.title))
		case len(tests) > 0 && e.reason != "":
			errs = append(errs, fmt.Errorf("%s has a reason, and %s covers it", e.id, tests[0]))
		}
	}
	return covered, errors.Join(errs...)
}

func inOrder(tests []test) []test {
	slices.SortFunc(tests, func(a, b test) int { return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name)) })
	return slices.Compact(tests)
}
