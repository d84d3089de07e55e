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
	Plan           string // the user's plan at the time, by which the message is retained
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
	Model          string
	From           time.Time // made at or after
	Until          time.Time // made before
}

// MessagePurge deletes what is older than its retention. Text goes before the
// rest: a message without text keeps its figures.
type MessagePurge struct {
	Plan     string    // of messages that were stored under the plan; empty means every one
	Before   time.Time // made before
	TextOnly bool      // make Request and Response empty, and keep the rest
	Limit    int       // at most this many in one transaction
}

// MessageWindow says that a process holds messages in memory that it has taken
// and not stored.
type MessageWindow struct {
	ID    string
	Rows  int       // at most; 0 ends the window
	Until time.Time // the process puts it again before, or was killed
}

// ModelUsage is what the messages of one model add up to.
type ModelUsage struct {
	Model     string
	Messages  int64
	TokensIn  int64
	TokensOut int64
	Cost      int64 // micro-units
}
