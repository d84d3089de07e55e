// Package export writes rows of one kind to a file that somebody keeps: as NDJSON
// or as CSV for a spreadsheet.
package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
)

// The formats.
const (
	NDJSON = "ndjson" // one JSON object a line
	CSV    = "csv"    // RFC 4180, with a line of names first
)

// Table is how rows stand in a CSV file.
type Table[T any] struct {
	Columns []string
	Cells   func(T) []string // one for each column, as they are
}

// Writer writes rows. It is for one goroutine. What it was given is in the
// underlying writer after Flush.
type Writer[T any] struct {
	row   func(T) error
	flush func() error
}

// NewWriter makes a Writer of a format, and reports whether there is such a
// format. As NDJSON a row is its JSON. As CSV it is its cells, of which those that
// a spreadsheet would take for a formula get an apostrophe in front.
func NewWriter[T any](w io.Writer, format string, table Table[T]) (_ *Writer[T], known bool) {
	switch format {
	case NDJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return &Writer[T]{row: func(row T) error { return enc.Encode(row) }, flush: func() error { return nil }}, true
	case CSV:
		out := csv.NewWriter(w)
		out.UseCRLF = true
		flush := func() error {
			out.Flush()
			return out.Error()
		}
		write := func(row T) error {
			cells := table.Cells(row)
			for i, cell := range cells {
				cells[i] = harmless(cell)
			}
			return out.Write(cells)
		}
		_ = out.Write(table.Columns) // into its buffer; Flush says what became of it
		return &Writer[T]{row: write, flush: flush}, true
	}
	return nil, false
}

// Write adds a row.
func (w *Writer[T]) Write(row T) error { return w.row(row) }

// Flush hands on what is held back.
func (w *Writer[T]) Flush() error { return w.flush() }

// harmless keeps a spreadsheet from taking text for a formula: as OWASP's "CSV
// Injection" says, by what it begins with. Full-width forms count, which some
// take for the narrow ones.
func harmless(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
		return "'" + cell
	}
	return cell
}
