package csvcell_test

import (
	"testing"

	"github.com/usermgmt/usermgmt/internal/csvcell"
)

func TestHarmless(t *testing.T) {
	t.Parallel()
	for _, formula := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x"} {
		if got := csvcell.Harmless(formula); got != "'"+formula {
			t.Errorf("%q became %q", formula, got)
		}
	}
	for _, text := range []string{"", "a=1", " =1", "2026-01-01", "'=1"} {
		if got := csvcell.Harmless(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
