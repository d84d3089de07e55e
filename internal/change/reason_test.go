package change_test

import (
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// A reason that nobody can read is none.
func TestCheckReason(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]store.Code{
		"": store.ErrReasonRequired, " \t\n": store.ErrReasonRequired, "\u00a0\u2003": store.ErrReasonRequired,
		"\u200b\u2060\ufeff": store.ErrReasonRequired, "\u00ad": store.ErrReasonRequired, "\u3164\uffa0": store.ErrReasonRequired,
		"\u2800": store.ErrReasonRequired, "\ufe0f": store.ErrReasonRequired, "\x00\x1b": store.ErrReasonRequired, "...": store.ErrReasonRequired,
		"\xff": store.ErrReasonRequired, "x\xff": store.ErrValidation, strings.Repeat("ä", 501): store.ErrValidation,
		"x": "", "1": "", "\u200bab": "", "迷惑メール": "", "спам": "", strings.Repeat("ä", 500): "",
	} {
		if got := store.CodeOf(change.CheckReason(reason)); got != want {
			t.Errorf("CheckReason(%q) = %q, want %q", reason, got, want)
		}
	}
}
