package httpapi

import (
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"
)

// Object is a JSON object whose members are the client's own. One that was
// never set is empty.
type Object struct{ raw json.RawMessage }

// MarshalJSON returns the object as it was stored.
func (o Object) MarshalJSON() ([]byte, error) {
	if len(o.raw) == 0 {
		return []byte("{}"), nil
	}
	return o.raw, nil
}

// UnmarshalJSON keeps the object as it was sent; null is the empty one.
func (o *Object) UnmarshalJSON(b []byte) error {
	if o.raw = nil; string(b) != "null" {
		o.raw = append(o.raw, b...)
	}
	return nil
}

// Schema is that of any object.
func (Object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}
