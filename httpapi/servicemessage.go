package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/store"
)

// The bounds of a request that logs messages.
const (
	maxMessagesBody   = 16 << 20
	maxMessagesValues = 200_000
)

// Logged says which messages were taken.
type Logged struct {
	Accepted int      `json:"accepted"`
	IDs      []string `json:"ids" doc:"In the order of the request"`
}

type messagesInput struct {
	Messages []messageInput `json:"messages" nullable:"false" minItems:"1" maxItems:"1000"`
}

// messageInput is a message as services send it.
type messageInput struct {
	ID             string     `json:"id,omitempty" doc:"Makes a repeat harmless; absent means a new one"`
	ConversationID string     `json:"conversation_id,omitempty" doc:"Absent means a conversation of its own"`
	UserID         string     `json:"user_id"`
	Model          string     `json:"model,omitempty"`
	Request        turnsInput `json:"request,omitempty"`
	Response       turnsInput `json:"response,omitempty"`
	TokensIn       int64      `json:"tokens_in,omitempty" minimum:"0" maximum:"9007199254740991"`
	TokensOut      int64      `json:"tokens_out,omitempty" minimum:"0" maximum:"9007199254740991"`
	Cost           int64      `json:"cost,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Micro-units"`
	LatencyMS      int64      `json:"latency_ms,omitempty" minimum:"0" maximum:"9223372036854"`
	Status         string     `json:"status,omitempty" doc:"Absent means ok"`
	Metadata       Object     `json:"metadata,omitempty"`
	CreatedAt      *time.Time `json:"created_at,omitempty" doc:"Absent means now"`
}

// turnInput is what one side said.
type turnInput struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// turnsInput are an array of turnInput as it was sent.
type turnsInput struct{ raw json.RawMessage }

// UnmarshalJSON keeps the array as it was sent.
func (t *turnsInput) UnmarshalJSON(b []byte) error {
	t.raw = append(t.raw[:0], b...)
	return nil
}

// Schema is that of an array of turnInput.
func (turnsInput) Schema(r huma.Registry) *huma.Schema {
	s := r.Schema(reflect.TypeFor[[]turnInput](), true, "")
	s.Nullable = false
	return s
}

func (a *API) logMessages(ctx context.Context, c *call, in messagesInput) (Logged, error) {
	messages, err := a.messagesOf(ctx, in.Messages)
	if err != nil {
		return Logged{}, err
	}
	take := a.cfg.Messages.EnqueueAll
	switch c.filters["durable"] {
	case "", "false":
	case "true":
		take, c.status = a.cfg.Messages.AppendAll, http.StatusCreated
	default:
		return Logged{}, store.Invalid("durable", "type", "The parameter must be true or false.")
	}
	taken, err := take(ctx, messages)
	if err != nil {
		return Logged{}, underMessages(err)
	}
	out := Logged{Accepted: len(taken), IDs: make([]string, len(taken))}
	for i, m := range taken {
		out.IDs[i] = m.ID
	}
	return out, nil
}

// messagesOf fills in what the account says of each message's user. A user who
// is unknown is a fault of the message; one who is suspended leaves his traces.
func (a *API) messagesOf(ctx context.Context, in []messageInput) ([]store.Message, error) {
	users := make(map[string]store.User)
	out := make([]store.Message, len(in))
	var faults []store.FieldError
	for i, m := range in {
		user, known := users[m.UserID]
		if !known {
			var err error
			user, err = a.cfg.Users.Get(ctx, m.UserID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			users[m.UserID] = user
		}
		if user.ID == "" && len(faults) < maxFaults {
			faults = append(faults, store.FieldError{Field: fmt.Sprintf("messages[%d].user_id", i), Rule: "unknown", Message: "There is no such user."})
		}
		out[i] = m.message(user)
	}
	if len(faults) > 0 {
		return nil, invalidMembers(faults)
	}
	return out, nil
}

func (m messageInput) message(user store.User) store.Message {
	out := store.Message{
		ID:             m.ID,
		ConversationID: m.ConversationID,
		UserID:         m.UserID,
		Username:       user.Username,
		Plan:           user.Plan,
		Model:          m.Model,
		Request:        m.Request.raw,
		Response:       m.Response.raw,
		TokensIn:       m.TokensIn,
		TokensOut:      m.TokensOut,
		Cost:           m.Cost,
		Latency:        time.Duration(m.LatencyMS) * time.Millisecond,
		Status:         m.Status,
		Metadata:       m.Metadata.raw,
	}
	if m.CreatedAt != nil {
		out.CreatedAt = *m.CreatedAt
	}
	return out
}

// underMessages says where in the body the messages are that an error is about.
func underMessages(err error) error {
	e, ok := errors.AsType[*store.Error](err)
	if !ok || e.Code != store.ErrValidation {
		return err
	}
	fields := make([]store.FieldError, min(len(e.Fields), maxFaults))
	for i := range fields {
		fields[i] = e.Fields[i]
		fields[i].Field = "messages" + fields[i].Field
	}
	return invalidMembers(fields)
}
