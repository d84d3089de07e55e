package store

import (
	"context"
	"encoding/json"
	"time"
)

// MessageStore keeps conversation logs. Its methods are never used inside InTx,
// so that a driver may keep them in a database of their own.
type MessageStore interface {
	// MessageAppend stores many messages in one durable transaction, assigns
	// each the next Seq of its user's conversation, and returns them in their
	// order. One whose id the same user stored before is left as it is and
	// comes back as stored; an id of another user's message is ErrConflict for
	// the whole batch.
	MessageAppend(ctx context.Context, batch []Message) ([]Message, error)
	// MessageGet finds a message of one user; another user's is ErrNotFound.
	MessageGet(ctx context.Context, userID, id string) (Message, error)
	MessageList(ctx context.Context, f MessageFilter, p Page) (List[Message], error)
	// MessageUsage adds up the messages of each model that were made at or after
	// a time and before another, by model. What it costs grows with them, a step
	// in an index each.
	MessageUsage(ctx context.Context, from, until time.Time) ([]ModelUsage, error)
	// MessagePurge deletes messages, or only their text, and returns how many;
	// fewer than the limit means that none is left. The Seq of a conversation
	// goes on all the same.
	MessagePurge(ctx context.Context, p MessagePurge) (int, error)
	// MessageErase deletes at most limit rows of all that is kept of a user: the
	// messages, then the conversations. It returns how many went; fewer than the
	// limit means that none is left. A conversation that is begun again counts its
	// Seq from 1.
	MessageErase(ctx context.Context, userID string, limit int) (int, error)
	// MessageWindowPut inserts, replaces or ends a window; durably.
	MessageWindowPut(ctx context.Context, w MessageWindow) error
	// MessageWindowTake deletes the windows whose Until is before now, and
	// returns them. Of any number of callers one gets each.
	MessageWindowTake(ctx context.Context, now time.Time) ([]MessageWindow, error)
}

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
