package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/store"
)

const (
	maxDepth  = 64     // of arrays and objects in one another
	maxValues = 10_000 // of one document, unless its shape says otherwise: short ones cost a hundred times their bytes to check
	maxFaults = 32     // that one answer lists

	wholeBody = "body" // what a fault of the document itself is filed under
)

// decodeJSON reads a document of the given shape into v. It takes what the
// shape says and nothing else: where encoding/json is lenient (members that
// nobody knows, that stand twice or in another case, null for anything, a
// second document, unpaired surrogates), two readers of one document may see
// two documents.
//
// Broken JSON or UTF-8 is ErrInvalidRequest, everything else that is wrong
// ErrValidation with a fault a member. No fault holds anything of the document.
func decodeJSON(data []byte, s *shape, v any) error {
	if err := checkText(data, cmp.Or(s.values, maxValues)); err != nil {
		return err
	}
	first, err := firstValue(data)
	if err != nil {
		return err
	}
	c := checker{tokens: json.NewDecoder(bytes.NewReader(first))}
	c.tokens.UseNumber()
	c.value("", s)
	if len(c.faults) > 0 {
		return invalidMembers(c.faults)
	}
	if err := json.Unmarshal(first, v); err != nil {
		return store.Invalid(wholeBody, "type", "The body does not have the form that this route takes.")
	}
	return nil
}

// checkText looks at what encoding/json would repair in silence or fail on only
// after much work: the encoding, the depth and the number of values.
func checkText(data []byte, most int) error {
	if !utf8.Valid(data) {
		return errBrokenJSON()
	}
	depth, values, inString := 0, 1, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			n, ok := escapeLen(data[i:])
			if !ok {
				return errBrokenJSON()
			}
			i += n - 1
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return store.Invalid(wholeBody, "depth", "The body is nested too deeply.")
			}
			values++
		case c == '}', c == ']':
			depth--
		case c == ',':
			values++
		}
		if values > most {
			return store.Invalid(wholeBody, "values", fmt.Sprintf("The body has more than %d members and items.", most))
		}
	}
	return nil
}

// escapeLen returns the length of the escape that b begins with, and false for
// half a surrogate pair, which stands for no character (RFC 8259 section 8.2).
// Other faults are left to the parser.
func escapeLen(b []byte) (int, bool) {
	first, ok := unicodeEscape(b)
	if !ok || !utf16.IsSurrogate(first) {
		return min(2, len(b)), true
	}
	second, ok := unicodeEscape(b[6:])
	if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
		return 0, false
	}
	return 12, true
}

// unicodeEscape reads \u and its four hex digits at the beginning of b.
func unicodeEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// firstValue returns the one JSON value that data holds. No value at all is an
// empty object, so that a missing body is told what is missing from it.
func firstValue(data []byte) ([]byte, error) {
	if json.Valid(data) {
		return data, nil // as nearly all are; what follows copies
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	var first json.RawMessage
	switch err := dec.Decode(&first); {
	case err == io.EOF:
		return []byte("{}"), nil
	case err != nil:
		return nil, errBrokenJSON()
	case len(bytes.Trim(data[dec.InputOffset():], " \t\r\n")) > 0:
		return nil, store.Invalid(wholeBody, "trailing", "Something stands after the JSON value.")
	}
	return first, nil
}

// checker holds the tokens of one well-formed value against a shape and
// collects what does not fit.
type checker struct {
	tokens *json.Decoder
	faults []store.FieldError
}

func (c *checker) fault(path, rule, format string, args ...any) {
	if len(c.faults) == maxFaults {
		return
	}
	if path == "" {
		path = wholeBody
	}
	c.faults = append(c.faults, store.FieldError{Field: path, Rule: rule, Message: fmt.Sprintf(format, args...)})
}

// next returns the next token. The value is known to be well-formed, so there
// is one.
func (c *checker) next() json.Token {
	token, _ := c.tokens.Token()
	return token
}

// value reads one value, whatever it is, and holds it against s.
func (c *checker) value(path string, s *shape) {
	switch token := c.next().(type) {
	case nil:
		if !s.nullable && s.kind != anything {
			c.fault(path, "null", "The member cannot be null.")
		}
	case bool:
		c.expect(path, s, boolean)
	case string:
		if c.text(path, token); c.expect(path, s, text) {
			c.limitText(path, s, token)
		}
	case json.Number:
		if s.kind == number || s.kind == anything {
			c.finite(path, token)
		} else if c.expect(path, s, integer) {
			c.limitInteger(path, s, token)
		}
	case json.Delim:
		if token == '{' {
			c.object(path, c.container(path, s, object))
		} else {
			c.array(path, c.container(path, s, array))
		}
	}
}

// expect reports whether the value's kind is the shape's, and limits are to be
// checked.
func (c *checker) expect(path string, s *shape, k kind) bool {
	if s.kind != k && s.kind != anything {
		c.fault(path, "type", "The member must be %s.", s.kind)
	}
	return s.kind == k
}

// container is expect for what has members of its own: those of a value that
// should not be there are read as anything.
func (c *checker) container(path string, s *shape, k kind) *shape {
	if c.expect(path, s, k) {
		return s
	}
	return &shape{}
}

// text refuses NUL in any string: databases and C programs end strings there.
func (c *checker) text(path, s string) {
	if strings.ContainsRune(s, 0) {
		c.fault(path, "format", "Text must not contain NUL.")
	}
}

func (c *checker) limitText(path string, s *shape, v string) {
	n := int64(utf8.RuneCountInString(v))
	switch {
	case s.enum != nil && !slices.Contains(s.enum, v):
		c.fault(path, "enum", "The member must be one of: %s.", strings.Join(s.enum, ", "))
	case !s.bounds.hold(n):
		c.fault(path, "length", "The member must have %s characters.", s.bounds)
	case s.isTime && !isTime(v):
		c.fault(path, "format", "The member must be a time as in RFC 3339.")
	}
}

// isTime reports whether v is an RFC 3339 time that can be written again in UTC,
// where an offset may carry it out of the four digits of a year. The zero time
// is none: it stands for a member that is not set.
func isTime(v string) bool {
	var t time.Time
	return t.UnmarshalText([]byte(v)) == nil && !t.IsZero() && t.UTC().Year() >= 0 && t.UTC().Year() <= 9999
}

// finite refuses a number that no float64 comes near: most readers of JSON,
// Go's among them, fail on the whole document that repeats it.
func (c *checker) finite(path string, v json.Number) {
	if _, err := v.Float64(); err != nil {
		c.fault(path, "range", "The member is too large.")
	}
}

func (c *checker) limitInteger(path string, s *shape, v json.Number) {
	n, err := strconv.ParseInt(v.String(), 10, 64)
	switch {
	case err != nil && !isRangeError(err):
		c.fault(path, "type", "The member must be %s.", integer)
	case err != nil, !s.bounds.hold(n):
		c.fault(path, "range", "The member must be %s.", s.bounds)
	}
}

func (c *checker) array(path string, s *shape) {
	n := int64(0)
	for ; c.tokens.More(); n++ {
		if s.items == nil {
			c.value(path, &shape{})
		} else {
			c.value(path+"["+strconv.FormatInt(n, 10)+"]", s.items)
		}
	}
	c.next()
	if s.kind == array && !s.bounds.hold(n) {
		c.fault(path, "items", "The member must have %s items.", s.bounds)
	}
}

func (c *checker) object(path string, s *shape) {
	seen := make(map[string]bool)
	for c.tokens.More() {
		name, _ := c.next().(string)
		c.text(path, name)
		member, known := s.members[name]
		switch {
		case seen[name]:
			c.fault(s.memberPath(path, name), "repeated", "The member stands there more than once.")
			member = &shape{}
		case !known:
			if s.closed {
				c.unknown(path, s, name)
			}
			member = &shape{}
		}
		seen[name] = true
		c.value(s.memberPath(path, name), member)
	}
	c.next()
	for _, name := range s.required {
		if !seen[name] {
			c.fault(s.memberPath(path, name), "required", "The member is missing.")
		}
	}
}

// unknown files a member that the shape does not have. Its name came from the
// client and is not repeated, unless it is one of ours but for its case; those
// that the shape has are named.
func (c *checker) unknown(path string, s *shape, name string) {
	for known := range s.members {
		if strings.EqualFold(known, name) {
			c.fault(s.memberPath(path, known), "case", "The member's name is written in another case.")
			return
		}
	}
	c.fault(path, "unknown", "There is a member that this route does not know. %s", s.knownMembers())
}

func invalidMembers(faults []store.FieldError) error {
	return &store.Error{Code: store.ErrValidation, Detail: "The body has members that are not valid.", Fields: faults}
}

func errBrokenJSON() error {
	return store.Errorf(store.ErrInvalidRequest, "The body is not well-formed JSON in UTF-8.")
}
