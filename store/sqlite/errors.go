package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/usermgmt/usermgmt/store"
)

// Primary result codes of SQLite, https://www.sqlite.org/rescode.html. An
// extended code has the primary one in its low byte.
const (
	codeBusy      = 5
	codeLocked    = 6
	codeNoMem     = 7
	codeReadOnly  = 8
	codeInterrupt = 9
	codeIOErr     = 10
	codeCorrupt   = 11
	codeFull      = 13
	codeCantOpen  = 14
	codeProtocol  = 15
	codeNotADB    = 26

	constraintForeignKey = 787
	constraintPrimaryKey = 1555
	constraintUnique     = 2067
)

// interpret turns an error of the driver into one of package store, with the
// cause inside. Every other error is returned as it is.
func interpret(ctx context.Context, err error) error {
	code, ok := resultCode(err)
	switch {
	case errors.Is(err, driver.ErrBadConn):
		return store.Unavailable(err)
	case !ok || knownToStore(err):
		return err
	}
	switch code {
	case constraintPrimaryKey, constraintUnique:
		return &store.Error{Code: store.ErrConflict, Detail: "A record like this exists.", Err: err}
	case constraintForeignKey:
		return &store.Error{Code: store.ErrNotFound, Detail: "The record that this one belongs to does not exist.", Err: err}
	}
	switch code & 0xff {
	case codeInterrupt:
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		return store.Unavailable(err)
	case codeBusy, codeLocked, codeNoMem, codeReadOnly, codeIOErr, codeFull, codeCantOpen, codeProtocol,
		codeCorrupt, codeNotADB:
		return store.Unavailable(err)
	}
	return err
}

func knownToStore(err error) bool {
	_, ok := errors.AsType[*store.Error](err)
	return ok
}

// busy reports whether another connection has the file at the moment.
func busy(err error) bool {
	code, ok := resultCode(err)
	return ok && (code&0xff == codeBusy || code&0xff == codeLocked)
}

// refusal adds to an error of Open what is wrong with the file, if that is what
// is wrong.
func refusal(err error) error {
	code, _ := resultCode(err)
	if e, ok := errors.AsType[*store.Error](err); ok && e.Err != nil {
		err = e.Err // what a client is told tells whoever starts a program nothing
	}
	detail := ""
	switch code & 0xff {
	case codeNotADB:
		return fmt.Errorf("%w: %w", errNotDatabase, err)
	case codeCorrupt:
		detail = "The database is damaged. It was left as it is; restore it from a backup."
	case codeReadOnly, codeCantOpen:
		detail = "The database cannot be written. Make the file and its folder writable."
	case codeFull:
		detail = "The disk is full."
	default:
		return err
	}
	return &store.Error{Code: store.ErrUnavailable, Detail: detail, Err: err}
}
