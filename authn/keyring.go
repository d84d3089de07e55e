package authn

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// MinSecretBytes is the least length of a secret key.
const MinSecretBytes = 32

// Purpose names one use of the secret keys. Each use has a key of its own, so
// that what one signs means nothing to another.
type Purpose string

// The purposes. The text is the HKDF label: changing one changes the keys.
const (
	PurposeEd25519    Purpose = "usermgmt ed25519 seed v1"  // signs access tokens (EdDSA)
	PurposeHS256      Purpose = "usermgmt hs256 key v1"     // signs access tokens (HS256)
	PurposeCursor     Purpose = "usermgmt cursor v1"        // authenticates list cursors
	PurposeSignInName Purpose = "usermgmt sign-in name v1"  // names counters of unknown sign-in names
	PurposeRefresh    Purpose = "usermgmt refresh token v1" // derives the successor of a refresh token
)

var purposes = [...]Purpose{
	PurposeEd25519, PurposeHS256, PurposeCursor, PurposeSignInName, PurposeRefresh,
}

// Key is one derived key and its public name. It never shows its secret when
// printed or logged.
type Key struct {
	// ID names the key in tokens and rows: 16 hex digits, a hash of the key.
	ID     string
	secret [32]byte
}

// Secret returns a copy of the 32 bytes.
func (k Key) Secret() []byte { return slices.Clone(k.secret[:]) }

// MAC returns the HMAC-SHA-256 of the parts, each with its length, so that no
// two lists of parts are the same input.
func (k Key) MAC(parts ...[]byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, k.secret[:])
	for _, part := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		mac.Write(n[:])
		mac.Write(part)
	}
	return [sha256.Size]byte(mac.Sum(nil))
}

// String returns the key's name only.
func (k Key) String() string { return "key " + k.ID }

// GoString returns the key's name only.
func (k Key) GoString() string { return k.String() }

// LogValue returns the key's name only.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.ID) }

// Keyring holds the keys derived from the host's secrets by HKDF-SHA-256
// (RFC 5869). The newest secret makes new things; all are accepted, so a
// secret is replaced by putting a new one in front and dropping the old one
// when nothing made with it is alive. A Keyring does not change and is safe
// for concurrent use.
type Keyring struct {
	keys map[Purpose][]Key
}

// NewKeyring derives the keys from the secrets, newest first. There must be
// at least one, each of MinSecretBytes or more, none of them twice.
func NewKeyring(secrets [][]byte) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("authn: at least one secret key is needed")
	}
	var errs []error
	for i, secret := range secrets {
		if len(secret) < MinSecretBytes {
			errs = append(errs, fmt.Errorf("authn: secret key %d has %d bytes, needs at least %d", i+1, len(secret), MinSecretBytes))
		}
		if slices.ContainsFunc(secrets[:i], func(s []byte) bool { return string(s) == string(secret) }) {
			errs = append(errs, fmt.Errorf("authn: secret key %d is given twice", i+1))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	ring := &Keyring{keys: make(map[Purpose][]Key, len(purposes))}
	for _, secret := range secrets {
		for _, purpose := range purposes {
			key, err := deriveKey(secret, purpose)
			if err != nil {
				return nil, err
			}
			ring.keys[purpose] = append(ring.keys[purpose], key)
		}
	}
	return ring, nil
}

// Newest returns the key that makes new things.
func (r *Keyring) Newest(p Purpose) Key { return r.keys[p][0] }

// All returns every key of the purpose, newest first.
func (r *Keyring) All(p Purpose) []Key { return slices.Clone(r.keys[p]) }

// Secrets returns the bytes of every key of the purpose, newest first.
func (r *Keyring) Secrets(p Purpose) [][]byte {
	var secrets [][]byte
	for _, key := range r.keys[p] {
		secrets = append(secrets, key.Secret())
	}
	return secrets
}

// ByID returns the key with the name, and whether it is still on the ring.
func (r *Keyring) ByID(p Purpose, id string) (Key, bool) {
	for _, key := range r.keys[p] {
		if key.ID == id {
			return key, true
		}
	}
	return Key{}, false
}

func deriveKey(secret []byte, purpose Purpose) (Key, error) {
	material, err := hkdf.Key(sha256.New, secret, nil, string(purpose), 32)
	if err != nil {
		return Key{}, fmt.Errorf("authn: derive key: %w", err)
	}
	key := Key{secret: [32]byte(material)}
	name := key.MAC([]byte("key id")) // says nothing about the key
	key.ID = hex.EncodeToString(name[:8])
	return key, nil
}
