//go:build cgo

package sqlite

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

const driverName = "sqlite3"

// resultCode returns the extended result code of an error of the driver.
func resultCode(err error) (int, bool) {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return 0, false
	}
	return max(int(e.ExtendedCode), int(e.Code)), true
}
