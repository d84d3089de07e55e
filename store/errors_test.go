package store_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

func TestErrorReachesCategoryAndCause(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("outer: %w", store.Unavailable(fmt.Errorf("inner: %w", io.ErrUnexpectedEOF)))
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v does not hold what it should", err)
	}
	if e, ok := errors.AsType[*store.Error](err); !ok || e.RetryAfter <= 0 {
		t.Errorf("%v has no time to wait", err)
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{store.ErrNotFound, "not_found"},
		{&store.Error{Code: store.ErrConflict}, "conflict"},
		{store.Errorf(store.ErrLocked, "Wait %d minutes.", 15), "account_locked: Wait 15 minutes."},
		{store.Invalid("limits[0].window", "enum", "It is a day, a week or a month."),
			"validation_failed: The request has a member that is not valid. [limits[0].window: It is a day, a week or a month.]"},
		{&store.Error{Code: store.ErrInternal, Err: io.EOF}, "internal: EOF"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want store.Code
	}{
		{nil, ""},
		{store.ErrNotFound, store.ErrNotFound},
		{fmt.Errorf("x: %w", store.ErrConflict), store.ErrConflict},
		{store.Errorf(store.ErrForbidden, "No."), store.ErrForbidden},
		{fmt.Errorf("x: %w", &store.Error{Code: store.ErrRateLimited, Err: store.ErrNotFound}), store.ErrRateLimited},
		{errors.Join(io.EOF, store.ErrClosed), store.ErrClosed},
		{io.EOF, store.ErrInternal},
	} {
		if got := store.CodeOf(tt.err); got != tt.want {
			t.Errorf("%v has the code %q, want %q", tt.err, got, tt.want)
		}
	}
}
