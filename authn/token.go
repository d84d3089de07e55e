package authn

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The algorithms that sign access tokens (RFC 8037 and RFC 7518).
const (
	AlgorithmEdDSA = "EdDSA"
	AlgorithmHS256 = "HS256"
)

const (
	tokenType   = "at+jwt" // RFC 9068
	tokenLeeway = 5 * time.Second

	defaultTokenTTL      = 10 * time.Minute
	defaultAdminTokenTTL = 5 * time.Minute
	// maxTokenTTL bounds the configured lifetime and that of any token taken.
	maxTokenTTL = 24 * time.Hour
)

// TokenConfig says how access tokens are made.
type TokenConfig struct {
	Keyring *Keyring
	// Algorithm is AlgorithmEdDSA (also when empty) or AlgorithmHS256. Tokens
	// of the other one are refused.
	Algorithm string
	// Issuer is the base URL of the service: the iss claim.
	Issuer string
	// TTL is how long a token is good; zero means 10 minutes, at most 24 hours.
	TTL time.Duration
	// AdminTTL is the same of an admin's, and not longer than TTL; zero means 5
	// minutes.
	AdminTTL time.Duration
	// Clock gives the time; nil means time.Now.
	Clock func() time.Time
}

// Tokens issues and verifies access tokens (RFC 9068, RFC 8725): JWTs whose
// header is exactly alg, kid and typ and whose claims are exactly iss, aud,
// sub, sid, jti, iat and exp. It is safe for concurrent use.
type Tokens struct {
	method    jwt.SigningMethod
	issuer    string
	ttl       time.Duration
	adminTTL  time.Duration
	clock     func() time.Time
	signer    signingKey
	keys      map[string]signingKey
	validator *jwt.Validator
	jwks      []byte
}

// signingKey is one key in the forms that the signing method takes.
type signingKey struct {
	id           string
	sign, verify any
	header       string // encoded, with the dot that follows
}

// NewTokens returns Tokens, or an error that names every wrong field.
func NewTokens(cfg TokenConfig) (*Tokens, error) {
	cfg.Algorithm = cmp.Or(cfg.Algorithm, AlgorithmEdDSA)
	cfg.TTL = cmp.Or(cfg.TTL, defaultTokenTTL)
	cfg.AdminTTL = cmp.Or(cfg.AdminTTL, min(defaultAdminTokenTTL, cfg.TTL))
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	var errs []error
	if cfg.Keyring == nil {
		errs = append(errs, errors.New("authn: TokenConfig.Keyring is missing"))
	}
	if cfg.Algorithm != AlgorithmEdDSA && cfg.Algorithm != AlgorithmHS256 {
		errs = append(errs, fmt.Errorf("authn: TokenConfig.Algorithm must be %s or %s", AlgorithmEdDSA, AlgorithmHS256))
	}
	if !plainText(cfg.Issuer) {
		errs = append(errs, errors.New("authn: TokenConfig.Issuer must be a URL in visible ASCII"))
	}
	if cfg.TTL < time.Second || cfg.TTL > maxTokenTTL {
		errs = append(errs, fmt.Errorf("authn: TokenConfig.TTL must be from 1s to %s", maxTokenTTL))
	}
	if cfg.AdminTTL < time.Second || cfg.AdminTTL > cfg.TTL {
		errs = append(errs, errors.New("authn: TokenConfig.AdminTTL must be from 1s to TTL"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	t := &Tokens{
		issuer:   cfg.Issuer,
		ttl:      cfg.TTL.Truncate(time.Second),
		adminTTL: cfg.AdminTTL.Truncate(time.Second),
		clock:    cfg.Clock,
		keys:     make(map[string]signingKey),
		validator: jwt.NewValidator(
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithIssuer(cfg.Issuer),
			jwt.WithAudience(string(KindUser), string(KindStaff), string(KindAdmin)),
			jwt.WithLeeway(tokenLeeway),
			jwt.WithTimeFunc(cfg.Clock),
		),
	}
	if cfg.Algorithm == AlgorithmHS256 {
		t.useHS256(cfg.Keyring)
	} else {
		t.useEdDSA(cfg.Keyring)
	}
	return t, nil
}

// TTL is how long a token of a kind of account is good from when it is issued, in
// whole seconds.
func (t *Tokens) TTL(kind Kind) time.Duration {
	if kind != KindUser {
		return t.adminTTL
	}
	return t.ttl
}

// Issue signs a token for a session of an account and returns it with its
// expiry, in whole seconds.
func (t *Tokens) Issue(kind Kind, subject, sessionID string) (token Secret, expires time.Time, err error) {
	if !hasTokens(kind) || !plainText(subject) || !plainText(sessionID) {
		return "", time.Time{}, errors.New("authn: a token needs a kind, a subject and a session in visible ASCII")
	}
	now := t.clock().Truncate(time.Second).UTC()
	expires = now.Add(t.TTL(kind))
	signed := t.signer.header + base64.RawURLEncoding.EncodeToString(t.payload(kind, subject, sessionID, now, expires))
	signature, err := t.method.Sign(signed, t.signer.sign)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("authn: sign token: %w", err)
	}
	return Secret(signed + "." + base64.RawURLEncoding.EncodeToString(signature)), expires, nil
}

// Verify returns the claims of a token that one of our keys signed for us and
// that is good now, with a leeway of five seconds. Everything else is
// store.ErrInvalidToken. It does not say that the session still lives.
func (t *Tokens) Verify(token string) (Claims, error) {
	c, ok := splitCompact(token)
	if !ok {
		return Claims{}, invalidToken()
	}
	header, ok := parseHeader(c.header)
	if !ok || header.typ != tokenType || header.alg != t.method.Alg() {
		return Claims{}, invalidToken()
	}
	key, ok := t.keys[header.kid]
	if !ok || !c.verifies(t.method, key.verify) {
		return Claims{}, invalidToken()
	}
	claims, ok := parseClaims(c.payload)
	if !ok || t.validator.Validate(claims) != nil || !claims.plausible() {
		return Claims{}, invalidToken()
	}
	return claims.Claims, nil
}

// JWKS returns the public keys as a JSON Web Key Set (RFC 7517), newest
// first. With HS256 there are none to publish and the set is empty.
func (t *Tokens) JWKS() []byte { return t.jwks }

func (t *Tokens) useHS256(ring *Keyring) {
	t.method = jwt.SigningMethodHS256
	t.jwks = []byte(`{"keys":[]}`)
	for _, key := range ring.All(PurposeHS256) {
		secret := key.Secret()
		t.addKey(signingKey{id: key.ID, sign: secret, verify: secret})
	}
}

// jwk is an Ed25519 public key (RFC 8037, 2).
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	Kid string `json:"kid"`
	X   string `json:"x"`
}

func (t *Tokens) useEdDSA(ring *Keyring) {
	t.method = jwt.SigningMethodEdDSA
	var set struct {
		Keys []jwk `json:"keys"`
	}
	for _, key := range ring.All(PurposeEd25519) {
		private := ed25519.NewKeyFromSeed(key.Secret())
		public := private.Public().(ed25519.PublicKey)
		t.addKey(signingKey{id: key.ID, sign: private, verify: public})
		set.Keys = append(set.Keys, jwk{
			Kty: "OKP", Crv: "Ed25519", Alg: AlgorithmEdDSA, Use: "sig",
			Kid: key.ID, X: base64.RawURLEncoding.EncodeToString(public),
		})
	}
	t.jwks, _ = json.Marshal(set) // strings only: cannot fail
}

// addKey makes the key known; the first one signs.
func (t *Tokens) addKey(key signingKey) {
	header := fmt.Sprintf(`{"alg":"%s","kid":"%s","typ":"%s"}`, t.method.Alg(), key.id, tokenType)
	key.header = base64.RawURLEncoding.EncodeToString([]byte(header)) + "."
	if len(t.keys) == 0 {
		t.signer = key
	}
	t.keys[key.id] = key
}

// payload writes the claims. Every value was checked to need no escape.
func (t *Tokens) payload(kind Kind, subject, sessionID string, now, expires time.Time) []byte {
	b := make([]byte, 0, 256)
	for _, m := range [...][2]string{
		{`{"iss":"`, t.issuer},
		{`","aud":"`, string(kind)},
		{`","sub":"`, subject},
		{`","sid":"`, sessionID},
		{`","jti":"`, rand.Text()},
	} {
		b = append(append(b, m[0]...), m[1]...)
	}
	b = strconv.AppendInt(append(b, `","iat":`...), now.Unix(), 10)
	b = strconv.AppendInt(append(b, `,"exp":`...), expires.Unix(), 10)
	return append(b, '}')
}

// hasTokens reports whether accounts of the kind sign in; services have keys.
func hasTokens(kind Kind) bool {
	return kind == KindUser || kind == KindStaff || kind == KindAdmin
}

// plainText reports whether s is visible ASCII that JSON writes as it is.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
