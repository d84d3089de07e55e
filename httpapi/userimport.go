package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/store"
)

// importPatience is how long a client may take for a line.
const importPatience = 30 * time.Second

// importLine is one user to be made.
type importLine struct {
	Username     string           `json:"username"`
	Email        string           `json:"email,omitempty" nullable:"true"`
	Password     string           `json:"password,omitempty" format:"password"`
	PasswordHash string           `json:"password_hash,omitempty" doc:"In place of password: bcrypt, or argon2id as a PHC string"`
	Plan         string           `json:"plan,omitempty"`
	DisplayName  string           `json:"display_name,omitempty"`
	TimeZone     string           `json:"time_zone,omitempty"`
	Metadata     optional[Object] `json:"metadata,omitzero" nullable:"true"`
}

// importReport is how it went with one line.
type importReport struct {
	Line   int                `json:"line"` // from 1
	OK     bool               `json:"ok"`
	Exists bool               `json:"exists,omitempty"` // it was so already
	ID     string             `json:"id,omitempty"`
	Code   store.Code         `json:"code,omitempty"`
	Errors []store.FieldError `json:"errors,omitempty"`
}

// userImport makes users of lines, which are held against a shape as strictly as
// any body.
type userImport struct {
	api  *API
	line *shape
}

func (a *API) newUserImport() userImport {
	schemas := huma.NewMapRegistry("#/", huma.DefaultSchemaNamer)
	return userImport{a, compile(schemas, schemas.Schema(reflect.TypeFor[importLine](), true, "Line"))}
}

// run makes a user of each line, and reports on it while the next ones come. A
// line that is not taken keeps none of the others out. A fault of ours ends the
// import, and so does a caller who may no more: what was reported is done, and all
// can be sent again.
func (i userImport) run(ctx context.Context, c *call, w http.ResponseWriter, r *http.Request) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != mediaNDJSON {
		return store.Errorf(store.ErrUnsupportedMediaType, "The body must be "+mediaNDJSON+".")
	}
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // reports go out while lines come in; HTTP/2 always does
	in := lineReader{r: bufio.NewReaderSize(r.Body, 64<<10), most: maxBody}
	out := bufio.NewWriter(w)
	w.Header().Set("Content-Type", mediaNDJSON)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	enc := json.NewEncoder(out)
	for n := 1; ; n++ {
		_ = control.SetReadDeadline(time.Now().Add(importPatience))
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return errors.Join(&store.Error{Code: store.ErrInvalidRequest, Detail: "The body did not arrive whole.", Err: err}, out.Flush())
		}
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		report, err := i.one(ctx, c, n, line, err)
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if err := enc.Encode(report); err != nil {
			return err
		}
		if in.r.Buffered() == 0 { // the next line is not here yet
			if err := errors.Join(out.Flush(), control.Flush()); err != nil {
				return err
			}
		}
	}
}

// one makes the user of a line, unless something is wrong with the line. Its
// error is a fault of ours, or says that the caller may no more.
func (i userImport) one(ctx context.Context, c *call, n int, line []byte, fault error) (importReport, error) {
	var in importLine
	if fault == nil {
		fault = decodeJSON(line, i.line, &in)
	}
	var user store.User
	var existed bool
	if fault == nil {
		var reg account.Registration
		if reg, fault = in.registration(); fault == nil {
			user, existed, fault = i.api.cfg.Users.Import(ctx, c.actor(), reg)
		}
	}
	if fault == nil {
		return importReport{Line: n, OK: true, Exists: existed, ID: user.ID}, nil
	}
	code := store.CodeOf(fault)
	if ctx.Err() != nil || code == store.ErrForbidden || problem.From(fault, "").Status >= http.StatusInternalServerError {
		return importReport{}, fault
	}
	report := importReport{Line: n, Code: code}
	if e, ok := errors.AsType[*store.Error](fault); ok {
		report.Errors = e.Fields
	}
	return report, nil
}

func (in importLine) registration() (account.Registration, error) {
	reg := account.Registration{
		Username: in.Username, Email: in.Email, Password: in.Password, PasswordHash: in.PasswordHash,
		Plan: in.Plan, DisplayName: in.DisplayName, TimeZone: in.TimeZone,
	}
	metadata, err := rawOf(in.Metadata)
	if metadata != nil {
		reg.Metadata = *metadata
	}
	return reg, err
}

// errLongLine says that a line was longer than what is read of one.
var errLongLine = store.Errorf(store.ErrPayloadTooLarge, "The line is longer than the 1048576 bytes that are read.")

// lineReader reads lines of a bounded length.
type lineReader struct {
	r    *bufio.Reader
	most int
	line []byte
}

// next returns a line, good until the next call. It is errLongLine for one that is
// too long, which is skipped, and io.EOF after the last. What a body that broke
// off ends with is no line.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	for long := false; ; {
		part, err := l.r.ReadSlice('\n')
		if long = long || len(l.line)+len(part) > l.most; !long {
			l.line = append(l.line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case long:
			return nil, errLongLine
		case err != nil && len(l.line) == 0:
			return nil, io.EOF
		}
		return l.line, nil
	}
}
