package authn

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"math"
	"sort"
	"strings"
)

// knownSecrets holds the first eight bytes of the SHA-256 of each published
// JWT secret of at least MinSecretBytes (the wallarm/jwt-secrets list, MIT
// licence), sorted. Shorter ones are refused for their length.
//
//go:embed known_secrets.bin
var knownSecrets string

// minSecretBits is the least entropy that a secret's own characters must
// suggest: low enough that 128 random bits pass in any encoding.
const minSecretBits = 80

// WeakSecret reports whether a secret key is one that nobody should run with:
// shorter than MinSecretBytes, published, a placeholder, or too regular to be
// random. It cannot prove a secret good.
func WeakSecret(secret []byte) bool {
	return len(secret) < MinSecretBytes || published(secret) || placeholder(secret) ||
		sequential(secret) || entropyBits(secret[:period(secret)]) < minSecretBits
}

func published(secret []byte) bool {
	const width = 8
	sum := sha256.Sum256(secret)
	want := binary.BigEndian.Uint64(sum[:])
	at := func(i int) uint64 {
		return binary.BigEndian.Uint64([]byte(knownSecrets[i*width : (i+1)*width]))
	}
	n := len(knownSecrets) / width
	i := sort.Search(n, func(i int) bool { return at(i) >= want })
	return i < n && at(i) == want
}

// placeholder finds the words that examples are made of. A random secret of
// 64 characters holds the shortest of them once in ten million.
func placeholder(secret []byte) bool {
	text := strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(strings.ToLower(string(secret)))
	for _, word := range []string{"changeme", "changethis", "replaceme", "secret", "password", "example", "placeholder"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// sequential reports whether most bytes follow from the one before, as in
// aaaa and 12345678.
func sequential(secret []byte) bool {
	steps := 0
	for i := 1; i < len(secret); i++ {
		if d := int(secret[i]) - int(secret[i-1]); d >= -1 && d <= 1 {
			steps++
		}
	}
	return 2*steps > len(secret)
}

// period returns the length of the shortest beginning that, repeated, makes
// up the whole.
func period(b []byte) int {
	for p := 1; p <= len(b)/2; p++ {
		if string(b[p:]) == string(b[:len(b)-p]) {
			return p
		}
	}
	return len(b)
}

// entropyBits is the Shannon entropy of the byte frequencies times the
// length: an upper bound of what the text can hold.
func entropyBits(b []byte) float64 {
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	var bits float64
	for _, n := range count {
		if n > 0 {
			bits -= float64(n) * math.Log2(float64(n)/float64(len(b)))
		}
	}
	return bits
}
