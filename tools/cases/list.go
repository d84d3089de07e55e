package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// entry is a line of the list: a case or, without an id, the heading of those
// that follow.
type entry struct {
	id     string // such as "JW-01" or "Q13"
	title  string
	reason string // why no test names it; "" when one does
}

var idForm = regexp.MustCompile(`^([A-Z]{2}-[0-9]{2}|[A-Z][0-9]{1,2})$`)

// readCases reads the list: a case is its id, its title and, where no test
// names it, the reason, with a tab between; a heading is "# " and its text.
func readCases(text string) ([]entry, error) {
	var entries []entry
	var errs []error
	seen := make(map[string]bool)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if heading, ok := strings.CutPrefix(line, "# "); ok {
			entries = append(entries, entry{title: heading})
			continue
		}
		id, rest, _ := strings.Cut(line, "\t")
		title, reason, reasoned := strings.Cut(rest, "\t")
		switch {
		case title == "" || reasoned && reason == "" || strings.Contains(reason, "\t"):
			errs = append(errs, fmt.Errorf("cases.tsv:%d: not an id, a title and perhaps a reason", i+1))
		case !idForm.MatchString(id):
			errs = append(errs, fmt.Errorf("cases.tsv:%d: %q is no id", i+1, id))
		case seen[id]:
			errs = append(errs, fmt.Errorf("cases.tsv:%d: %s stands there already", i+1, id))
		}
		seen[id] = true
		entries = append(entries, entry{id, title, reason})
	}
	return entries, errors.Join(errs...)
}
