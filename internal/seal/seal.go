// Package seal encrypts what must not be readable in the database: second-factor
// seeds, deleted accounts and, where configured, message text.
//
// A sealed value is "<key id>.<token>", the token being Fernet
// (https://github.com/fernet/spec: AES-128-CBC with HMAC-SHA256). Fernet itself
// knows no key ids and no associated data, so the id stands in front, and the
// place the value belongs to ("table.column.id") stands inside and is checked,
// so that a sealed value cannot be moved to another row.
package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// What Open may answer besides ErrDamaged.
var (
	// ErrUnknownKey says that the key a value was sealed with is not in the
	// keyring: it was removed too early, or the value is another installation's.
	ErrUnknownKey = errors.New("seal: the value was sealed with a key that is not in the keyring")

	// ErrWrongPlace says that a value is whole but was sealed for another row or
	// column.
	ErrWrongPlace = errors.New("seal: the value was sealed for another place")
)

// Keyring holds the keys, newest first: the first seals, all open. It is
// immutable, safe for concurrent use, and neither logs nor prints its keys.
type Keyring struct {
	newest string
	keys   map[string]Key
}

// New makes a keyring of Fernet keys, newest first. At least one is needed, and
// none may be given twice; an error names the key at fault by its position,
// counted from 1.
func New(keys []string) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("seal: at least one key is needed")
	}
	r := &Keyring{keys: make(map[string]Key, len(keys))}
	for i, s := range keys {
		key, err := ParseKey(s)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		id := keyID(s)
		if _, ok := r.keys[id]; ok {
			return nil, fmt.Errorf("key %d: seal: the key is given twice", i+1)
		}
		r.keys[id] = key
		if i == 0 {
			r.newest = id
		}
	}
	return r, nil
}

// keyID names a key without telling anything of it: 64 bits of a hash of 256
// random ones.
func keyID(s string) string {
	sum := sha256.Sum256([]byte("usermgmt seal key id\x00" + strings.TrimSuffix(s, "=")))
	return hex.EncodeToString(sum[:8])
}

// Seal encrypts plain for the place where ("table.column.id") with the newest
// key.
func (r *Keyring) Seal(plain []byte, where string, now time.Time) (string, error) {
	if where == "" {
		return "", errors.New("seal: a value needs a place")
	}
	place := binary.AppendUvarint(make([]byte, 0, 64), uint64(len(where)))
	place = append(place, where...)
	return string(r.keys[r.newest].Encrypt([]byte(r.newest+"."), now, place, plain)), nil
}

// Open decrypts what Seal made for the same place with any key of the ring. It
// answers ErrUnknownKey, ErrWrongPlace or ErrDamaged.
func (r *Keyring) Open(sealed, where string) ([]byte, error) {
	id, token, ok := strings.Cut(sealed, ".")
	if !ok {
		return nil, ErrDamaged
	}
	key, ok := r.keys[id]
	if !ok {
		return nil, ErrUnknownKey
	}
	framed, err := key.Decrypt(token, 0, time.Time{})
	if err != nil {
		return nil, err
	}
	length, n := binary.Uvarint(framed)
	if n <= 0 || length > uint64(len(framed)-n) {
		return nil, ErrDamaged
	}
	place, plain := framed[n:n+int(length)], framed[n+int(length):]
	if string(place) != where {
		return nil, ErrWrongPlace
	}
	return plain, nil
}

// LogValue hides the keys from logs.
func (r *Keyring) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("keyring of %d keys", len(r.keys)))
}

// Format hides the keys from every verb of package fmt.
func (r *Keyring) Format(s fmt.State, _ rune) { io.WriteString(s, r.LogValue().String()) }
