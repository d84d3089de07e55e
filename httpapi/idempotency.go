package httpapi

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/store"
)

const (
	headerIdempotency = "Idempotency-Key"
	headerReplayed    = "Idempotent-Replayed"

	maxIdempotencyKey = 255
)

// idempotencyKey reads the key that a client gave its request.
func idempotencyKey(h http.Header) (string, error) {
	keys := h.Values(headerIdempotency)
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case len(keys) == 0 || keys[0] == "":
		return "", store.Errorf(store.ErrInvalidRequest, "The request needs a header Idempotency-Key, such as a new UUID.")
	case len(keys) > 1:
		return "", store.Errorf(store.ErrInvalidRequest, "The request has more than one Idempotency-Key.")
	case len(keys[0]) > maxIdempotencyKey || strings.ContainsFunc(keys[0], invisible):
		return "", store.Errorf(store.ErrInvalidRequest, "An Idempotency-Key has 1 to 255 visible ASCII characters.")
	}
	return keys[0], nil
}

// nameRequest completes what tells two requests apart: who sent them, on which
// route, and what they ask for, in whatever order and spacing it was written.
func (c *call) nameRequest(route string, in any) {
	asked, err := json.Marshal(struct {
		ID string
		In any
	}{c.id, in})
	if err != nil {
		panic("httpapi: a body that was read cannot be written: " + err.Error())
	}
	c.idempotency.Caller, c.idempotency.Route = c.subject(), route
	c.idempotency.BodyHash = sha256.Sum256(asked)
}

func idempotencyParam() *huma.Param {
	least, most := 1, maxIdempotencyKey
	return &huma.Param{
		Name: headerIdempotency, In: "header", Required: true,
		Description: "Names the request for 24 hours: a repeat is not carried out again, and gets the first one's answer",
		Schema:      &huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most},
	}
}
