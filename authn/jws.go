package authn

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// maxTokenBytes is the length above which a token is refused unread.
const maxTokenBytes = 8 << 10

// compact is a JWS in compact serialisation (RFC 7515, 7.1), split and decoded
// but not verified.
type compact struct {
	signed    string // header and payload as they were signed
	header    string
	payload   string
	signature []byte
}

// splitCompact takes a token apart. It is stricter than the JWT library, which
// drops line breaks inside a segment: three non-empty segments of the base64url
// alphabet in canonical form, and nothing else.
func splitCompact(token string) (c compact, ok bool) {
	if len(token) > maxTokenBytes {
		return c, false
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	c.signed = token[:max(0, len(token)-len(signature)-1)]
	if c.header, ok = decodeSegment(header); !ok {
		return c, false
	}
	if c.payload, ok = decodeSegment(payload); !ok {
		return c, false
	}
	sig, ok := decodeSegment(signature)
	c.signature = []byte(sig)
	return c, ok
}

// decodeSegment decodes one segment, or reports that it is not canonical.
func decodeSegment(s string) (string, bool) {
	for i := range len(s) {
		// The decoder skips CR and LF, and finds everything else itself.
		if s[i] == '\r' || s[i] == '\n' {
			return "", false
		}
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return string(b), err == nil && len(b) > 0
}

// verifies reports whether the signature is that of the key's algorithm. The
// algorithm always comes from our key, never from the token.
func (c compact) verifies(method jwt.SigningMethod, key any) bool {
	return method.Verify(c.signed, c.signature, key) == nil
}

// member says where a member of an object goes. All are required.
type member struct {
	name   string
	number bool // a non-negative integer, else a string
	into   *string
}

// readObject reads a flat JSON object that has exactly the members, each once,
// none empty. Strings have no escapes and integers at most 15 digits: that is
// all our own tokens hold, so what JSON readers disagree about (escapes, big
// numbers, nesting, case, duplicates) is refused instead of interpreted.
func readObject(src string, members []member) bool {
	s := objectScanner{src: src}
	if !s.take('{') {
		return false
	}
	for i := range members {
		if i > 0 && !s.take(',') || !s.readMember(members) {
			return false
		}
	}
	if !s.take('}') {
		return false
	}
	s.space()
	return s.pos == len(src)
}

type objectScanner struct {
	src string
	pos int
}

// readMember reads one name and value into the member it belongs to, which
// must be free still.
func (s *objectScanner) readMember(members []member) bool {
	name, ok := s.text()
	if !ok || !s.take(':') {
		return false
	}
	for _, m := range members {
		if m.name != name {
			continue
		}
		if *m.into != "" {
			return false
		}
		if m.number {
			*m.into = s.digits()
			return *m.into != ""
		}
		*m.into, ok = s.text()
		return ok && *m.into != ""
	}
	return false
}

func (s *objectScanner) space() {
	for s.pos < len(s.src) && strings.IndexByte(" \t\r\n", s.src[s.pos]) >= 0 {
		s.pos++
	}
}

func (s *objectScanner) take(c byte) bool {
	s.space()
	if s.pos == len(s.src) || s.src[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

// text reads a string that needs no unescaping.
func (s *objectScanner) text() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	start := s.pos
	for ; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; {
		case c == '"':
			text := s.src[start:s.pos]
			s.pos++
			return text, utf8.ValidString(text)
		case c == '\\' || c < ' ':
			return "", false
		}
	}
	return "", false
}

// digits reads an integer of at most 15 digits without sign, fraction,
// exponent or leading zero: exact in every JSON reader. It returns "" for
// anything else.
func (s *objectScanner) digits() string {
	s.space()
	start := s.pos
	for s.pos < len(s.src) && s.src[s.pos] >= '0' && s.src[s.pos] <= '9' {
		s.pos++
	}
	text := s.src[start:s.pos]
	if len(text) > 15 || len(text) > 1 && text[0] == '0' {
		return ""
	}
	return text
}

// joseHeader is the header of an access token.
type joseHeader struct{ alg, kid, typ string }

// parseHeader takes a header of exactly alg, kid and typ, each once. So crit,
// b64, zip, jku, jwk, x5c and whatever else comes to be are refused.
func parseHeader(src string) (joseHeader, bool) {
	var h joseHeader
	ok := readObject(src, []member{
		{name: "alg", into: &h.alg},
		{name: "kid", into: &h.kid},
		{name: "typ", into: &h.typ},
	})
	return h, ok
}
