package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
)

const introduction = `# Cases

What the library must bear, and the tests that ask for it. The cases come from standards (OWASP ASVS 5.0, NIST SP 800-63B-4, the RFCs), from advisories, and from faults that other projects had. Where no test names a case, the reason stands in its place.

This page is written by ` + "`go -C tools run ./cases`" + ` from the tests that ran and passed.
`

// render writes the page. It depends on nothing but its arguments, so that two
// runs can be compared.
func render(entries []entry, covered map[string][]test) []byte {
	var b bytes.Buffer
	b.WriteString(introduction)
	for _, e := range entries {
		if e.id == "" {
			fmt.Fprintf(&b, "\n## %s\n\n| id | what | tests |\n|---|---|---|\n", e.title)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", e.id, cell(e.title), cmp.Or(where(covered[e.id]), "*"+cell(e.reason)+"*"))
	}
	return b.Bytes()
}

// where names tests, each package once.
func where(tests []test) string {
	var b strings.Builder
	for i, t := range tests {
		switch {
		case i == 0:
			fmt.Fprintf(&b, "%s: ", cmp.Or(t.pkg, "usermgmt"))
		case t.pkg != tests[i-1].pkg:
			fmt.Fprintf(&b, "; %s: ", t.pkg)
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "`%s`", t.name)
	}
	return b.String()
}

// cell keeps a text within one cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
