package account

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/usermgmt/usermgmt/internal/export"
	"github.com/usermgmt/usermgmt/store"
)

// The formats of an export of all users.
const (
	NDJSON = export.NDJSON // one JSON object a line
	CSV    = export.CSV    // RFC 4180, with a line of names first
)

// ExportAll writes the users that a filter selects, as All goes through them, as
// NDJSON or CSV. In CSV, a cell that a spreadsheet would take for a formula has an
// apostrophe in front. That it was made stands in the trail before anything is
// written. Another format is ErrValidation; after any other error a part may have
// been written.
func (u *Users) ExportAll(ctx context.Context, actor store.Actor, w io.Writer, format string, f store.UserFilter) error {
	buffer := bufio.NewWriter(w)
	out, known := export.NewWriter(buffer, format, export.Table[fields]{Columns: csvColumns, Cells: csvRow})
	if !known {
		return store.Invalid("format", "enum", "The format must be ndjson or csv.")
	}
	if err := u.noteExport(ctx, actor, ""); err != nil {
		return err
	}
	for user, err := range u.All(ctx, f) {
		if err == nil {
			err = out.Write(exportedUser(user))
		}
		if err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return buffer.Flush()
}

// csvColumns are those of a user, in their order.
var csvColumns = []string{"id", "username", "email", "email_verified", "display_name", "status", "suspended_reason", "suspended_until",
	"plan", "limits", "time_zone", "mfa_enabled", "metadata", "created_at", "updated_at", "last_login_at"}

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
			cells[i] = v
		case store.Status, json.RawMessage:
			cells[i] = fmt.Sprintf("%s", v)
		default: // lists; they are ours and can be encoded
			text, _ := json.Marshal(v)
			cells[i] = string(text)
		}
	}
	return cells
}
