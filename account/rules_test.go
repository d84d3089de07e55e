package account_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// broke returns the first rule that err names, "" for nil. It fails when err is
// not of the category or repeats the value.
func broke(t testing.TB, err error, code store.Code, field, value string) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*store.Error](err)
	if !ok || e.Code != code || len(e.Fields) != 1 || e.Fields[0].Field != field {
		t.Fatalf("got %#v, want one %s for %s", err, code, field)
	}
	if len(value) > 12 && strings.Contains(err.Error(), value) {
		t.Errorf("the error repeats the value: %v", err)
	}
	return e.Fields[0].Rule
}
