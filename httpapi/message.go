package httpapi

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/store"
)

// Message is one logged exchange of a conversation.
type Message struct {
	ID             string    `json:"id"`
	ConversationID string    `json:"conversation_id"`
	Seq            int64     `json:"seq" doc:"Order within the conversation, from 1"`
	UserID         string    `json:"user_id"`
	Username       string    `json:"username"`
	Model          string    `json:"model"`
	Request        Turns     `json:"request"`
	Response       Turns     `json:"response"`
	TokensIn       int64     `json:"tokens_in"`
	TokensOut      int64     `json:"tokens_out"`
	Cost           int64     `json:"cost" doc:"Micro-units"`
	LatencyMS      int64     `json:"latency_ms"`
	Status         string    `json:"status"`
	Metadata       Object    `json:"metadata"`
	CreatedAt      time.Time `json:"created_at"`
}

// Turn is what one side said.
type Turn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Turns are an array of Turn as it was logged.
type Turns struct{ raw json.RawMessage }

// MarshalJSON returns the array as it was stored.
func (t Turns) MarshalJSON() ([]byte, error) {
	if len(t.raw) == 0 {
		return []byte("[]"), nil
	}
	return t.raw, nil
}

// Schema is that of an array of Turn.
func (Turns) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[[]Turn](), true, "")
}

func message(m store.Message) Message {
	return Message{
		ID:             m.ID,
		ConversationID: m.ConversationID,
		Seq:            m.Seq,
		UserID:         m.UserID,
		Username:       m.Username,
		Model:          m.Model,
		Request:        Turns{m.Request},
		Response:       Turns{m.Response},
		TokensIn:       m.TokensIn,
		TokensOut:      m.TokensOut,
		Cost:           m.Cost,
		LatencyMS:      m.Latency.Milliseconds(),
		Status:         m.Status,
		Metadata:       Object{m.Metadata},
		CreatedAt:      m.CreatedAt.UTC(),
	}
}

func (a *API) listMessages(ctx context.Context, c *call, _ none) (List[Message], error) {
	filter := store.MessageFilter{UserID: c.subject(), ConversationID: c.filters["conversation_id"]}
	list, err := a.cfg.Messages.List(ctx, filter, c.page)
	if err != nil {
		return List[Message]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, message), nil
}

func (a *API) getMessage(ctx context.Context, c *call, _ none) (Message, error) {
	m, err := a.cfg.Messages.Get(ctx, c.subject(), c.id)
	if err != nil {
		return Message{}, err
	}
	return message(m), nil
}
