package httpapi

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// optional is a member of a PATCH body: absent, null or a value. Its field
// carries omitzero, since it may be absent, and nullable:"true" where null
// clears it.
type optional[T any] struct {
	set   bool
	value T // zero for null
}

// UnmarshalJSON is called for members that are there.
func (o *optional[T]) UnmarshalJSON(b []byte) error {
	o.set = true
	return json.Unmarshal(b, &o.value)
}

// Schema is that of the value.
func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// pointer returns nil when the member was absent, and the zero value for null.
func (o optional[T]) pointer() *T {
	if !o.set {
		return nil
	}
	return &o.value
}
