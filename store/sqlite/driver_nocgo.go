//go:build !cgo

package sqlite

import (
	"errors"

	"modernc.org/sqlite"
)

const driverName = "sqlite"

// resultCode returns the extended result code of an error of the driver.
func resultCode(err error) (int, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0, false
	}
	return e.Code(), true
}
