package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/store"
)

// micros is a time as it is stored: microseconds, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fromMicros is the time that micros stored, in UTC.
func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// stored is t as it would come back from the database.
func stored(t time.Time) time.Time { return fromMicros(micros(t)) }

// flag is a boolean as it is stored.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// bytes is b as it is stored: never NULL.
func bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// prefixEnd is after every text that begins with a prefix: what is found this way
// has not the last of all characters in it.
func prefixEnd(prefix string) string { return prefix + string(utf8.MaxRune) }

// text renders v as JSON, and an empty list as "".
func text[T any](v []T) string {
	if len(v) == 0 {
		return ""
	}
	return object(v)
}

// object renders v as JSON. What is stored this way always marshals.
func object(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sqlstore: marshal %T: %v", v, err))
	}
	return string(b)
}

// The scanners read one column into a field of a record.
type (
	timeColumn     struct{ to *time.Time }
	durationColumn struct{ to *time.Duration }
	hashColumn     struct{ to *[32]byte }
	blobColumn     struct{ to *[]byte }
	rawColumn      struct{ to *json.RawMessage }
	jsonColumn     struct{ to any }
)

// Scan reads microseconds.
func (c timeColumn) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return unexpected(src)
	}
	*c.to = fromMicros(n)
	return nil
}

// Scan reads nanoseconds.
func (c durationColumn) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return unexpected(src)
	}
	*c.to = time.Duration(n)
	return nil
}

// Scan reads 32 bytes, or none for the zero hash.
func (c hashColumn) Scan(src any) error {
	b, ok := src.([]byte)
	switch {
	case ok && len(b) == len(c.to):
		copy(c.to[:], b)
	case src == nil || ok && len(b) == 0:
		*c.to = [32]byte{}
	default:
		return unexpected(src)
	}
	return nil
}

// Scan reads bytes, none as nil. The driver owns src.
func (c blobColumn) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok && src != nil {
		return unexpected(src)
	}
	*c.to = append([]byte(nil), b...)
	return nil
}

// Scan reads JSON as it is, "" as nil.
func (c rawColumn) Scan(src any) error {
	s, err := textOf(src)
	if err != nil || s == "" {
		*c.to = nil
		return err
	}
	*c.to = json.RawMessage(s)
	return nil
}

// Scan decodes JSON and leaves the field as it is for "".
func (c jsonColumn) Scan(src any) error {
	s, err := textOf(src)
	if err != nil || s == "" {
		return err
	}
	return json.Unmarshal([]byte(s), c.to)
}

func textOf(src any) (string, error) {
	switch v := src.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", unexpected(src)
}

// unexpected is a column that holds what was never stored there.
func unexpected(src any) error {
	return store.Errorf(store.ErrInternal, "A column of the database holds a %T that does not belong there.", src)
}
