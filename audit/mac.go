package audit

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/usermgmt/usermgmt/store"
)

const minKeyBytes = 32

// key is one audit key: what signs, and its name in the rows.
type key struct {
	id     string
	secret []byte
}

// keyring holds the audit keys, newest first.
type keyring []key

// newKeyring derives the signing keys. An error names the key at fault by its
// position, counted from 1.
func newKeyring(secrets [][]byte) (keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("audit: at least one audit key is needed")
	}
	var ring keyring
	for i, secret := range secrets {
		if len(secret) < minKeyBytes {
			return nil, fmt.Errorf("audit: audit key %d has %d bytes, needs at least %d", i+1, len(secret), minKeyBytes)
		}
		material, err := hkdf.Key(sha256.New, secret, nil, "usermgmt audit event v1", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("audit: derive key: %w", err)
		}
		name := hmac.New(sha256.New, material)
		name.Write([]byte("key id")) // says nothing about the key
		id := hex.EncodeToString(name.Sum(nil)[:8])
		if _, twice := ring.byID(id); twice {
			return nil, fmt.Errorf("audit: audit key %d is given twice", i+1)
		}
		ring = append(ring, key{id: id, secret: material})
	}
	return ring, nil
}

func (r keyring) byID(id string) (key, bool) {
	for _, k := range r {
		if k.id == id {
			return k, true
		}
	}
	return key{}, false
}

// sign puts the newest key's name and MAC on an event.
func (r keyring) sign(e *store.AuditEvent) {
	e.KeyID = r[0].id
	e.MAC = r[0].sum(*e)
}

// signed reports whether the event's MAC is that of its content, under the key
// that it names.
func (r keyring) signed(e store.AuditEvent) bool {
	k, ok := r.byID(e.KeyID)
	return ok && hmac.Equal(e.MAC, k.sum(e))
}

// sum is the MAC over everything that an event says but its place in the trail,
// which the store gives it.
func (k key) sum(e store.AuditEvent) []byte {
	var f frames
	f.text(e.ID)
	f.number(e.At.UnixMicro())
	f.text(string(e.ActorKind))
	f.text(e.ActorID)
	f.text(e.OnBehalfOf)
	f.text(e.Action)
	f.text(e.Target.Kind)
	f.text(e.Target.ID)
	f.text(string(e.Result))
	f.text(e.RequestID)
	f.number(e.Count)
	f.text(string(e.DetailHash))
	f.text(e.KeyID)
	mac := hmac.New(sha256.New, k.secret)
	mac.Write(f)
	return mac.Sum(nil)
}

// hashDetail is what an event keeps of its detail. The salt is erased with the
// detail, so that an address cannot be found by trying them all.
func hashDetail(d store.AuditDetail) []byte {
	var f frames
	f.text(string(d.Salt))
	f.text(d.ActorName)
	f.text(d.IP)
	f.text(d.Reason)
	f.text(string(d.Changes))
	sum := sha256.Sum256(f)
	return sum[:]
}

func detailFits(d store.AuditDetail, hash []byte) bool {
	return subtle.ConstantTimeCompare(hashDetail(d), hash) == 1
}

// frames is a list of values of which no two lists have the same bytes: each
// text stands behind its length.
type frames []byte

func (f *frames) text(s string) {
	f.number(int64(len(s)))
	*f = append(*f, s...)
}

func (f *frames) number(n int64) { *f = binary.BigEndian.AppendUint64(*f, uint64(n)) }
