package httpapi

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// orNull is an object that may be null. A pointer would not do: huma describes
// objects by reference, and a reference is not null.
type orNull[T any] struct{ value *T }

// MarshalJSON writes the object, or null.
func (o orNull[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.value) }

// UnmarshalJSON reads it.
func (o *orNull[T]) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &o.value) }

// Schema is that of the object, in place.
func (orNull[T]) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[T]())
	s.Nullable = true
	return s
}
