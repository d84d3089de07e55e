package account

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/usermgmt/usermgmt/internal/csvcell"
	"github.com/usermgmt/usermgmt/store"
)

// The formats of an export of all users.
const (
	NDJSON = "ndjson" // one JSON object a line
	CSV    = "csv"    // RFC 4180, with a line of names first
)

// ExportAll writes the users that a filter selects, as All goes through them, as
// NDJSON or CSV. In CSV, a cell that a spreadsheet would take for a formula has an
// apostrophe in front. That it was made stands in the trail before anything is
// written. Another format is ErrValidation; after any other error a part may have
// been written.
func (u *Users) ExportAll(ctx context.Context, actor store.Actor, w io.Writer, format string, f store.UserFilter) error {
	if format != NDJSON && format != CSV {
		return store.Invalid("format", "enum", "The format must be ndjson or csv.")
	}
	if err := u.noteExport(ctx, actor, ""); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	write, flush := ndjsonOf(out)
	if format == CSV {
		write, flush = csvOf(out)
	}
	for user, err := range u.All(ctx, f) {
		if err == nil {
			err = write(user)
		}
		if err != nil {
			return err
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return out.Flush()
}

func ndjsonOf(w io.Writer) (write func(store.User) error, flush func() error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(user store.User) error { return enc.Encode(exportedUser(user)) }, func() error { return nil }
}

// csvColumns are those of a user, in their order.
var csvColumns = []string{"id", "username", "email", "email_verified", "display_name", "status", "suspended_reason", "suspended_until",
	"plan", "limits", "time_zone", "mfa_enabled", "metadata", "created_at", "updated_at", "last_login_at"}

func csvOf(w io.Writer) (write func(store.User) error, flush func() error) {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	_ = out.Write(csvColumns) // into the buffer; flush says what became of it
	return func(user store.User) error { return out.Write(csvRow(exportedUser(user))) }, func() error {
		out.Flush()
		return out.Error()
	}
}

func csvRow(user fields) []string {
	cells := make([]string, len(csvColumns))
	for i, name := range csvColumns {
		switch v := user[name].(type) {
		case nil:
		case time.Time:
			cells[i] = v.Format(time.RFC3339Nano)
		case bool:
			cells[i] = strconv.FormatBool(v)
		case string:
			cells[i] = csvcell.Harmless(v)
		case store.Status, json.RawMessage:
			cells[i] = csvcell.Harmless(fmt.Sprintf("%s", v))
		default: // lists; they are ours and can be encoded
			text, _ := json.Marshal(v)
			cells[i] = string(text)
		}
	}
	return cells
}
