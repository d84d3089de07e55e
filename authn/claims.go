package authn

import (
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what an access token says. There is no role, status or plan in
// it: those are read from the store at every fresh verification.
type Claims struct {
	Kind      Kind   // aud
	Subject   string // sub
	SessionID string // sid
	ID        string // jti
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// tokenClaims are Claims in the form of jwt.Claims, through which the library's
// validator checks issuer, audience and times.
type tokenClaims struct {
	Claims
	issuer string
}

// parseClaims takes claims of exactly the seven members, each once and of its
// type. Nobody but us signs, so a token with any other member is not ours.
func parseClaims(src string) (tokenClaims, bool) {
	var c tokenClaims
	var audience, issued, expires string
	ok := readObject(src, []member{
		{name: "iss", into: &c.issuer},
		{name: "aud", into: &audience},
		{name: "sub", into: &c.Subject},
		{name: "sid", into: &c.SessionID},
		{name: "jti", into: &c.ID},
		{name: "iat", into: &issued, number: true},
		{name: "exp", into: &expires, number: true},
	})
	c.Kind = Kind(audience)
	c.IssuedAt, c.ExpiresAt = unixTime(issued), unixTime(expires)
	return c, ok && hasTokens(c.Kind)
}

// plausible refuses a lifetime that we never give.
func (c tokenClaims) plausible() bool {
	lifetime := c.ExpiresAt.Sub(c.IssuedAt)
	return lifetime > 0 && lifetime <= maxTokenTTL
}

func (c tokenClaims) GetExpirationTime() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(c.ExpiresAt), nil
}

func (c tokenClaims) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(c.IssuedAt), nil
}

func (c tokenClaims) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }
func (c tokenClaims) GetIssuer() (string, error)              { return c.issuer, nil }
func (c tokenClaims) GetSubject() (string, error)             { return c.Subject, nil }
func (c tokenClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{string(c.Kind)}, nil
}

// unixTime reads what readObject gave as an integer; "" is the zero epoch.
func unixTime(digits string) time.Time {
	n, _ := strconv.ParseInt(digits, 10, 64)
	return time.Unix(n, 0).UTC()
}
