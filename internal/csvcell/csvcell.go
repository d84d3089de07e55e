// Package csvcell makes text safe to stand in a cell of a CSV file that somebody
// opens as a spreadsheet.
package csvcell

import "strings"

// Harmless keeps a spreadsheet from taking text for a formula: as OWASP's "CSV
// Injection" says, by what it begins with. Full-width forms count, which some
// take for the narrow ones. Such text gets an apostrophe in front.
func Harmless(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
		return "'" + cell
	}
	return cell
}
