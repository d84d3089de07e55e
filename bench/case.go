package bench

import "testing"

// The names of the cases, by which goals refer to them.
const (
	Bare         = "bare handler"
	Floor        = "ctx-only"
	Key          = "authenticate: API key"
	EdDSA        = "authenticate: EdDSA token"
	HS256        = "authenticate: HS256 token"
	LimitedKey   = "limit, authenticate, limit: API key"
	Protected    = "Wrap(mux(Protect())): API key"
	Conversation = "Wrap(mux(Protect(Conversation()))): 64 callers a CPU"
	GuardianKey  = "go-guardian: cached key"
	GuardianJWT  = "go-guardian: cached EdDSA token"

	XTimeRate = "x/time/rate AllowN"
	RateCheck = "ratelimit.Memory Allow"

	ReadOnlyMap = "read-only map"
	Verify      = "Verifier.Verify, remembered"

	GolangJWTHS256 = "golang-jwt: HS256"
	TokensHS256    = "Tokens.Verify: HS256"
	BareHMAC       = "bare hmac: HS256"
	GolangJWTEdDSA = "golang-jwt: EdDSA"
	TokensEdDSA    = "Tokens.Verify: EdDSA"
	BareEd25519    = "bare ed25519: EdDSA"
	JWTAuthHS256   = "jwtauth middleware: HS256"
	DriverOnly     = "driver-only look-up of a key"
	VerifyKey      = "Verifier.Verify: key not remembered"
	VerifyEdDSA    = "Verifier.Verify: EdDSA token not remembered"

	OwnCommit  = "UPDATE with a commit of its own, synced"
	Consume64  = "Consume: 64 callers"
	Consume256 = "Consume: 256 callers"
)

// Case is one operation to measure.
type Case struct {
	Name string
	// Worker makes the operation of one goroutine. An operation that does not
	// end as it should panics: what was measured then is something else.
	Worker func() func()
	// Callers is how many goroutines a CPU has; zero means one.
	Callers int
}

// Run measures the case as a benchmark, on as many CPUs as GOMAXPROCS says.
func (c Case) Run(b *testing.B) {
	b.ReportAllocs()
	b.SetParallelism(max(1, c.Callers))
	b.RunParallel(func(pb *testing.PB) {
		op := c.Worker()
		for pb.Next() {
			op()
		}
	})
}
