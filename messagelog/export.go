package messagelog

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/usermgmt/usermgmt/internal/export"
	"github.com/usermgmt/usermgmt/store"
)

// The formats of an export.
const (
	NDJSON = export.NDJSON // one JSON object a line
	CSV    = export.CSV    // RFC 4180, with a line of names first
)

// exportPage is how many messages are in memory at a time.
const exportPage = 50

// exported is a message as it leaves the log.
type exported struct {
	ID             string          `json:"id"`
	ConversationID string          `json:"conversation_id"`
	Seq            int64           `json:"seq"`
	UserID         string          `json:"user_id"`
	Username       string          `json:"username"`
	Plan           string          `json:"plan"`
	Model          string          `json:"model"`
	Request        json.RawMessage `json:"request"`
	Response       json.RawMessage `json:"response"`
	TokensIn       int64           `json:"tokens_in"`
	TokensOut      int64           `json:"tokens_out"`
	Cost           int64           `json:"cost"`
	LatencyMS      int64           `json:"latency_ms"`
	Status         string          `json:"status"`
	Metadata       json.RawMessage `json:"metadata"`
	CreatedAt      time.Time       `json:"created_at"`
}

var columns = []string{"id", "conversation_id", "seq", "user_id", "username", "plan", "model", "request", "response",
	"tokens_in", "tokens_out", "cost", "latency_ms", "status", "metadata", "created_at"}

// Export writes the messages that a filter selects, oldest first, as NDJSON or
// CSV. It reads page by page, so that it takes little memory and holds no lock,
// and ends with what there was when it began. In CSV, a cell that a spreadsheet
// would take for a formula has an apostrophe in front. Another format is
// ErrValidation; after any other error a part may have been written.
func (l *Log) Export(ctx context.Context, w io.Writer, format string, f store.MessageFilter) error {
	out, known := export.NewWriter(w, format, export.Table[exported]{Columns: columns, Cells: cells})
	if !known {
		return store.Invalid("format", "enum", "The format must be ndjson or csv.")
	}
	if now := l.cfg.Clock(); f.Until.IsZero() || f.Until.After(now) {
		f.Until = now
	}
	for p := (store.Page{Sort: store.OldestFirst, Limit: exportPage}); ; {
		list, err := l.List(ctx, f, p)
		if err != nil {
			return err
		}
		for _, m := range list.Items {
			if err := out.Write(exportedOf(m)); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if p.After = list.Next; p.After.IsZero() {
			return nil
		}
	}
}

func exportedOf(m store.Message) exported {
	return exported{
		ID: m.ID, ConversationID: m.ConversationID, Seq: m.Seq, UserID: m.UserID, Username: m.Username,
		Plan: m.Plan, Model: m.Model, Request: orElse(m.Request, "[]"), Response: orElse(m.Response, "[]"),
		TokensIn: m.TokensIn, TokensOut: m.TokensOut, Cost: m.Cost, LatencyMS: m.Latency.Milliseconds(),
		Status: m.Status, Metadata: orElse(m.Metadata, "{}"), CreatedAt: m.CreatedAt,
	}
}

// orElse is raw, or what stands for nothing.
func orElse(raw json.RawMessage, nothing string) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage(nothing)
	}
	return raw
}

// cells are the columns of a message.
func cells(m exported) []string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{m.ID, m.ConversationID, number(m.Seq), m.UserID, m.Username,
		m.Plan, m.Model, string(m.Request), string(m.Response),
		number(m.TokensIn), number(m.TokensOut), number(m.Cost), number(m.LatencyMS),
		m.Status, string(m.Metadata), m.CreatedAt.Format(time.RFC3339Nano)}
}
