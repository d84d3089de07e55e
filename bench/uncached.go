package bench

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/base64"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
	"github.com/mattn/go-sqlite3"

	"github.com/usermgmt/usermgmt/authn"
)

// Uncached are the cases of credentials that must be verified or looked up.
func (h *House) Uncached(p *People) ([]Case, error) {
	secret := h.ring.Newest(authn.PurposeHS256).Secret()
	private := ed25519.NewKeyFromSeed(h.ring.Newest(authn.PurposeEd25519).Secret())
	public := private.Public().(ed25519.PublicKey)
	lookup, err := h.driverOnly(p)
	if err != nil {
		return nil, err
	}
	const forgetful = 1 // the fewest verdicts: none is there when its turn comes again
	v := h.verifier(h.store, h.eddsa, forgetful)
	tokens := make([]string, len(p.EdDSA))
	for i, value := range p.EdDSA {
		tokens[i] = value[len(bearer):]
	}
	eddsa, hs256 := tokens[0], p.HS256[0][len(bearer):]
	return []Case{
		{Name: GolangJWTHS256, Worker: golangJWT(hs256, jwt.SigningMethodHS256.Alg(), secret)},
		{Name: TokensHS256, Worker: tokensVerify(h.hs256, hs256)},
		{Name: BareHMAC, Worker: bareHMAC(hs256, secret)},
		{Name: JWTAuthHS256, Worker: requests(chiJWTAuth(secret, new(blank)), bearerHeader, p.HS256)},
		{Name: GolangJWTEdDSA, Worker: golangJWT(eddsa, jwt.SigningMethodEdDSA.Alg(), public)},
		{Name: TokensEdDSA, Worker: tokensVerify(h.eddsa, eddsa)},
		{Name: BareEd25519, Worker: bareEd25519(eddsa, public)},
		{Name: DriverOnly, Worker: lookup},
		{Name: VerifyKey, Worker: verify(v, p.Keys)},
		{Name: VerifyEdDSA, Worker: verify(v, tokens)},
	}, nil
}

func tokensVerify(tokens *authn.Tokens, token string) func() func() {
	return func() func() {
		return func() {
			if _, err := tokens.Verify(token); err != nil {
				panic(err)
			}
		}
	}
}

// golangJWT checks what Tokens.Verify checks, with a struct for the claims,
// which is the library's fastest way.
func golangJWT(token, algorithm string, key any) func() func() {
	type claims struct {
		SessionID string `json:"sid"`
		jwt.RegisteredClaims
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{algorithm}),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(string(authn.KindUser)),
	)
	keyOf := func(*jwt.Token) (any, error) { return key, nil }
	return func() func() {
		return func() {
			if _, err := parser.ParseWithClaims(token, new(claims), keyOf); err != nil {
				panic(err)
			}
		}
	}
}

// signedParts are the text that was signed and its signature.
func signedParts(token string) (signed, signature []byte) {
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		panic(err)
	}
	return []byte(token[:dot]), signature
}

func bareHMAC(token string, secret []byte) func() func() {
	signed, signature := signedParts(token)
	return func() func() {
		return func() {
			mac := hmac.New(sha256.New, secret)
			mac.Write(signed)
			if !hmac.Equal(mac.Sum(nil), signature) {
				panic("bench: a signature is wrong")
			}
		}
	}
}

func bareEd25519(token string, public ed25519.PublicKey) func() func() {
	signed, signature := signedParts(token)
	return func() func() {
		return func() {
			if !ed25519.Verify(public, signed, signature) {
				panic("bench: a signature is wrong")
			}
		}
	}
}

// driverOnly finds keys and their owners by a prepared statement of the SQLite
// driver, without database/sql and without making records of the columns. Each
// worker has a connection, opened in advance.
func (h *House) driverOnly(p *People) (func() func(), error) {
	statements := make([]driver.Stmt, runtime.NumCPU())
	for i := range statements {
		conn, err := new(sqlite3.SQLiteDriver).Open("file:" + h.path + "?mode=ro")
		if err != nil {
			return nil, err
		}
		h.conns = append(h.conns, conn)
		statements[i], err = conn.Prepare(`SELECT k.*, u.* FROM (SELECT * FROM api_keys WHERE hash = ?1 LIMIT 1) k
			JOIN users u ON u.id = k.user_id`)
		if err != nil {
			return nil, err
		}
	}
	next := walks(len(p.hashes))
	var workers atomic.Int64
	return func() func() {
		statement, next := statements[int(workers.Add(1))%len(statements)], next()
		var row []driver.Value
		return func() {
			rows, err := statement.(driver.StmtQueryContext).QueryContext(context.Background(),
				[]driver.NamedValue{{Ordinal: 1, Value: p.hashes[next()][:]}})
			if err != nil {
				panic(err)
			}
			if row == nil {
				row = make([]driver.Value, len(rows.Columns()))
			}
			if err := errors.Join(rows.Next(row), rows.Close()); err != nil {
				panic(err)
			}
		}
	}, nil
}
