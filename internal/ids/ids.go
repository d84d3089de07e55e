// Package ids makes the identifiers of records: a prefix that says what kind of
// record it is, then a UUIDv7 (RFC 9562) as 32 lower-case hexadecimal digits, so
// that ids of one process sort in the order they were made. Clients treat an id
// as opaque.
package ids

import (
	"encoding/hex"
	"strings"

	"github.com/google/uuid"
)

// The prefixes, one a kind of record.
const (
	User        = "usr_"
	Admin       = "adm_"
	Staff       = "stf_"
	Key         = "key_"
	KeyFamily   = "kfm_"
	ServiceKey  = "svc_"
	Session     = "ses_"
	Message     = "msg_"
	Audit       = "aud_"
	Reservation = "res_"
	Ledger      = "led_"
	Request     = "req_"
)

const (
	digits    = 2 * len(uuid.UUID{})
	maxPrefix = 8
)

// New makes an id of the kind that prefix names. It is safe for concurrent use.
// It panics when the random source fails: an id that may repeat is worse than
// no answer.
func New(prefix string) string {
	id, err := uuid.NewV7()
	if err != nil {
		panic("ids: the random source failed: " + err.Error())
	}
	var room [maxPrefix + digits]byte // on the stack
	return string(hex.AppendEncode(append(room[:0], prefix...), id[:]))
}

// Is reports whether s has the shape of an id of that kind: the prefix and 32
// lower-case hexadecimal digits, nothing else. It does not say that such a
// record exists.
func Is(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != digits {
		return false
	}
	for i := range len(rest) {
		if c := rest[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
