package httpapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Optional is a member of a PATCH body.
type Optional[T any] = optional[T]

// Pointer is what a handler sees of an optional member.
func Pointer[T any](o Optional[T]) *T { return o.pointer() }

// Decoder returns what reads bodies of type T.
func Decoder[T any]() func(data []byte, v *T) error {
	r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	s := compile(r, r.Schema(reflect.TypeFor[T](), true, ""))
	return func(data []byte, v *T) error { return decodeJSON(data, s, v) }
}
