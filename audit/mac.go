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

// key is what an audit key makes: its name in the rows, and a secret for each
// thing that is signed, so that none can stand for another.
type key struct {
	id                   string
	event, chain, anchor []byte
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
		k, err := deriveKey(secret)
		if err != nil {
			return nil, fmt.Errorf("audit: derive key: %w", err)
		}
		if _, twice := ring.byID(k.id); twice {
			return nil, fmt.Errorf("audit: audit key %d is given twice", i+1)
		}
		ring = append(ring, k)
	}
	return ring, nil
}

func deriveKey(secret []byte) (k key, err error) {
	for label, into := range map[string]*[]byte{"event": &k.event, "chain": &k.chain, "anchor": &k.anchor} {
		if *into, err = hkdf.Key(sha256.New, secret, nil, "usermgmt audit "+label+" v1", sha256.Size); err != nil {
			return k, err
		}
	}
	k.id = hex.EncodeToString(mac(k.event, []byte("key id"))[:8]) // says nothing about the key
	return k, nil
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
	e.MAC = r[0].sumEvent(*e)
}

// link is a store.AuditLink: it chains an event under the key that the event
// names.
func (r keyring) link(head store.AuditHead, e store.AuditEvent) ([]byte, error) {
	k, known := r.byID(e.KeyID)
	if !known {
		return nil, fmt.Errorf("audit: event %s needs the audit key %s", e.ID, e.KeyID)
	}
	return k.sumLink(head, e), nil
}

// signAnchor puts the newest key's name and MAC on an anchor.
func (r keyring) signAnchor(a *store.AuditAnchor) {
	a.KeyID = r[0].id
	a.MAC = r[0].sumAnchor(*a)
}

// sumEvent is the MAC over everything that an event says but its place in the
// trail, which the store gives it.
func (k key) sumEvent(e store.AuditEvent) []byte {
	var f frames
	f.text(e.ID)
	f.number(e.At.UnixMicro())
	f.text(string(e.ActorKind))
	f.text(e.ActorID)
	f.text(e.OnBehalfOf)
	f.text(e.Action)
	f.text(e.Target.Kind)
	f.text(e.Target.ID)
	f.text(e.Target.Owner)
	f.text(string(e.Result))
	f.text(e.RequestID)
	f.number(e.Count)
	f.text(string(e.DetailHash))
	f.text(e.KeyID)
	return mac(k.event, f)
}

// made reports whether an event is as it was made under the key: its MAC fits its
// content and, unless it was erased, its detail.
func (k key) made(e store.AuditEvent) bool {
	return hmac.Equal(e.MAC, k.sumEvent(e)) && (e.Detail == nil || detailFits(*e.Detail, e.DetailHash))
}

// sumLink is the chain value of an event: over that of the event before it, its
// place, and its own MAC.
func (k key) sumLink(head store.AuditHead, e store.AuditEvent) []byte {
	var f frames
	f.text(string(head.Chain))
	f.number(e.Seq)
	f.text(string(e.MAC))
	f.text(e.KeyID)
	return mac(k.chain, f)
}

// sumAnchor is the MAC over everything that an anchor says.
func (k key) sumAnchor(a store.AuditAnchor) []byte {
	var f frames
	f.text(string(a.Kind))
	f.number(a.Seq)
	f.text(string(a.Chain))
	f.number(a.At.UnixMicro())
	f.text(a.KeyID)
	return mac(k.anchor, f)
}

func mac(secret, message []byte) []byte {
	sum := hmac.New(sha256.New, secret)
	sum.Write(message)
	return sum.Sum(nil)
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
