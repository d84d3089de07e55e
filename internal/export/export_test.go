package export_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/internal/export"
)

type row struct {
	Name string `json:"name"`
}

var table = export.Table[row]{Columns: []string{"name"}, Cells: func(r row) []string { return []string{r.Name} }}

// write returns what rows become.
func write(t *testing.T, format string, rows ...row) string {
	t.Helper()
	var out strings.Builder
	w, known := export.NewWriter(&out, format, table)
	if !known {
		t.Fatalf("%s is no format", format)
	}
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		export.NDJSON: "{\"name\":\"<a>\"}\n{\"name\":\"b, \\\"c\\\"\\n\"}\n",
		export.CSV:    "name\r\n<a>\r\n\"b, \"\"c\"\"\r\n\"\r\n",
	} {
		if got := write(t, format, row{"<a>"}, row{"b, \"c\"\n"}); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
	if _, known := export.NewWriter(new(strings.Builder), "xml", table); known {
		t.Error("xml is a format")
	}
}

func TestCase_HT_08_CellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	cell := func(text string) string {
		t.Helper()
		rows, err := csv.NewReader(strings.NewReader(write(t, export.CSV, row{text}))).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%q: %v, %v", text, rows, err)
		}
		return rows[1][0]
	}
	for _, formula := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "＝1", "＋1", "－1", "＠x"} {
		if got := cell(formula); got != "'"+formula {
			t.Errorf("%q became %q", formula, got)
		}
	}
	for _, text := range []string{"x", "a=1", " =1", "2026-01-01", "'=1"} {
		if got := cell(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
