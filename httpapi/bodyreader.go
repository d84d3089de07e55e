package httpapi

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// BodyReader returns a function that reads a request's body into a T, a struct,
// as strictly as our own routes do. Members are optional when their json tag
// says omitempty; the tags minLength, maxLength, minimum, maximum, minItems,
// maxItems and enum are enforced. It panics when T has what cannot be enforced,
// such as a pattern.
func BodyReader[T any]() func(w http.ResponseWriter, r *http.Request) (T, error) {
	schemas := huma.NewMapRegistry("#/", huma.DefaultSchemaNamer)
	body := compile(schemas, schemas.Schema(reflect.TypeFor[T](), true, "Body"))
	return func(w http.ResponseWriter, r *http.Request) (in T, err error) {
		data, done, err := readJSON(w, r, maxBody, nil) // a host's bodies may well be large
		defer done()
		if err != nil {
			return in, err
		}
		err = decodeJSON(data, body, &in) // before the return, whose operands have no fixed order
		return in, err
	}
}
