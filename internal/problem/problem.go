// Package problem turns an error into the one answer clients see: an RFC 9457
// problem document with a stable code. It is the only place where a category
// becomes a status.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// RequestIDHeader is the header that names a request in answers and logs.
const RequestIDHeader = "X-Request-ID"

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// Problem is the body of every error answer.
type Problem struct {
	Type      string             `json:"type"`
	Title     string             `json:"title" doc:"What sort of problem it is, for people"`
	Status    int                `json:"status"`
	Detail    string             `json:"detail" doc:"What is wrong with this request, for people"`
	Code      store.Code         `json:"code" doc:"What sort of problem it is, for programs: it does not change"`
	RequestID string             `json:"request_id" doc:"The X-Request-ID of the answer"`
	Errors    []store.FieldError `json:"errors,omitempty" doc:"The members or parameters at fault"`

	// The members of a refused quota; absent elsewhere.
	Meter     string       `json:"meter,omitempty" doc:"Of a refused quota, as are the members below"`
	Window    store.Window `json:"window,omitempty"`
	Limit     *int64       `json:"limit,omitempty"`
	Remaining *int64       `json:"remaining,omitempty"`
	ResetsAt  *time.Time   `json:"resets_at,omitempty"`

	retryAfter time.Duration
	scope      string // that the credential lacks
}

type kind struct {
	status int
	title  string
}

var kinds = map[store.Code]kind{
	store.ErrInvalidRequest:       {http.StatusBadRequest, "The request cannot be read"},
	store.ErrUnauthenticated:      {http.StatusUnauthorized, "Authentication is required"},
	store.ErrInvalidCredentials:   {http.StatusUnauthorized, "The name or password is wrong"},
	store.ErrInvalidToken:         {http.StatusUnauthorized, "The credential is not valid"},
	store.ErrInsufficientCredits:  {http.StatusPaymentRequired, "Not enough credits"},
	store.ErrForbidden:            {http.StatusForbidden, "Not allowed"},
	store.ErrReauthRequired:       {http.StatusForbidden, "Sign in again first"},
	store.ErrIPNotAllowed:         {http.StatusForbidden, "The address is not allowed"},
	store.ErrSuspended:            {http.StatusForbidden, "The account is suspended"},
	store.ErrEmailNotVerified:     {http.StatusForbidden, "The e-mail address is not verified"},
	store.ErrCeilingExceeded:      {http.StatusForbidden, "More than may be granted"},
	store.ErrNotFound:             {http.StatusNotFound, "Not found"},
	store.ErrMethodNotAllowed:     {http.StatusMethodNotAllowed, "Method not allowed"},
	store.ErrConflict:             {http.StatusConflict, "Conflict"},
	store.ErrUsernameTaken:        {http.StatusConflict, "The user name is taken"},
	store.ErrEmailTaken:           {http.StatusConflict, "The e-mail address is taken"},
	store.ErrLastOwner:            {http.StatusConflict, "The last owner stays"},
	store.ErrRestoreConflict:      {http.StatusConflict, "A name is in use"},
	store.ErrMailNotConfigured:    {http.StatusConflict, "Mail is not configured"},
	store.ErrWouldLockOut:         {http.StatusConflict, "The change would exclude the caller"},
	store.ErrPayloadTooLarge:      {http.StatusRequestEntityTooLarge, "The body is too large"},
	store.ErrUnsupportedMediaType: {http.StatusUnsupportedMediaType, "The media type is not supported"},
	store.ErrValidation:           {http.StatusUnprocessableEntity, "The request is not valid"},
	store.ErrWeakPassword:         {http.StatusUnprocessableEntity, "The password is too weak"},
	store.ErrReasonRequired:       {http.StatusUnprocessableEntity, "A reason is required"},
	store.ErrIdempotencyMismatch:  {http.StatusUnprocessableEntity, "The idempotency key was used before"},
	store.ErrLocked:               {http.StatusTooManyRequests, "Too many failed sign-ins"},
	store.ErrRateLimited:          {http.StatusTooManyRequests, "Too many requests"},
	store.ErrQuotaExceeded:        {http.StatusTooManyRequests, "The limit is used up"},
	store.ErrUnavailable:          {http.StatusServiceUnavailable, "Temporarily unavailable"},
	store.ErrClosed:               {http.StatusServiceUnavailable, "Temporarily unavailable"},
	store.ErrInternal:             {http.StatusInternalServerError, "Internal error"},
}

// Codes returns the codes that documents may have, sorted.
func Codes() []store.Code {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(kinds)), func(c store.Code) bool { return From(c, "").Code != c })
}

// From makes the problem document of err. Only what an *store.Error says for
// clients is shown; any other error, and its cause, stays inside.
func From(err error, requestID string) Problem {
	code := store.CodeOf(err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		code = store.ErrUnavailable
	case code == store.ErrClosed:
		code = store.ErrUnavailable
	}
	k, known := kinds[code]
	if !known {
		code, k = store.ErrInternal, kinds[store.ErrInternal]
	}
	p := Problem{Type: "about:blank", Title: k.title, Status: k.status, Code: code, RequestID: requestID}
	if e, ok := errors.AsType[*store.Error](err); ok && e.Code == code {
		p.Detail, p.Errors, p.retryAfter, p.scope = e.Detail, e.Fields, e.RetryAfter, e.Scope
		p.setQuota(e.Quota)
	}
	if p.Detail == "" {
		p.Detail = k.title + "."
	}
	return p
}

func (p *Problem) setQuota(q *store.QuotaRefusal) {
	if q == nil {
		return
	}
	p.Meter, p.Window, p.Limit, p.Remaining = q.Meter, q.Window, &q.Limit, &q.Remaining
	if !q.ResetsAt.IsZero() {
		t := q.ResetsAt.UTC()
		p.ResetsAt = &t
	}
}

// Headers sets what goes with the document: Content-Type, WWW-Authenticate on
// 401 and where a scope is missing (RFC 6750), and Retry-After on 429 and 503
// (whole seconds, at least 1).
func (p Problem) Headers(h http.Header) {
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.Status == http.StatusUnauthorized || p.scope != "" {
		h.Set("WWW-Authenticate", p.challenge())
	}
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(p.retryAfter.Seconds())))))
	}
}

// challenge is the RFC 6750 challenge: a request without a credential learns
// no error code (section 3.1).
func (p Problem) challenge() string {
	const realm = `Bearer realm="usermgmt"`
	switch {
	case p.Code == store.ErrInvalidToken:
		return realm + `, error="invalid_token", error_description="The credential is malformed, expired or revoked"`
	case isScopeToken(p.scope):
		return realm + `, error="insufficient_scope", scope="` + p.scope + `"`
	case p.scope != "":
		return realm + `, error="insufficient_scope"`
	}
	return realm
}

// isScopeToken reports whether a scope can stand in a challenge as it is (RFC
// 6749 section 3.3): hosts name theirs as they like.
func isScopeToken(scope string) bool {
	return scope != "" && !strings.ContainsFunc(scope, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}

// Write answers r with the problem document of err. The request id is the one
// that stands on the answer already. It must be called before anything else is
// written.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	p := From(err, w.Header().Get(RequestIDHeader))
	body, encErr := json.Marshal(p)
	if encErr != nil { // unreachable: every member is a plain value
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	p.Headers(h)
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n'))
	}
}
