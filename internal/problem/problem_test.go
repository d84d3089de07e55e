package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

const (
	canary       = "CANARY"
	challenge    = `Bearer realm="usermgmt"`
	badToken     = challenge + `, error="invalid_token", error_description="The credential is malformed, expired or revoked"`
	lacksScope   = challenge + `, error="insufficient_scope"`
	jsonProblems = "application/problem+json"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))

// TestWrite is the table of what each error is answered with.
func TestWrite(t *testing.T) {
	t.Parallel()
	cause := errors.New(canary)
	coded := func(code store.Code) error { return &store.Error{Code: code, Detail: "It is so.", Err: cause} }
	waiting := func(code store.Code, d time.Duration) error { return &store.Error{Code: code, RetryAfter: d} }
	lacking := func(scope string) error { return &store.Error{Code: store.ErrForbidden, Scope: scope} }
	rows := []struct {
		err          error
		status       int
		code         store.Code
		retry        string
		authenticate string
	}{
		{err: coded(store.ErrInvalidRequest), status: 400, code: "invalid_request"},
		{err: coded(store.ErrUnauthenticated), status: 401, code: "unauthenticated", authenticate: challenge},
		{err: coded(store.ErrInvalidCredentials), status: 401, code: "invalid_credentials", authenticate: challenge},
		{err: coded(store.ErrInvalidToken), status: 401, code: "invalid_token", authenticate: badToken},
		{err: coded(store.ErrInsufficientCredits), status: 402, code: "insufficient_credits"},
		{err: coded(store.ErrForbidden), status: 403, code: "forbidden"},
		{err: lacking("keys:manage"), status: 403, code: "forbidden", authenticate: lacksScope + `, scope="keys:manage"`},
		{err: lacking("a b"), status: 403, code: "forbidden", authenticate: lacksScope},
		{err: lacking(`a"`), status: 403, code: "forbidden", authenticate: lacksScope},
		{err: lacking(`a\`), status: 403, code: "forbidden", authenticate: lacksScope},
		{err: lacking("a\r\nb"), status: 403, code: "forbidden", authenticate: lacksScope},
		{err: lacking("ä"), status: 403, code: "forbidden", authenticate: lacksScope},
		{err: coded(store.ErrReauthRequired), status: 403, code: "reauth_required"},
		{err: coded(store.ErrIPNotAllowed), status: 403, code: "ip_not_allowed"},
		{err: coded(store.ErrSuspended), status: 403, code: "account_suspended"},
		{err: coded(store.ErrEmailNotVerified), status: 403, code: "email_not_verified"},
		{err: coded(store.ErrCeilingExceeded), status: 403, code: "ceiling_exceeded"},
		{err: coded(store.ErrNotFound), status: 404, code: "not_found"},
		{err: coded(store.ErrMethodNotAllowed), status: 405, code: "method_not_allowed"},
		{err: coded(store.ErrConflict), status: 409, code: "conflict"},
		{err: coded(store.ErrUsernameTaken), status: 409, code: "username_taken"},
		{err: coded(store.ErrEmailTaken), status: 409, code: "email_taken"},
		{err: coded(store.ErrLastOwner), status: 409, code: "last_owner"},
		{err: coded(store.ErrRestoreConflict), status: 409, code: "restore_conflict"},
		{err: coded(store.ErrMailNotConfigured), status: 409, code: "mail_not_configured"},
		{err: coded(store.ErrWouldLockOut), status: 409, code: "would_lock_out"},
		{err: coded(store.ErrPayloadTooLarge), status: 413, code: "payload_too_large"},
		{err: coded(store.ErrUnsupportedMediaType), status: 415, code: "unsupported_media_type"},
		{err: coded(store.ErrValidation), status: 422, code: "validation_failed"},
		{err: coded(store.ErrWeakPassword), status: 422, code: "weak_password"},
		{err: coded(store.ErrReasonRequired), status: 422, code: "reason_required"},
		{err: coded(store.ErrIdempotencyMismatch), status: 422, code: "idempotency_mismatch"},
		{err: coded(store.ErrLocked), status: 429, code: "account_locked", retry: "1"},
		{err: waiting(store.ErrRateLimited, time.Millisecond), status: 429, code: "rate_limited", retry: "1"},
		{err: waiting(store.ErrQuotaExceeded, 90*time.Second), status: 429, code: "quota_exceeded", retry: "90"},
		{err: waiting(store.ErrUnavailable, 1001*time.Millisecond), status: 503, code: "unavailable", retry: "2"},
		{err: waiting(store.ErrUnavailable, -time.Minute), status: 503, code: "unavailable", retry: "1"},
		{err: store.Unavailable(cause), status: 503, code: "unavailable", retry: "1"},
		{err: store.ErrClosed, status: 503, code: "unavailable", retry: "1"},
		{err: context.Canceled, status: 503, code: "unavailable", retry: "1"},
		{err: fmt.Errorf("%s: %w", canary, context.DeadlineExceeded), status: 503, code: "unavailable", retry: "1"},
		{err: fmt.Errorf("%s: %w", canary, coded(store.ErrNotFound)), status: 404, code: "not_found"},
		{err: coded(store.ErrInternal), status: 500, code: "internal"},
		{err: store.ErrUnsupported, status: 500, code: "internal"},
		{err: coded(canary), status: 500, code: "internal"},
		{err: cause, status: 500, code: "internal"},
	}
	untested := problem.Codes()
	for _, row := range rows {
		untested = slices.DeleteFunc(untested, func(c store.Code) bool { return c == row.code })
		w := httptest.NewRecorder()
		w.Header().Set(problem.RequestIDHeader, "request-1")
		w.Header().Set("Content-Length", "7")
		w.Header().Set("Content-Encoding", "gzip")
		problem.Write(w, httptest.NewRequest("GET", "/", nil), row.err)
		var p problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%v: %v", row.err, err)
		}
		if w.Code != row.status || p.Status != row.status || p.Code != row.code || p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.RequestID != "request-1" {
			t.Errorf("%v: %d %+v", row.err, w.Code, p)
		}
		h := w.Header()
		if h.Get("Retry-After") != row.retry || h.Get("WWW-Authenticate") != row.authenticate {
			t.Errorf("%v: Retry-After %q, WWW-Authenticate %q", row.err, h.Get("Retry-After"), h.Get("WWW-Authenticate"))
		}
		if h.Get("Content-Type") != jsonProblems || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Content-Length") != "" || h.Get("Content-Encoding") != "" {
			t.Errorf("%v: headers %v", row.err, h)
		}
		if strings.Contains(w.Body.String(), canary) || strings.Contains(fmt.Sprint(h), canary) {
			t.Errorf("%v: the cause is shown: %s", row.err, w.Body)
		}
	}
	if len(untested) > 0 {
		t.Errorf("no row has %v", untested)
	}
}

// TestMembers holds the whole document of the two kinds of error that have
// members of their own.
func TestMembers(t *testing.T) {
	t.Parallel()
	quota := &store.QuotaRefusal{Meter: "conversations", Window: store.Day, Limit: 5, ResetsAt: noon}
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"fields": {
			store.Invalid("name", "required", "The member is missing."),
			`{"type":"about:blank","title":"The request is not valid","status":422,"detail":"The request has a member that is not valid.",
				"code":"validation_failed","request_id":"","errors":[{"field":"name","rule":"required","message":"The member is missing."}]}`,
		},
		"a used up limit": {
			&store.Error{Code: store.ErrQuotaExceeded, Quota: quota},
			`{"type":"about:blank","title":"The limit is used up","status":429,"detail":"The limit is used up.","code":"quota_exceeded","request_id":"",
				"meter":"conversations","window":"day","limit":5,"remaining":0,"resets_at":"2026-03-01T11:00:00Z"}`,
		},
		"no credits": {
			&store.Error{Code: store.ErrInsufficientCredits, Quota: &store.QuotaRefusal{Meter: "credits", Limit: 0, Remaining: 3}},
			`{"type":"about:blank","title":"Not enough credits","status":402,"detail":"Not enough credits.","code":"insufficient_credits","request_id":"",
				"meter":"credits","limit":0,"remaining":3}`,
		},
	} {
		w := httptest.NewRecorder()
		problem.Write(w, httptest.NewRequest("GET", "/", nil), row.err)
		var got, want any
		if err := errors.Join(json.Unmarshal(w.Body.Bytes(), &got), json.Unmarshal([]byte(row.want), &want)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	problem.Write(w, httptest.NewRequest(http.MethodHead, "/", nil), store.ErrNotFound)
	if w.Code != http.StatusNotFound || w.Body.Len() != 0 || w.Header().Get("Content-Type") != jsonProblems {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
}
