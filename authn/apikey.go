package authn

import (
	"crypto/rand"
	"hash/crc32"
	"strings"

	"github.com/usermgmt/usermgmt/store"
)

const (
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	// Of a new key's 27 random characters (160 bits) the display shows four,
	// and its last four belong to the checksum of them all; 112 bits remain.
	keyRandomLen   = 27
	keyChecksumLen = 6
	keyShownLen    = 4

	// A key is parsed when its random part has between these lengths; 22
	// characters are 131 bits.
	minKeyRandomLen = 22
	maxKeyRandomLen = 64

	maxBrandLen = 16
)

// ValidKeyBrand reports whether brand may begin API keys: 1-16 lower-case
// letters and digits, the first a letter. User keys begin with the brand and
// "_", service keys with the brand, "s" and "_".
func ValidKeyBrand(brand string) bool {
	if brand == "" || len(brand) > maxBrandLen || brand[0] < 'a' || brand[0] > 'z' {
		return false
	}
	for _, c := range []byte(brand) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// GenerateAPIKey makes a new key: the prefix, such as "um_" or "ums_", 160
// random bits and a checksum, in base62.
func GenerateAPIKey(prefix string) Secret {
	b := make([]byte, 0, len(prefix)+keyRandomLen+keyChecksumLen)
	b = append(b, prefix...)
	b = appendRandomBase62(b, keyRandomLen)
	b = appendChecksum(b, b)
	return Secret(b)
}

// ParseAPIKey checks the form and the checksum of a key with the prefix. A
// key that fails was never issued and needs no look-up; one that passes may
// still be unknown. The error is a store.ErrInvalidToken.
func ParseAPIKey(prefix, s string) error {
	rest, ok := strings.CutPrefix(s, prefix)
	random := len(rest) - keyChecksumLen
	if !ok || random < minKeyRandomLen || random > maxKeyRandomLen {
		return invalidToken()
	}
	for _, c := range []byte(rest) {
		if !isBase62(c) {
			return invalidToken()
		}
	}
	// The checksum is public arithmetic and no secret: a plain comparison
	// tells an attacker nothing that anybody cannot compute.
	var sum [keyChecksumLen]byte
	body := len(s) - keyChecksumLen
	if string(appendChecksum(sum[:0], []byte(s[:body]))) != s[body:] {
		return invalidToken()
	}
	return nil
}

// displayKey returns what lists show of a generated key: its beginning and
// its last four characters.
func displayKey(key Secret) (shown, last4 string) {
	s := key.Reveal()
	return s[:len(s)-keyRandomLen-keyChecksumLen+keyShownLen], s[len(s)-4:]
}

// invalidToken is the one answer to every credential that is not good: which
// check failed is nobody's business.
func invalidToken() error {
	return store.Errorf(store.ErrInvalidToken, "The credential is not valid.")
}

// appendRandomBase62 appends n random characters. Bytes of 248 and above are
// drawn again: 248 is the largest multiple of 62, so no character is likelier
// than another.
func appendRandomBase62(dst []byte, n int) []byte {
	const unbiased = 256 - 256%len(base62)
	var pool [64]byte
	for n > 0 {
		rand.Read(pool[:]) // never fails: the program ends when the system has no randomness
		for _, b := range pool {
			if int(b) < unbiased && n > 0 {
				dst = append(dst, base62[int(b)%len(base62)])
				n--
			}
		}
	}
	return dst
}

// appendChecksum appends the CRC-32 (IEEE) of body as six base62 characters,
// most significant first.
func appendChecksum(dst, body []byte) []byte {
	sum := crc32.ChecksumIEEE(body)
	var digits [keyChecksumLen]byte
	for i := keyChecksumLen - 1; i >= 0; i-- {
		digits[i] = base62[sum%uint32(len(base62))]
		sum /= uint32(len(base62))
	}
	return append(dst, digits[:]...)
}

func isBase62(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
