package messagelog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/store"
)

// The sizes of a message in bytes.
const (
	MaxSize = 1 << 20 // everything together
	maxName = 128     // a name, such as the model's
	maxID   = 64
)

// turn is one member of Request and Response.
type turn struct {
	Role    *string `json:"role"`
	Content *string `json:"content"`
}

// normalize checks a message and writes its JSON in the one form in which it is
// stored. Every fault is reported at once; no error holds what was given.
func normalize(m *store.Message) error {
	var faults []store.FieldError
	check := func(ok bool, field, rule, message string) {
		if !ok {
			faults = append(faults, store.FieldError{Field: field, Rule: rule, Message: message})
		}
	}
	const idRule = "must be 1 to 64 of A-Z, a-z, 0-9, and . _ : -"
	check(validID(m.ID), "id", "format", idRule)
	check(validID(m.UserID), "user_id", "format", idRule)
	const nameRule = "must be at most 128 bytes of printable text"
	check(m.ConversationID != "" && validName(m.ConversationID), "conversation_id", "format", nameRule)
	check(validName(m.Username), "username", "format", nameRule)
	check(validName(m.Model), "model", "format", nameRule)
	check(validName(m.Status), "status", "format", nameRule)
	amountRule := fmt.Sprintf("must be from 0 to %d", store.MaxAmount)
	check(validAmount(m.TokensIn), "tokens_in", "range", amountRule)
	check(validAmount(m.TokensOut), "tokens_out", "range", amountRule)
	check(validAmount(m.Cost), "cost", "range", amountRule)
	check(m.Latency >= 0, "latency_ms", "range", "must not be negative")

	size := len(m.Request) + len(m.Response) + len(m.Metadata)
	check(size <= MaxSize, "request", "size", fmt.Sprintf("must not exceed %d bytes together with response and metadata", MaxSize))
	if size <= MaxSize {
		const turnsRule = `must be an array of {"role","content"}, both strings`
		var ok bool
		m.Request, ok = turns(m.Request)
		check(ok, "request", "format", turnsRule)
		m.Response, ok = turns(m.Response)
		check(ok, "response", "format", turnsRule)
		m.Metadata, ok = object(m.Metadata)
		check(ok, "metadata", "format", "must be a JSON object")
	}
	if len(faults) == 0 {
		return nil
	}
	return &store.Error{Code: store.ErrValidation, Detail: "The message has a member that is not valid.", Fields: faults}
}

// turns reads an array of turns and writes it again, so that no other member,
// spelling or repetition is stored. Nothing is an empty array.
func turns(raw json.RawMessage) (json.RawMessage, bool) {
	if len(raw) == 0 {
		return json.RawMessage("[]"), true
	}
	if canonical(raw) {
		return raw, true
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var all []turn
	if !utf8.Valid(raw) || !json.Valid(raw) || dec.Decode(&all) != nil || all == nil {
		return raw, false
	}
	for _, t := range all {
		if t.Role == nil || t.Content == nil {
			return raw, false
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(all) != nil {
		return raw, false
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), true
}

// object checks a JSON object and takes its white space out. Nothing is an
// empty object.
func object(raw json.RawMessage) (json.RawMessage, bool) {
	if len(raw) == 0 {
		return json.RawMessage("{}"), true
	}
	if string(raw) == "{}" {
		return raw, true
	}
	var out bytes.Buffer
	if !utf8.Valid(raw) || json.Compact(&out, raw) != nil || !bytes.HasPrefix(out.Bytes(), []byte("{")) {
		return raw, false
	}
	return out.Bytes(), true
}

func validID(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-"
	return s != "" && len(s) <= maxID && strings.Trim(s, letters) == ""
}

func validName(s string) bool {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	return len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable)
}

func validAmount(n int64) bool { return n >= 0 && n <= store.MaxAmount }
