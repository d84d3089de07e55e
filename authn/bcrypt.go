package authn

import (
	"regexp"
	"strconv"

	"golang.org/x/crypto/bcrypt"
)

const (
	// maxBcryptBytes is how much of a password bcrypt looks at. The library
	// refuses to hash more, yet compares only this much and calls two longer
	// passwords equal, so the length is checked on both ways.
	maxBcryptBytes = 72

	defaultBcryptCost = 12
	maxBcryptCost     = 16 // about four seconds a hash
)

var bcryptForm = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

// bcryptHash is a stored bcrypt hash with its cost.
type bcryptHash struct {
	encoded string
	cost    int
}

// parseBcrypt accepts the three names of the same algorithm, $2a$, $2b$ and
// $2y$, up to the cost cap. $2x$ marks hashes of a faulty implementation and
// is refused.
func parseBcrypt(s string) (bcryptHash, bool) {
	match := bcryptForm.FindStringSubmatch(s)
	if match == nil {
		return bcryptHash{}, false
	}
	cost, err := strconv.Atoi(match[1])
	return bcryptHash{encoded: s, cost: cost}, err == nil && cost >= bcrypt.MinCost && cost <= maxBcryptCost
}

func (h bcryptHash) scheme() scheme { return scheme{algorithm: AlgorithmBcrypt, cost: h.cost} }

// matches compares in constant time. A password that is too long never
// matches, and costs as much as any other.
func (h bcryptHash) matches(password []byte) bool {
	n := min(len(password), maxBcryptBytes)
	same := bcrypt.CompareHashAndPassword([]byte(h.encoded), password[:n]) == nil
	return same && n == len(password)
}
