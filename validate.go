package usermgmt

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

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
	c.validateMessages(&f)
	c.validateUpkeep(&f)
	c.validateAudit(&f)
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
	}{{"IPAllowlist (USERMGMT_IP_ALLOWLIST)", c.IPAllowlist}, {"AdminIPAllowlist (USERMGMT_ADMIN_IP_ALLOWLIST)", c.AdminIPAllowlist}, {"OpsAllowlist (USERMGMT_OPS_ALLOWLIST)", c.OpsAllowlist}} {
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
	_, err := account.ParseUsername(c.AdminUsername)
	f.check(err == nil, "AdminUsername (USERMGMT_ADMIN_USERNAME)", "must be a user name: 3 to 32 of a-z 0-9 . _ -")
	f.check(c.AdminPassword == "" || c.passwordPolicy().ForOperators().Check(c.AdminPassword, c.AdminUsername, "") == nil,
		"AdminPassword (USERMGMT_ADMIN_PASSWORD)", "must have at least 15 characters and not be one that is tried first")
	if err := c.ceilings().Validate(); err != nil {
		f.check(false, "StaffCreditGrant, StaffCreditDay (USERMGMT_STAFF_CREDIT_GRANT, USERMGMT_STAFF_CREDIT_DAY) or StaffHiddenFields", "are not valid: %v", err)
	}
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
