package usermgmt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// The environments. Outside Development, New refuses secrets that are missing
// or weak and settings that are for trying out only.
const (
	Development = "development"
	Staging     = "staging"
	Production  = "production"
)

// Config is everything a Manager can be told. The zero value works: it keeps
// its data in ./usermgmt.db and its secrets in ./usermgmt.db.keys. FromEnv fills
// it from the environment; the variable is named beside each field.
type Config struct {
	// Environment is Development, Staging or Production. Empty means
	// Development.
	Environment string `env:"USERMGMT_ENV"`

	// Listen is the address a server is to listen on. The library does not use
	// it; FromEnv fills it in. Empty means 127.0.0.1:8080.
	Listen string `env:"USERMGMT_LISTEN"`

	// BaseURL is the origin clients reach the service under. It is the issuer
	// of access tokens. Empty means http://127.0.0.1:8080.
	BaseURL string `env:"USERMGMT_BASE_URL"`

	// DatabaseURL names the store, such as "sqlite:usermgmt.db"; its folder
	// must exist. Empty means that one. It is not used when Store is set.
	DatabaseURL string `env:"USERMGMT_DATABASE_URL"`

	// Store is an open store of the host's own. New does not open another one,
	// and Close does not close it: what only reads goes on answering then. Nil
	// means that New opens DatabaseURL.
	Store store.Store

	// Drivers serve the schemes of DatabaseURL beside "sqlite".
	Drivers []Driver

	// SecretKeys are the secrets that signing and other keys are derived from,
	// newest first, each at least 32 bytes. An old one can go once the longest
	// token has expired. None: in development they are made once and kept in a
	// file beside the database; elsewhere New refuses.
	SecretKeys []string `env:"USERMGMT_SECRET_KEYS"`

	// EncryptionKeys are Fernet keys (base64url, 32 bytes) that seal what is
	// stored encrypted, newest first. None: as SecretKeys.
	EncryptionKeys []string `env:"USERMGMT_ENCRYPTION_KEYS"`

	// AuditKeys authenticate the audit trail, newest first, each at least 32
	// bytes. Keys are only ever added. None: as SecretKeys.
	AuditKeys []string `env:"USERMGMT_AUDIT_KEYS"`

	// CloseRegistration refuses registrations; accounts are then made by the
	// host. USERMGMT_REGISTRATION is open or closed.
	CloseRegistration bool

	// DisablePasswordLogin refuses sign-in by name and password.
	// USERMGMT_PASSWORD_LOGIN is true or false.
	DisablePasswordLogin bool

	// PasswordHash is "bcrypt" or "argon2id". Empty means bcrypt. A password of
	// more than 72 bytes is hashed with argon2id whatever the setting.
	PasswordHash string `env:"USERMGMT_PASSWORD_HASH"`

	// BcryptCost is the work factor. 0 means 12; less than 10 is for
	// development only.
	BcryptCost int `env:"USERMGMT_BCRYPT_COST"`

	// PasswordMinLength is in code points. 0 means 8, which is also the least.
	PasswordMinLength int `env:"USERMGMT_PASSWORD_MIN_LENGTH"`

	// Lockout is how many failed sign-ins within a window lock an account, for
	// as long as the window. The zero value means 10 in 15 minutes.
	Lockout Lockout `env:"USERMGMT_LOCKOUT"`

	// AccessTokenTTL is how long an access token lives. 0 means 10 minutes.
	AccessTokenTTL time.Duration `env:"USERMGMT_ACCESS_TOKEN_TTL"`

	// RefreshTokenTTL is how long a session lives without a refresh. 0 means
	// 14 days.
	RefreshTokenTTL time.Duration `env:"USERMGMT_REFRESH_TOKEN_TTL"`

	// RefreshAbsoluteTTL is how long a session lives in all. 0 means 30 days.
	RefreshAbsoluteTTL time.Duration `env:"USERMGMT_REFRESH_ABSOLUTE_TTL"`

	// TokenAlgorithm is "EdDSA" or "HS256". Empty means EdDSA. Tokens signed
	// with the other one are refused.
	TokenAlgorithm string `env:"USERMGMT_TOKEN_ALGORITHM"`

	// IPAllowlist are the only addresses that are served. None means all.
	IPAllowlist []netip.Prefix `env:"USERMGMT_IP_ALLOWLIST"`

	// OpsAllowlist are addresses beside loopback that see the details of
	// /health.
	OpsAllowlist []netip.Prefix `env:"USERMGMT_OPS_ALLOWLIST"`

	// TrustedProxies are the peers whose X-Forwarded-For is believed. None
	// means that the header is ignored.
	TrustedProxies middleware.TrustedProxies `env:"USERMGMT_TRUSTED_PROXIES"`

	// RateLimit is what one principal may do, unless its plan or key says
	// otherwise. The zero value means 50/s,burst=200.
	RateLimit ratelimit.Rate `env:"USERMGMT_RATE_LIMIT"`

	// IPRateLimit is what one address (IPv6: one /64) may do before it is
	// authenticated. The zero value means five times RateLimit, or RateLimit
	// where that is more than a limiter can count.
	IPRateLimit ratelimit.Rate `env:"USERMGMT_IP_RATE_LIMIT"`

	// LoginRateLimit is how often one address may register, sign in or refresh.
	// The zero value means 30/m.
	LoginRateLimit ratelimit.Rate `env:"USERMGMT_LOGIN_RATE_LIMIT"`

	// Limiter keeps the rates. Nil means in memory.
	Limiter ratelimit.Limiter

	// DefaultPlan is the id of the plan of new users. Empty means "free". It is
	// made at the first start.
	DefaultPlan string `env:"USERMGMT_DEFAULT_PLAN"`

	// DailyConversations is the default plan's limit, such as new(int64(50)): 0
	// admits none, Unlimited admits all. Nil means 100. A plan that was edited
	// keeps its own.
	DailyConversations *int64 `env:"USERMGMT_DAILY_CONVERSATIONS"`

	// Meters are what the host counts beside "conversations" and "credits".
	Meters []Meter

	// CORSOrigins are the exact origins of browsers that may call. None means
	// that cross-origin calls are refused by the browser.
	CORSOrigins []string `env:"USERMGMT_CORS_ORIGINS"`

	// KeyPrefix begins every API key, in front of an underscore: 1 to 16 of a-z
	// and 0-9, the first a letter. Empty means "um".
	KeyPrefix string

	// Scopes are the host's own scopes, which its users may give to their keys.
	Scopes []string

	// DefaultScopes are those of a key that was made without any. None of the
	// built-in scopes may be among them.
	DefaultScopes []string

	// ReservedUsernames replaces the list of names that nobody can register.
	// Nil means the built-in list.
	ReservedUsernames []string

	// DeletedRetention is how long what a deleted user had is kept sealed. 0
	// means 30 days.
	DeletedRetention time.Duration `env:"USERMGMT_DELETED_RETENTION"`

	// CloseTimeout bounds Close. 0 means 10 seconds.
	CloseTimeout time.Duration

	// OnChange is called inside the transaction of each change, so that a host
	// can keep rows of its own in step (store.Execer) or refuse the change: an
	// *Error is what the client sees, any other error is an internal one. It
	// must be quick and use only the Queries it is given: there is one write
	// connection, so a Manager's own mutation called inside it is an error. Nil
	// means none.
	OnChange func(ctx context.Context, q store.Queries, c store.Change) error

	// Logger receives the log. Nil discards.
	Logger *slog.Logger

	// Clock is the time that every decision rests on. Nil means time.Now.
	Clock func() time.Time
}

// defaultListen is where the bundled server listens, for this machine alone.
const defaultListen = "127.0.0.1:8080"

// defaultRate is what one principal may do when nobody says otherwise.
var defaultRate = ratelimit.Rate{PerSecond: 50, Burst: 200}

// withDefaults returns a copy in which every field has its value.
func (c Config) withDefaults() Config {
	c.Environment = cmp.Or(c.Environment, Development)
	c.Listen = cmp.Or(c.Listen, defaultListen)
	c.BaseURL = strings.TrimSuffix(cmp.Or(c.BaseURL, "http://127.0.0.1:8080"), "/")
	c.DatabaseURL = cmp.Or(c.DatabaseURL, "sqlite:usermgmt.db")
	c.PasswordHash = cmp.Or(c.PasswordHash, "bcrypt")
	c.BcryptCost = cmp.Or(c.BcryptCost, 12)
	c.PasswordMinLength = cmp.Or(c.PasswordMinLength, 8)
	c.Lockout = cmp.Or(c.Lockout, Lockout{Limit: 10, Window: 15 * time.Minute})
	c.AccessTokenTTL = cmp.Or(c.AccessTokenTTL, 10*time.Minute)
	c.RefreshTokenTTL = cmp.Or(c.RefreshTokenTTL, 14*24*time.Hour)
	c.RefreshAbsoluteTTL = cmp.Or(c.RefreshAbsoluteTTL, 30*24*time.Hour)
	c.TokenAlgorithm = cmp.Or(c.TokenAlgorithm, "EdDSA")
	c.RateLimit = cmp.Or(c.RateLimit, defaultRate)
	if five := (ratelimit.Rate{PerSecond: 5 * c.RateLimit.PerSecond, Burst: 5 * c.RateLimit.Burst}); five.Valid() {
		c.IPRateLimit = cmp.Or(c.IPRateLimit, five)
	}
	c.IPRateLimit = cmp.Or(c.IPRateLimit, c.RateLimit)
	c.LoginRateLimit = cmp.Or(c.LoginRateLimit, ratelimit.Rate{PerSecond: 0.5, Burst: 30})
	c.DefaultPlan = cmp.Or(c.DefaultPlan, "free")
	if c.DailyConversations == nil {
		c.DailyConversations = new(int64(100))
	}
	c.KeyPrefix = cmp.Or(c.KeyPrefix, "um")
	c.DeletedRetention = cmp.Or(c.DeletedRetention, 30*24*time.Hour)
	c.CloseTimeout = cmp.Or(c.CloseTimeout, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// faults gathers everything that is wrong with a Config.
type faults []error

func (f *faults) check(ok bool, field, rule string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf("usermgmt: %s %s", field, fmt.Sprintf(rule, args...)))
	}
}

// validate reports every wrong field at once, by its name and its rule. It
// expects the defaults to be filled in.
func (c Config) validate() error {
	var f faults
	known := slices.Contains([]string{Development, Staging, Production}, c.Environment)
	f.check(known, "Environment (USERMGMT_ENV)", "must be %s, %s or %s", Development, Staging, Production)
	c.validateStore(&f)
	c.validateAddresses(&f)
	c.validatePeople(&f)
	c.validateTokens(&f)
	c.validateLimits(&f)
	f.checkSecrets(c, known && c.Environment != Development)
	return errors.Join(f...)
}

func (c Config) validateStore(f *faults) {
	if c.Store != nil {
		return
	}
	driver, err := c.storeDriver()
	f.check(err == nil, "DatabaseURL (USERMGMT_DATABASE_URL)", "must be sqlite:<path>, or of a scheme whose driver was passed to FromEnv")
	if driver == store.StoreDriver(sqlite.Driver) {
		_, err := sqlite.Path(c.DatabaseURL)
		f.check(err == nil, "DatabaseURL (USERMGMT_DATABASE_URL)", "must be sqlite: and the path of a file, such as sqlite:usermgmt.db, without parameters")
	}
}

func (c Config) validateAddresses(f *faults) {
	base, err := url.Parse(c.BaseURL)
	f.check(err == nil && (base.Scheme == "http" || base.Scheme == "https") && base.Host != "" && base.Path == "" && base.RawQuery == "" && base.User == nil,
		"BaseURL (USERMGMT_BASE_URL)", "must be an origin such as https://api.example.com")
	for _, list := range []struct {
		field    string
		prefixes []netip.Prefix
	}{{"IPAllowlist (USERMGMT_IP_ALLOWLIST)", c.IPAllowlist}, {"OpsAllowlist (USERMGMT_OPS_ALLOWLIST)", c.OpsAllowlist}} {
		f.check(!slices.ContainsFunc(list.prefixes, func(p netip.Prefix) bool { return !p.IsValid() }),
			list.field, "must be networks, such as 10.0.0.0/8")
	}
	f.check(c.TrustedProxies.Validate() == nil,
		"TrustedProxies (USERMGMT_TRUSTED_PROXIES)", "must be networks, and none that holds every address")
	for i, origin := range c.CORSOrigins {
		_, err := middleware.ParseOrigins(origin)
		f.check(err == nil && origin != "",
			fmt.Sprintf("CORSOrigins[%d] (USERMGMT_CORS_ORIGINS)", i), "must be an exact origin such as https://app.example.com")
	}
}

func (c Config) validatePeople(f *faults) {
	f.check(c.PasswordHash == "bcrypt" || c.PasswordHash == "argon2id",
		"PasswordHash (USERMGMT_PASSWORD_HASH)", "must be bcrypt or argon2id")
	least := 10
	if c.Environment == Development {
		least = 4
	}
	f.check(c.BcryptCost >= least && c.BcryptCost <= 16,
		"BcryptCost (USERMGMT_BCRYPT_COST)", "must be from %d to 16 in %s", least, c.Environment)
	f.check(c.PasswordMinLength >= 8 && c.PasswordMinLength <= 64,
		"PasswordMinLength (USERMGMT_PASSWORD_MIN_LENGTH)", "must be from 8 to 64")
	f.check(c.Lockout.Limit >= 1 && c.Lockout.Limit <= 100 && c.Lockout.Window >= time.Minute && c.Lockout.Window <= 24*time.Hour,
		"Lockout (USERMGMT_LOCKOUT)", "must be 1 to 100 failures in 1m to 24h, such as 10/15m")
	f.check(c.DeletedRetention >= time.Hour,
		"DeletedRetention (USERMGMT_DELETED_RETENTION)", "must be at least 1h")
	f.check(c.CloseTimeout > 0, "CloseTimeout", "must not be negative")
}

func (c Config) validateTokens(f *faults) {
	f.check(c.AccessTokenTTL >= time.Minute && c.AccessTokenTTL <= 24*time.Hour,
		"AccessTokenTTL (USERMGMT_ACCESS_TOKEN_TTL)", "must be from 1m to 24h")
	f.check(c.RefreshTokenTTL >= c.AccessTokenTTL,
		"RefreshTokenTTL (USERMGMT_REFRESH_TOKEN_TTL)", "must be at least AccessTokenTTL")
	f.check(c.RefreshAbsoluteTTL >= c.RefreshTokenTTL,
		"RefreshAbsoluteTTL (USERMGMT_REFRESH_ABSOLUTE_TTL)", "must be at least RefreshTokenTTL")
	f.check(c.TokenAlgorithm == "EdDSA" || c.TokenAlgorithm == "HS256",
		"TokenAlgorithm (USERMGMT_TOKEN_ALGORITHM)", "must be EdDSA or HS256")
	f.check(authn.ValidKeyBrand(c.KeyPrefix), "KeyPrefix", "must be 1 to 16 of a-z and 0-9, the first a letter")
	for i, scope := range c.Scopes {
		f.check(validScope(scope) && !slices.Contains(authn.BuiltinScopes(), scope),
			fmt.Sprintf("Scopes[%d]", i), "must be 1 to 64 of a-z 0-9 . _ : - and none of the built-in scopes")
	}
	for i, scope := range c.DefaultScopes {
		f.check(slices.Contains(c.Scopes, scope),
			fmt.Sprintf("DefaultScopes[%d]", i), "must be one of Scopes")
	}
}

func (c Config) validateLimits(f *faults) {
	for _, r := range []struct {
		field string
		rate  ratelimit.Rate
	}{
		{"RateLimit (USERMGMT_RATE_LIMIT)", c.RateLimit},
		{"IPRateLimit (USERMGMT_IP_RATE_LIMIT)", c.IPRateLimit},
		{"LoginRateLimit (USERMGMT_LOGIN_RATE_LIMIT)", c.LoginRateLimit},
	} {
		f.check(r.rate.Valid(), r.field, "must be a rate such as 20/s,burst=40")
	}
	f.check(metering.ValidPlanID(c.DefaultPlan),
		"DefaultPlan (USERMGMT_DEFAULT_PLAN)", "must be 1 to 64 of a-z 0-9 -, first and last a letter or digit")
	if err := metering.ValidateMeters(c.Meters); err != nil {
		*f = append(*f, fmt.Errorf("usermgmt: %w", err))
	}
	daily := *c.DailyConversations
	f.check(daily == store.Unlimited || daily >= 0 && daily <= store.MaxAmount,
		"DailyConversations (USERMGMT_DAILY_CONVERSATIONS)", "must be from 0 to %d, or -1 for no limit", store.MaxAmount)
}

// checkSecrets checks the secrets that were given and, where they are needed,
// that they were.
func (f *faults) checkSecrets(c Config, needed bool) {
	f.check(!needed || len(c.SecretKeys) > 0, "SecretKeys (USERMGMT_SECRET_KEYS)", "must be set in %s: at least 32 random bytes", c.Environment)
	f.check(!needed || len(c.EncryptionKeys) > 0, "EncryptionKeys (USERMGMT_ENCRYPTION_KEYS)", "must be set in %s: a Fernet key", c.Environment)
	f.check(!needed || len(c.AuditKeys) > 0, "AuditKeys (USERMGMT_AUDIT_KEYS)", "must be set in %s: at least 32 random bytes", c.Environment)
	for i, key := range c.SecretKeys {
		f.check(!authn.WeakSecret([]byte(key)), fmt.Sprintf("SecretKeys[%d] (USERMGMT_SECRET_KEYS)", i), "is weak: use at least 32 random bytes, such as from openssl rand -base64 32")
	}
	for i, key := range c.AuditKeys {
		f.check(!authn.WeakSecret([]byte(key)), fmt.Sprintf("AuditKeys[%d] (USERMGMT_AUDIT_KEYS)", i), "is weak: use at least 32 random bytes, such as from openssl rand -base64 32")
	}
	if len(c.EncryptionKeys) > 0 {
		_, err := seal.New(c.EncryptionKeys)
		f.check(err == nil, "EncryptionKeys (USERMGMT_ENCRYPTION_KEYS)", "must be Fernet keys: 32 bytes each, base64url")
	}
}

func validScope(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("._:-", r) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
