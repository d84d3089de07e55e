package store

import (
	"encoding/json"
	"time"
)

// Message is one exchange of a conversation: a request and its response.
type Message struct {
	ID             string // chosen by the caller, or made; appending an id twice is harmless
	ConversationID string
	Seq            int64 // order within the conversation, assigned at append, from 1
	UserID         string
	Username       string
	Model          string
	Request        json.RawMessage // an array of {"role","content"}
	Response       json.RawMessage // likewise
	TokensIn       int64
	TokensOut      int64
	Cost           int64 // micro-units
	Latency        time.Duration
	Status         string          // "ok", "error", "interrupted" or the host's own word
	Metadata       json.RawMessage // a JSON object
	CreatedAt      time.Time
}

// MessageFilter selects messages. Empty fields do not restrict.
type MessageFilter struct {
	UserID         string
	ConversationID string
}
