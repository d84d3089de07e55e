package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// chat is the host's own handler, POST /v1/chat. By the time it runs, the caller
// is known, is within the limits and holds one conversation. What it answers is
// logged before it is acknowledged.
type chat struct{ mgr *usermgmt.Manager }

type chatRequest struct {
	Message        string `json:"message" minLength:"1" maxLength:"32768"`
	Model          string `json:"model,omitempty" maxLength:"128"`
	ConversationID string `json:"conversation_id,omitempty" maxLength:"128"`
}

var readBody = usermgmt.JSONBody[chatRequest]()

type turn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func (c chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	in, err := readChat(w, r)
	if err != nil {
		usermgmt.WriteError(w, r, err)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		c.stream(w, r, in)
		return
	}
	began := time.Now()
	answer := reply(in.Message)
	if err := c.log(r.Context(), in, answer, "ok", began); err != nil {
		usermgmt.WriteError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"reply": answer, "tokens": tokens(in.Message) + tokens(answer)})
}

func readChat(w http.ResponseWriter, r *http.Request) (chatRequest, error) {
	in, err := readBody(w, r)
	if err != nil {
		return in, err
	}
	if strings.TrimSpace(in.Message) == "" {
		return in, usermgmt.Invalid("message", "required", "A message must say something.")
	}
	in.Model = cmp.Or(in.Model, "parrot-1")
	in.ConversationID = cmp.Or(in.ConversationID, rand.Text())
	return in, nil
}

// stream answers word by word. A client that goes away ends it: what it was sent
// is logged as interrupted, and the plan decides what it is charged.
func (c chat) stream(w http.ResponseWriter, r *http.Request, in chatRequest) {
	began := time.Now()
	out := newEvents(w)
	var sent strings.Builder
	for word := range strings.SplitAfterSeq(reply(in.Message), " ") {
		if r.Context().Err() != nil || out.data(map[string]string{"delta": word}) != nil {
			_ = c.log(r.Context(), in, sent.String(), "interrupted", began)
			return
		}
		sent.WriteString(word)
	}
	if err := c.log(r.Context(), in, sent.String(), "ok", began); err != nil {
		out.problem(err)
		return
	}
	out.event("done", map[string]int64{"tokens": tokens(in.Message) + tokens(sent.String())})
}

// log reports the tokens and stores the exchange. It is durable when it returns,
// also when the client has hung up.
func (c chat) log(ctx context.Context, in chatRequest, answer, status string, began time.Time) error {
	caller, _ := usermgmt.FromContext(ctx)
	tokensIn, tokensOut := tokens(in.Message), tokens(answer)
	usermgmt.ReportUsage(ctx, "tokens", tokensIn+tokensOut)
	request, err := json.Marshal([]turn{{"user", in.Message}})
	if err != nil {
		return err
	}
	response, err := json.Marshal([]turn{{"assistant", answer}})
	if err != nil {
		return err
	}
	_, err = c.mgr.Messages().Append(ctx, usermgmt.Message{
		ConversationID: in.ConversationID,
		UserID:         caller.Subject,
		Username:       caller.Username,
		Model:          in.Model,
		Request:        request,
		Response:       response,
		TokensIn:       tokensIn,
		TokensOut:      tokensOut,
		Latency:        time.Since(began),
		Status:         status,
	})
	return err
}
