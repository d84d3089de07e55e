package messagelog

import (
	"bytes"
	"unicode/utf8"
)

// The parts of turns as this package writes them.
var (
	beforeRole    = []byte(`{"role":"`)
	beforeContent = []byte(`","content":"`)
	afterContent  = []byte(`"}`)
)

// canonical reports whether raw is an array of turns in exactly the form in which
// it is stored, as most are that programs wrote. It costs a look at each byte; to
// decode and encode the same costs twenty times that. Of escapes it knows the
// short ones, so it may deny the form to what has it, never the other way.
func canonical(raw []byte) bool {
	rest, ok := bytes.CutPrefix(raw, []byte("["))
	if !ok || !utf8.Valid(raw) {
		return false
	}
	if string(rest) == "]" {
		return true
	}
	for {
		for _, part := range [...][]byte{beforeRole, beforeContent} {
			if rest, ok = bytes.CutPrefix(rest, part); !ok {
				return false
			}
			n := literal(rest)
			if n < 0 {
				return false
			}
			rest = rest[n:]
		}
		if rest, ok = bytes.CutPrefix(rest, afterContent); !ok {
			return false
		}
		if string(rest) == "]" {
			return true
		}
		if rest, ok = bytes.CutPrefix(rest, []byte(",")); !ok {
			return false
		}
	}
}

// literal returns how long the inside of the string is that raw begins with, up
// to its closing quote, or -1.
func literal(raw []byte) int {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			return i
		case c < ' ':
			return -1
		case c == '\\':
			if i++; i == len(raw) || bytes.IndexByte([]byte(`"\nrt`), raw[i]) < 0 {
				return -1
			}
		case c == 0xE2 && (bytes.HasPrefix(raw[i:], []byte("\u2028")) || bytes.HasPrefix(raw[i:], []byte("\u2029"))):
			return -1 // which are stored escaped
		}
	}
	return -1
}
