package store

import (
	"errors"
	"fmt"
	"time"
)

// Code is the stable, machine-readable category of an error. It is itself an
// error, so that errors.Is(err, store.ErrNotFound) holds for every error that
// carries the category, however deep it is wrapped. On the wire it is the
// "code" member of a problem document (RFC 9457).
type Code string

// Error returns the code's text.
func (c Code) Error() string { return string(c) }

// The categories. Each is an error by itself; an *Error adds what was wrong
// and what to do.
const (
	ErrInvalidRequest       Code = "invalid_request"        // broken JSON, UTF-8 or cursor, two credentials
	ErrUnauthenticated      Code = "unauthenticated"        // no credential where one is needed
	ErrInvalidCredentials   Code = "invalid_credentials"    // a sign-in with an unknown name or a wrong password
	ErrInvalidToken         Code = "invalid_token"          // a credential that is malformed, unknown, expired or revoked
	ErrInsufficientCredits  Code = "insufficient_credits"   // the balance does not cover the amount
	ErrForbidden            Code = "forbidden"              // authenticated, but not allowed
	ErrReauthRequired       Code = "reauth_required"        // the password must be given again first
	ErrIPNotAllowed         Code = "ip_not_allowed"         // the caller's address is outside an allowlist
	ErrSuspended            Code = "account_suspended"      // the account is suspended
	ErrEmailNotVerified     Code = "email_not_verified"     // the address must be proven first
	ErrCeilingExceeded      Code = "ceiling_exceeded"       // more than staff may grant
	ErrNotFound             Code = "not_found"              // no such record, or none the caller may know of
	ErrMethodNotAllowed     Code = "method_not_allowed"     // the path exists, the method does not
	ErrConflict             Code = "conflict"               // the state of the record does not allow this
	ErrUsernameTaken        Code = "username_taken"         // the user name is held by another account
	ErrEmailTaken           Code = "email_taken"            // the address belongs to another account
	ErrLastOwner            Code = "last_owner"             // the last active owner stays
	ErrRestoreConflict      Code = "restore_conflict"       // a deleted user's name or address is in use
	ErrMailNotConfigured    Code = "mail_not_configured"    // the action sends mail and no mail server is set
	ErrWouldLockOut         Code = "would_lock_out"         // the change would exclude the caller
	ErrPayloadTooLarge      Code = "payload_too_large"      // the body is over its limit
	ErrUnsupportedMediaType Code = "unsupported_media_type" // the body is not of a type the route reads
	ErrValidation           Code = "validation_failed"      // a member is missing, unknown, of the wrong type or out of range
	ErrWeakPassword         Code = "weak_password"          // the password is too short, too common or derived from the account
	ErrReasonRequired       Code = "reason_required"        // the action needs a reason
	ErrIdempotencyMismatch  Code = "idempotency_mismatch"   // an idempotency key was used with another body
	ErrLocked               Code = "account_locked"         // too many failed sign-ins; see RetryAfter
	ErrRateLimited          Code = "rate_limited"           // too many requests; see RetryAfter
	ErrQuotaExceeded        Code = "quota_exceeded"         // a plan's limit is used up; see RetryAfter
	ErrUnavailable          Code = "unavailable"            // a dependency does not answer; see RetryAfter
	ErrInternal             Code = "internal"               // a fault of ours
	ErrClosed               Code = "closed"                 // used after Close
	ErrUnsupported          Code = "unsupported"            // the driver does not implement the method
)

// Error is an error with a category, a sentence for the caller and, where one
// is known, its cause. Detail and Fields are shown to clients and never hold a
// rejected value or an internal; Err is for logs only.
type Error struct {
	Code       Code
	Detail     string        // one sentence: what was wrong and what to do
	Fields     []FieldError  // the members at fault, for ErrValidation
	RetryAfter time.Duration // how long to wait, for 429 and 503; zero when unknown
	Quota      *QuotaRefusal // which limit refused, for ErrQuotaExceeded and ErrInsufficientCredits
	Scope      string        // the scope that the credential lacks, for ErrForbidden
	Err        error         // the cause, or nil
}

// FieldError names one member of a request and the rule it broke.
type FieldError struct {
	Field   string `json:"field"`   // a path such as "limits[0].window"
	Rule    string `json:"rule"`    // a short stable word such as "required"
	Message string `json:"message"` // a sentence that never echoes the value
}

// QuotaRefusal says which limit refused a unit.
type QuotaRefusal struct {
	Meter     string
	Window    Window // empty for credits
	Limit     int64
	Remaining int64
	ResetsAt  time.Time // zero for credits
}

// Error returns code, detail and cause.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	for _, f := range e.Fields {
		s += fmt.Sprintf(" [%s: %s]", f.Field, f.Message)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes both the category and the cause reachable for errors.Is and
// errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Err}
}

// Errorf makes an *Error of a category with a formatted detail. The detail is
// shown to clients: it must not hold a rejected value.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalid makes an ErrValidation for one field.
func Invalid(field, rule, message string) *Error {
	return &Error{
		Code:   ErrValidation,
		Detail: "The request has a member that is not valid.",
		Fields: []FieldError{{Field: field, Rule: rule, Message: message}},
	}
}

// Unavailable wraps a fault of a dependency, to be answered as 503.
func Unavailable(cause error) *Error {
	return &Error{
		Code:       ErrUnavailable,
		Detail:     "The service cannot answer at the moment. Try again shortly.",
		RetryAfter: time.Second,
		Err:        cause,
	}
}

// CodeOf returns the category of err: that of the first *Error or Code in its
// tree, ErrInternal for any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if c, ok := errors.AsType[Code](err); ok {
		return c
	}
	return ErrInternal
}
