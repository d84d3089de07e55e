package usermgmt

import "github.com/usermgmt/usermgmt/store"

// Error is an error with a stable code, a sentence for the caller and, for
// limits, how long to wait. errors.Is and errors.As find both the category and
// the cause through every layer.
type Error = store.Error

// The categories a host most often asks for. Package store has them all. They
// are apart: a name that is taken is ErrUsernameTaken and not ErrConflict too.
const (
	ErrNotFound            = store.ErrNotFound
	ErrConflict            = store.ErrConflict
	ErrUsernameTaken       = store.ErrUsernameTaken
	ErrEmailTaken          = store.ErrEmailTaken
	ErrValidation          = store.ErrValidation
	ErrWeakPassword        = store.ErrWeakPassword
	ErrUnauthenticated     = store.ErrUnauthenticated
	ErrInvalidCredentials  = store.ErrInvalidCredentials
	ErrInvalidToken        = store.ErrInvalidToken
	ErrForbidden           = store.ErrForbidden
	ErrReasonRequired      = store.ErrReasonRequired
	ErrSuspended           = store.ErrSuspended
	ErrLocked              = store.ErrLocked
	ErrRateLimited         = store.ErrRateLimited
	ErrQuotaExceeded       = store.ErrQuotaExceeded
	ErrInsufficientCredits = store.ErrInsufficientCredits
	ErrUnavailable         = store.ErrUnavailable
	ErrClosed              = store.ErrClosed
)
