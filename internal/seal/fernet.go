package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// The layout of a token before base64: version, seconds since 1970, IV,
// AES-128-CBC ciphertext, HMAC-SHA256 of all that.
const (
	fernetVersion = 0x80
	ivOffset      = 1 + 8
	textOffset    = ivOffset + aes.BlockSize
	minToken      = textOffset + aes.BlockSize + sha256.Size
)

// MaxClockSkew is how far in the future a token's time may lie.
const MaxClockSkew = 60 * time.Second

// ErrDamaged says that a token is malformed, was altered, was not made with the
// key at hand or, where a time to live was asked for, is too old or too new.
// Which of them is not said.
var ErrDamaged = errors.New("seal: the sealed value is damaged")

// Key is a Fernet key: half signs, half encrypts. It is immutable and safe for
// concurrent use, and prints as nothing but its kind.
type Key struct {
	signing [16]byte
	block   cipher.Block
}

// ParseKey reads a key of 32 bytes in base64url, padded or not.
func ParseKey(s string) (Key, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimSuffix(s, "="))
	if err != nil || len(raw) != 32 {
		return Key{}, errors.New("seal: a key must be 32 bytes in base64url")
	}
	block, err := aes.NewCipher(raw[16:])
	if err != nil {
		return Key{}, err
	}
	return Key{signing: [16]byte(raw), block: block}, nil
}

// GenerateKey makes a new random key in the form that ParseKey and New read.
func GenerateKey() string {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: the runtime ends the process first
	return base64.URLEncoding.EncodeToString(raw[:])
}

// Encrypt appends to dst a Fernet token of the parts joined, stamped with now.
func (k Key) Encrypt(dst []byte, now time.Time, parts ...[]byte) []byte {
	var iv [aes.BlockSize]byte
	rand.Read(iv[:]) // never fails, as above
	return k.encrypt(dst, iv, now, parts)
}

func (k Key) encrypt(dst []byte, iv [aes.BlockSize]byte, now time.Time, parts [][]byte) []byte {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	padding := aes.BlockSize - length%aes.BlockSize
	b := make([]byte, 0, textOffset+length+padding+sha256.Size)
	b = append(b, fernetVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(now.Unix()))
	b = append(b, iv[:]...)
	for _, part := range parts {
		b = append(b, part...)
	}
	for range padding {
		b = append(b, byte(padding)) // PKCS #7
	}
	text := b[textOffset:]
	cipher.NewCBCEncrypter(k.block, iv[:]).CryptBlocks(text, text)
	return base64.URLEncoding.AppendEncode(dst, k.sum(b, b))
}

// Decrypt returns what a Fernet token holds, or ErrDamaged. With a ttl above
// zero the token must be no older than that at now, and from no further in the
// future than MaxClockSkew; with zero its time does not matter.
func (k Key) Decrypt(token string, ttl time.Duration, now time.Time) ([]byte, error) {
	b, err := base64.URLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < minToken || (len(b)-minToken)%aes.BlockSize != 0 || b[0] != fernetVersion {
		return nil, ErrDamaged
	}
	body, mac := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(mac, k.sum(nil, body)) {
		return nil, ErrDamaged
	}
	if made := time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0); ttl > 0 &&
		(now.After(made.Add(ttl)) || made.After(now.Add(MaxClockSkew))) {
		return nil, ErrDamaged
	}
	text := body[textOffset:]
	cipher.NewCBCDecrypter(k.block, body[ivOffset:textOffset]).CryptBlocks(text, text)
	return unpad(text)
}

// sum appends the HMAC of body to dst.
func (k Key) sum(dst, body []byte) []byte {
	mac := hmac.New(sha256.New, k.signing[:])
	mac.Write(body)
	return mac.Sum(dst)
}

// unpad takes PKCS #7 padding off. The text is authenticated by now, so how
// long this takes tells nothing.
func unpad(text []byte) ([]byte, error) {
	padding := int(text[len(text)-1])
	if padding < 1 || padding > aes.BlockSize {
		return nil, ErrDamaged
	}
	plain := text[:len(text)-padding]
	for _, c := range text[len(plain):] {
		if int(c) != padding {
			return nil, ErrDamaged
		}
	}
	return plain, nil
}

// Format hides the key from every verb of package fmt, and so from logs.
func (k Key) Format(s fmt.State, _ rune) { io.WriteString(s, "Fernet key") }
