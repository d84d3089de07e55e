package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// Page sizes. A Page without a limit has DefaultLimit items; no page has more
// than MaxLimit. Totals of filtered lists are counted up to TotalCap.
const (
	DefaultLimit = 50
	MaxLimit     = 200
	TotalCap     = 10_000
)

// Sort is the order of a list. Ties are broken by id in the same direction.
type Sort string

// The orders that lists may offer.
const (
	NewestFirst     Sort = "-created_at"
	OldestFirst     Sort = "created_at"
	ByUsername      Sort = "username"
	LastSignInFirst Sort = "-last_login_at" // who never signed in comes last
)

// Page asks for one page of a list by keyset: what comes after a position.
type Page struct {
	Limit int      // 0 means DefaultLimit
	Sort  Sort     // empty means NewestFirst, or the first that a filter offers
	After Position // zero means from the start
	Total bool     // count the whole list, up to TotalCap
}

// Size is the number of items asked for, within its bounds.
func (p Page) Size() int {
	if p.Limit <= 0 {
		return DefaultLimit
	}
	return min(p.Limit, MaxLimit)
}

// Position is the place of one item in a sorted list: by a time, or by a name.
type Position struct {
	At  time.Time // zero in a list by name
	Key string    // empty in a list by time
	ID  string
}

// IsZero reports whether p is the start of the list.
func (p Position) IsZero() bool { return p.ID == "" && p.Key == "" && p.At.IsZero() }

// List is one page of items.
type List[T any] struct {
	Items  []T
	Next   Position // zero at the end
	Total  int64    // when Page.Total was set
	Capped bool     // Total stopped at TotalCap
}

// A cursor is a tag, then the time, the length of the key, the key and the id.
const (
	cursorTagSize  = 16
	cursorHeadSize = 8 + 4
)

// EncodeCursor renders a position as an opaque string that DecodeCursor accepts
// under the same key and scope only. The scope names the list, its filters and
// its sort. The zero position gives "".
func EncodeCursor(key []byte, scope string, p Position) string {
	if p.IsZero() {
		return ""
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(p.At.UnixMicro()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Key)))
	b = append(append(b, p.Key...), p.ID...)
	return base64.RawURLEncoding.EncodeToString(append(cursorTag(key, scope, b), b...))
}

// DecodeCursor reads what EncodeCursor wrote; "" gives the zero position. A
// cursor of another list, filter or sort is ErrInvalidRequest.
func DecodeCursor(key []byte, scope, s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) < cursorTagSize+cursorHeadSize || strings.ContainsAny(s, "\r\n") { // which base64 skips
		return Position{}, errCursor()
	}
	tag, b := raw[:cursorTagSize], raw[cursorTagSize:]
	if !hmac.Equal(tag, cursorTag(key, scope, b)) {
		return Position{}, errCursor()
	}
	at, rest := time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC(), b[cursorHeadSize:]
	keySize := binary.BigEndian.Uint32(b[8:])
	if uint64(keySize) > uint64(len(rest)) {
		return Position{}, errCursor()
	}
	return Position{At: at, Key: string(rest[:keySize]), ID: string(rest[keySize:])}, nil
}

func cursorTag(key []byte, scope string, b []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(scope))))
	m.Write([]byte(scope))
	m.Write(b)
	return m.Sum(nil)[:cursorTagSize]
}

func errCursor() error {
	return Errorf(ErrInvalidRequest, "The cursor does not belong to this list. Start again without one.")
}
