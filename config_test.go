package usermgmt_test

import (
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	strongSecret  = "Yk3v0d1nq8ZJx5cR7uWm2sTfLh9PgBaE4iKoNwXyQzU="
	encryptionKey = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
)

// Outside development, secrets that are missing, short or known do not start,
// and the error names the variable.
func TestCase_JW_06_S8_WeakSecretsDoNotStart(t *testing.T) {
	t.Parallel()
	weak := []string{"", "short", strings.Repeat("a", 31), strings.Repeat("a", 64), "changeme", "secret",
		"your-256-bit-secret", "changemechangemechangemechangeme"}
	for _, environment := range []string{usermgmt.Staging, usermgmt.Production} {
		for _, secret := range weak {
			path := databasePath(t)
			_, err := usermgmt.New(t.Context(), usermgmt.Config{
				Environment: environment,
				DatabaseURL: "sqlite:" + path,
				SecretKeys:  []string{secret}, EncryptionKeys: []string{encryptionKey}, AuditKeys: []string{strongSecret},
			})
			if err == nil || !strings.Contains(err.Error(), "USERMGMT_SECRET_KEYS") {
				t.Errorf("%s with a weak secret of %d bytes: %v", environment, len(secret), err)
			}
			if err != nil && secret != "" && secret != "secret" && strings.Contains(err.Error(), secret) {
				t.Error("the error holds the secret")
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("a database was made all the same")
			}
		}
	}
	_, err := usermgmt.New(t.Context(), usermgmt.Config{Environment: usermgmt.Production, DatabaseURL: "sqlite:" + databasePath(t)})
	for _, name := range []string{"USERMGMT_SECRET_KEYS", "USERMGMT_ENCRYPTION_KEYS", "USERMGMT_AUDIT_KEYS"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("production without keys: %v; want it to name %s", err, name)
		}
	}
}

func TestProductionStartsWithStrongSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mgr, err := usermgmt.New(t.Context(), usermgmt.Config{
		Environment: usermgmt.Production,
		DatabaseURL: "sqlite:" + filepath.Join(dir, "usermgmt.db"),
		SecretKeys:  []string{strongSecret}, EncryptionKeys: []string{encryptionKey}, AuditKeys: []string{strongSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := mgr.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "usermgmt.db.keys")); err == nil {
		t.Error("a file of secrets was written in production")
	}
}

func TestNewReportsEveryWrongFieldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := usermgmt.New(t.Context(), usermgmt.Config{
		Environment:        "prod",
		BaseURL:            "ftp://example.com",
		PasswordHash:       "md5",
		BcryptCost:         3,
		PasswordMinLength:  7,
		Lockout:            usermgmt.Lockout{Limit: 1000, Window: time.Minute},
		AccessTokenTTL:     time.Second,
		TokenAlgorithm:     "none",
		DefaultPlan:        "Free Plan",
		DailyConversations: new(int64(-2)),
		CORSOrigins:        []string{"*"},
		Scopes:             []string{"keys:manage"},
		DefaultScopes:      []string{"unknown"},
		EncryptionKeys:     []string{"short"},
		DatabaseURL:        "mysql://localhost/",
		Meters:             []usermgmt.Meter{{Name: "conversations"}},
		IPAllowlist:        []netip.Prefix{{}},
		OpsAllowlist:       []netip.Prefix{{}},
		RateLimit:          usermgmt.Rate{PerSecond: 1, Burst: -1},
		CloseTimeout:       -1,
	})
	if err == nil {
		t.Fatal("New took it")
	}
	for _, field := range []string{"Environment", "BaseURL", "PasswordHash", "BcryptCost", "PasswordMinLength", "Lockout",
		"AccessTokenTTL", "TokenAlgorithm", "DefaultPlan", "DailyConversations", "CORSOrigins[0]", "Scopes[0]", "DefaultScopes[0]", "EncryptionKeys", "DatabaseURL", "Meters[0]", "IPAllowlist", "OpsAllowlist", "RateLimit", "CloseTimeout"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("the error does not name %s:\n%v", field, err)
		}
	}
}

func TestDevelopmentKeysAreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			mgr, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path, BcryptCost: 4})
			if err != nil {
				t.Error(err)
				return
			}
			if err := mgr.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	info, err := os.Stat(path + ".keys")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file of secrets has mode %v; want 0600", info.Mode().Perm())
	}
	before, err := os.ReadFile(path + ".keys")
	if err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if after, err := os.ReadFile(path + ".keys"); err != nil || string(after) != string(before) {
		t.Errorf("the secrets changed at the next start: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keys-*")); len(left) > 0 {
		t.Errorf("drafts were left: %v", left)
	}

	if err := os.Rename(path+".keys", path+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path}); err == nil || !strings.Contains(err.Error(), "put the file back") {
		t.Errorf("a database whose secrets are gone: %v", err)
	}
	if err := os.Rename(path+".away", path+".keys"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path+".keys", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("secrets that others can read: %v", err)
	}
}

func TestFromEnv(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, ".env", "USERMGMT_DAILY_CONVERSATIONS=7\nUSERMGMT_DEFAULT_PLAN=from-file\n")
	for name, value := range map[string]string{
		"USERMGMT_DEFAULT_PLAN":    "from-environment",
		"USERMGMT_LOCKOUT":         "5/1m",
		"USERMGMT_RATE_LIMIT":      "20/s,burst=40",
		"USERMGMT_IP_ALLOWLIST":    "10.0.0.0/8, 192.0.2.1",
		"USERMGMT_TRUSTED_PROXIES": "unix,10.1.0.0/16",
		"USERMGMT_REGISTRATION":    "closed",
		"USERMGMT_PASSWORD_LOGIN":  "false",
		"USERMGMT_SECRET_KEYS":     "one,two",
		"USERMGMT_BCRYPT_COST":     "", // empty means the default
	} {
		t.Setenv(name, value)
	}
	cfg, err := usermgmt.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DefaultPlan != "from-environment" || cfg.DailyConversations == nil || *cfg.DailyConversations != 7 {
		t.Errorf("the environment goes before .env: plan %q, daily %v", cfg.DefaultPlan, cfg.DailyConversations)
	}
	if cfg.Lockout != (usermgmt.Lockout{Limit: 5, Window: time.Minute}) || cfg.RateLimit.PerSecond != 20 || cfg.RateLimit.Burst != 40 {
		t.Errorf("lockout %v, rate %v", cfg.Lockout, cfg.RateLimit)
	}
	if len(cfg.IPAllowlist) != 2 || cfg.IPAllowlist[1] != netip.MustParsePrefix("192.0.2.1/32") || !cfg.TrustedProxies.Unix {
		t.Errorf("allowlist %v, proxies %v", cfg.IPAllowlist, cfg.TrustedProxies)
	}
	if !cfg.CloseRegistration || !cfg.DisablePasswordLogin || len(cfg.SecretKeys) != 2 || cfg.BcryptCost != 0 {
		t.Errorf("config %+v", cfg)
	}
	if os.Getenv("USERMGMT_DAILY_CONVERSATIONS") != "" {
		t.Error("FromEnv changed the environment of the process")
	}
}

func TestFromEnvNamesEveryVariableItCannotRead(t *testing.T) {
	t.Chdir(t.TempDir())
	unreadable := []string{"USERMGMT_BCRYPT_COST", "USERMGMT_LOCKOUT", "USERMGMT_RATE_LIMIT", "USERMGMT_IP_ALLOWLIST", "USERMGMT_REGISTRATION", "USERMGMT_ACCESS_TOKEN_TTL", "USERMGMT_TRUSTED_PROXIES", "USERMGMT_LOG_LEVEL", "USERMGMT_PASSWORD_LOGIN", "USERMGMT_DAILY_CONVERSATIONS"}
	for _, name := range unreadable {
		t.Setenv(name, "nonsense")
	}
	_, err := usermgmt.FromEnv()
	if err == nil {
		t.Fatal("FromEnv took it")
	}
	for _, field := range unreadable {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("the error does not name %s:\n%v", field, err)
		}
	}
	if n := strings.Count(err.Error(), " must be "); n != len(unreadable) || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("%d of %d say how they are written, or one repeats the value:\n%v", n, len(unreadable), err)
	}
}

// .env.example is the reference: it names every variable there is, and no other.
func TestTheExampleEnvironmentIsWhole(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile(".env.example")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for line := range strings.Lines(string(example)) {
		if name, _, found := strings.Cut(strings.TrimPrefix(line, "#"), "="); found && strings.HasPrefix(name, "USERMGMT_") {
			named = append(named, name)
		}
	}
	for _, name := range usermgmt.Variables() {
		if !slices.Contains(named, name) {
			t.Errorf(".env.example does not name %s", name)
		}
	}
	for _, name := range named {
		if !slices.Contains(usermgmt.Variables(), name) {
			t.Errorf(".env.example names %s, which nobody reads", name)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADatabaseThatCannotBeLeavesNothingBehind(t *testing.T) {
	t.Chdir(t.TempDir())
	for url, want := range map[string]string{
		"sqlite::memory:":         "must be sqlite:",
		"sqlite:":                 "must be sqlite:",
		"postgres://u:secret@h/d": "must be sqlite:",
		"sqlite:missing/u.db":     "the folder missing does not exist",
	} {
		_, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v; want %q", url, err, want)
		}
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("files were left: %v", left)
	}
}

// What New takes, Wrap and Protect can be made of.
func TestAConfigThatIsTakenCanBeServed(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*usermgmt.Config){
		"the fastest rate": func(cfg *usermgmt.Config) { cfg.RateLimit = usermgmt.Rate{PerSecond: 500_000, Burst: 1000} },
		"the strictest lockout": func(cfg *usermgmt.Config) {
			cfg.Lockout = usermgmt.Lockout{Limit: 1, Window: 24 * time.Hour}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mgr := open(t, databasePath(t), option)
			mgr.Wrap(mgr.Protect(usermgmt.Conversation())(http.HandlerFunc(ok)))
		})
	}
}

func TestALockoutOfNoFailuresIsRefused(t *testing.T) {
	t.Parallel()
	_, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + databasePath(t), Lockout: usermgmt.Lockout{Window: 15 * time.Minute}})
	if err == nil || !strings.Contains(err.Error(), "USERMGMT_LOCKOUT") {
		t.Errorf("0 failures in 15 minutes: %v", err)
	}
}

// Secrets from the file are held to the same rules as those that are given.
func TestWeakSecretsInTheFileAreRefused(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	write(t, path+".keys", "USERMGMT_SECRET_KEYS="+strings.Repeat("a", 32)+"\nUSERMGMT_ENCRYPTION_KEYS="+encryptionKey+"\nUSERMGMT_AUDIT_KEYS="+strongSecret+"\n")
	if _, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path}); err == nil || !strings.Contains(err.Error(), "USERMGMT_SECRET_KEYS") {
		t.Errorf("a weak secret in the file: %v", err)
	}
	write(t, path+".keys", "USERMGMT_SECRET_KEYS="+strongSecret+"\n")
	if _, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path}); err == nil || !strings.Contains(err.Error(), "USERMGMT_AUDIT_KEYS") {
		t.Errorf("a file without audit keys: %v", err)
	}
}
