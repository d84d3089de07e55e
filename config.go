package usermgmt

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/authz"
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

	// AuditAnchorFile is where the trail's anchors go, which say how far it had
	// come: what they cover cannot be cut off unseen. It is only added to, and
	// protects best where whoever can write to the database cannot write to it,
	// or where it is copied elsewhere. Its folder must exist. Empty means
	// <database>.anchors beside a SQLite file that New opens, and with a Store of
	// the host's own in the database alone, where anchors prove little.
	AuditAnchorFile string `env:"USERMGMT_AUDIT_ANCHOR_FILE"`

	// AuditAnchors keep them somewhere of the host's own instead. Nil means in
	// AuditAnchorFile.
	AuditAnchors audit.Anchors

	// AuditRetention is how long the audit trail is kept. 0 means for good.
	AuditRetention time.Duration `env:"USERMGMT_AUDIT_RETENTION"`

	// CloseRegistration refuses registrations; accounts are then made by the
	// host. USERMGMT_REGISTRATION is open or closed.
	CloseRegistration bool

	// DisablePasswordLogin refuses sign-in of users by name and password; admins
	// keep theirs.
	// USERMGMT_PASSWORD_LOGIN is true or false.
	DisablePasswordLogin bool

	// AdminUsername and AdminPassword are those of the first admin, whom
	// Admins().EnsureFirst makes when there is none. Empty means "admin", and a
	// password that is made up and shown once. One that is given has at least 15
	// characters.
	AdminUsername string `env:"USERMGMT_ADMIN_USERNAME"`
	AdminPassword string `env:"USERMGMT_ADMIN_PASSWORD"`

	// StaffCreditGrant and StaffCreditDay are how many credits, in micro-units,
	// support staff grants at most: at once, and one member in a day (UTC). Nil
	// means 10,000,000 and 50,000,000; 0 grants none.
	StaffCreditGrant *int64 `env:"USERMGMT_STAFF_CREDIT_GRANT"`
	StaffCreditDay   *int64 `env:"USERMGMT_STAFF_CREDIT_DAY"`

	// HideMessagesFromStaff refuses support staff of every level what users
	// wrote. USERMGMT_STAFF_READ_MESSAGES is true or false.
	HideMessagesFromStaff bool

	// StaffHiddenFields are members of users that support staff does not see, of
	// email, display_name, metadata, time_zone and last_login_at.
	StaffHiddenFields []string

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

	// IPAllowlist are the only addresses that are served. None means all. Admins
	// may set another list while the service runs; both must admit.
	IPAllowlist []netip.Prefix `env:"USERMGMT_IP_ALLOWLIST"`

	// AdminIPAllowlist are the only addresses that may use AdminRouter. None means
	// all that are served.
	AdminIPAllowlist []netip.Prefix `env:"USERMGMT_ADMIN_IP_ALLOWLIST"`

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

	// UsageRetention is how long what was counted is kept, for the history of
	// usage. 0 means 400 days.
	UsageRetention time.Duration `env:"USERMGMT_USAGE_RETENTION"`

	// MessageBatchSize and MessageBatchInterval say when messages that were
	// given to Messages().Enqueue are stored: as soon as there are so many, or
	// the oldest is so old. 0 means 500 and 250 ms.
	MessageBatchSize     int           `env:"USERMGMT_MESSAGE_BATCH_SIZE"`
	MessageBatchInterval time.Duration `env:"USERMGMT_MESSAGE_BATCH_INTERVAL"`

	// MessageWindow is the most of them that are not stored yet: as many a
	// process that is killed may lose. More are stored with fewer commits. 0
	// means 500.
	MessageWindow int `env:"USERMGMT_MESSAGE_WINDOW"`

	// MessageMemoryLimit is the most memory that they take until then. 0 means
	// 64 MiB.
	MessageMemoryLimit Bytes `env:"USERMGMT_MESSAGE_MEMORY_LIMIT"`

	// MessageMaxWait is how long Enqueue waits for room before it answers
	// ErrUnavailable. 0 means 1 second.
	MessageMaxWait time.Duration `env:"USERMGMT_MESSAGE_MAX_WAIT"`

	// MessageRetention is the longest that any message is kept; a plan may keep
	// its own for less. 0 means for good.
	MessageRetention time.Duration `env:"USERMGMT_MESSAGE_RETENTION"`

	// MessageSeal stores the text of messages encrypted with the newest of
	// EncryptionKeys. What was sealed is read whatever the setting, as long as
	// its key is among them.
	MessageSeal bool `env:"USERMGMT_MESSAGE_SEAL"`

	// BackupDir is the folder that Run writes backups of the database to, each in
	// a folder of its own such as usermgmt-20260314T000000Z, and read once to see
	// that it is whole. To restore one, copy its files into the place of the
	// database's while no process has that open, and delete the files there whose
	// names end in -wal and -shm. BackupDir is made when it is not there. The keys
	// above are in no backup: keep them elsewhere. Empty means none.
	BackupDir string `env:"USERMGMT_BACKUP_DIR"`

	// BackupEvery is the pause between two backups. 0 means 24 hours, which is
	// at midnight UTC.
	BackupEvery time.Duration `env:"USERMGMT_BACKUP_EVERY"`

	// BackupKeep is how many backups are kept. 0 means 7.
	BackupKeep int `env:"USERMGMT_BACKUP_KEEP"`

	// MemoryLimit is how much the Go runtime may hold before Run makes it give
	// memory back: what waits is written, and what caches need no longer is
	// dropped. 0 means none.
	MemoryLimit Bytes `env:"USERMGMT_MEMORY_LIMIT"`

	// Tasks are the host's own, which Run does beside the built-in ones.
	Tasks []Task

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
	c.AuditAnchorFile = cmp.Or(c.AuditAnchorFile, c.anchorFile())
	c.AdminUsername = cmp.Or(c.AdminUsername, "admin")
	c.StaffCreditGrant = cmp.Or(c.StaffCreditGrant, new(int64(10_000_000)))
	c.StaffCreditDay = cmp.Or(c.StaffCreditDay, new(int64(50_000_000)))
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
	c.MessageBatchSize = cmp.Or(c.MessageBatchSize, 500)
	c.MessageBatchInterval = cmp.Or(c.MessageBatchInterval, 250*time.Millisecond)
	c.MessageWindow = cmp.Or(c.MessageWindow, 500)
	c.MessageMemoryLimit = cmp.Or(c.MessageMemoryLimit, 64<<20)
	c.MessageMaxWait = cmp.Or(c.MessageMaxWait, time.Second)
	c.DeletedRetention = cmp.Or(c.DeletedRetention, 30*24*time.Hour)
	c.UsageRetention = cmp.Or(c.UsageRetention, 400*24*time.Hour)
	c.BackupEvery = cmp.Or(c.BackupEvery, 24*time.Hour)
	c.BackupKeep = cmp.Or(c.BackupKeep, 7)
	c.CloseTimeout = cmp.Or(c.CloseTimeout, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// ceilings are what support staff may do at most.
func (c Config) ceilings() authz.Ceilings {
	return authz.Ceilings{
		CreditGrant:  *c.StaffCreditGrant,
		CreditDay:    *c.StaffCreditDay,
		ReadMessages: !c.HideMessagesFromStaff,
		HiddenFields: c.StaffHiddenFields,
	}
}

// storeDriver finds the driver of DatabaseURL's scheme.
func (c Config) storeDriver() (store.StoreDriver, error) {
	scheme, _, _ := strings.Cut(c.DatabaseURL, ":")
	for _, driver := range append([]Driver{sqlite.Driver}, c.Drivers...) {
		opener, ok := driver.(store.StoreDriver)
		if !ok {
			continue
		}
		for _, s := range opener.Schemes() {
			if s == scheme {
				return opener, nil
			}
		}
	}
	return nil, store.ErrUnsupported
}
