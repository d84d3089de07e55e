package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// kind is what sort of JSON value a shape takes.
type kind string

const (
	anything kind = ""
	boolean  kind = "a boolean"
	text     kind = "a string"
	integer  kind = "an integer"
	number   kind = "a number"
	array    kind = "an array"
	object   kind = "an object"
)

// shape is what decodeJSON holds a value against: a schema of the OpenAPI
// document in the form that is enforced, so that the two cannot differ. The
// zero shape takes anything. Shapes do not change once made.
type shape struct {
	kind     kind
	nullable bool
	bounds   bounds   // of an integer, or how long a string or an array is
	enum     []string // of a string; nil means any
	isTime   bool     // a string that is an RFC 3339 time
	items    *shape   // of an array
	members  map[string]*shape
	required []string
	closed   bool // an object that has no other members
	values   int  // how many values a document of it has at most; zero means maxValues
}

// compile makes the shape of a schema. It panics at a keyword that would be
// documented and not enforced.
func compile(r huma.Registry, s *huma.Schema) *shape {
	for s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	if s.Pattern != "" || s.MultipleOf != nil || s.UniqueItems || s.OneOf != nil || s.AnyOf != nil || s.AllOf != nil ||
		s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || (s.Format != "" && !enforcedFormat(s.Format)) {
		panic("httpapi: a schema of a body has a keyword that is not enforced")
	}
	out := &shape{nullable: s.Nullable}
	switch s.Type {
	case "":
	case huma.TypeBoolean:
		out.kind = boolean
	case huma.TypeInteger:
		out.kind, out.bounds = integer, numberBounds(s.Minimum, s.Maximum)
	case huma.TypeNumber:
		if s.Minimum != nil || s.Maximum != nil {
			panic("httpapi: a schema of a body bounds a number that is not an integer")
		}
		out.kind = number
	case huma.TypeString:
		out.kind, out.bounds = text, sizeBounds(s.MinLength, s.MaxLength)
		out.isTime = s.Format == formatTime
		for _, v := range s.Enum {
			out.enum = append(out.enum, v.(string))
		}
	case huma.TypeArray:
		out.kind, out.bounds = array, sizeBounds(s.MinItems, s.MaxItems)
		out.items = compile(r, s.Items)
	case huma.TypeObject:
		out.kind, out.required = object, s.Required
		out.closed = s.AdditionalProperties == false
		out.members = make(map[string]*shape, len(s.Properties))
		for name, member := range s.Properties {
			out.members[name] = compile(r, member)
		}
	default:
		panic("httpapi: a schema of a body has the type " + s.Type)
	}
	return out
}

const formatTime = "date-time"

// enforcedFormat also lets through the formats that say how wide an integer is
// and that a string is hidden while typed.
func enforcedFormat(format string) bool {
	return format == formatTime || format == "int64" || format == "double" || format == "password"
}

// memberPath is the path of a member for a fault: only names of the shape's
// own appear in it.
func (s *shape) memberPath(path, name string) string {
	if _, known := s.members[name]; !known {
		return path
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// knownMembers is a sentence that names the members.
func (s *shape) knownMembers() string {
	if len(s.members) == 0 {
		return "It knows none."
	}
	return "It knows: " + strings.Join(slices.Sorted(maps.Keys(s.members)), ", ") + "."
}

// bounds are inclusive; nil is open.
type bounds struct{ least, most *int64 }

func (b bounds) hold(n int64) bool {
	return (b.least == nil || n >= *b.least) && (b.most == nil || n <= *b.most)
}

// String says the bounds in words, such as "from 1 to 200".
func (b bounds) String() string {
	switch {
	case b.least != nil && b.most != nil:
		return fmt.Sprintf("from %d to %d", *b.least, *b.most)
	case b.least != nil:
		return fmt.Sprintf("at least %d", *b.least)
	}
	most := int64(math.MaxInt64)
	return fmt.Sprintf("at most %d", *cmp.Or(b.most, &most))
}

func numberBounds(least, most *float64) bounds {
	whole := func(f *float64) *int64 {
		if f == nil {
			return nil
		}
		n := int64(*f)
		return &n
	}
	return bounds{whole(least), whole(most)}
}

func sizeBounds(least, most *int) bounds {
	whole := func(i *int) *int64 {
		if i == nil {
			return nil
		}
		n := int64(*i)
		return &n
	}
	return bounds{whole(least), whole(most)}
}

func isRangeError(err error) bool { return errors.Is(err, strconv.ErrRange) }
