package httpapi

import (
	"context"
	"io"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
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

// AddRoute adds a route for an action, as the routers do.
func AddRoute(a *API, action authz.Action) {
	r := a.newRouter(authn.KindUser, "/test")
	handle(r, route{method: "GET", path: "/x", id: "x", action: action, status: 204}, func(context.Context, *call, none) (none, error) {
		return none{}, nil
	})
}

// LargeBodies bounds the large bodies of an API.
type LargeBodies struct{ largeBodies }

// SmallBody is the length from which on a body is large.
const SmallBody = smallBody

// NewLargeBodies bounds them to n.
func NewLargeBodies(n int) LargeBodies { return LargeBodies{newLargeBodies(n)} }

// Read is how an API reads a body.
func (l LargeBodies) Read(ctx context.Context, body io.Reader) ([]byte, func(), error) {
	return l.read(ctx, body)
}
