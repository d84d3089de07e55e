package usermgmt_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/middleware"
)

// FuzzSettings gives FromEnv any values. What it takes it takes again, unchanged,
// in the form in which it is printed; an error names variables, and never holds a
// value.
func FuzzSettings(f *testing.F) {
	f.Add("50/s,burst=200", "10/15m", "10m", "100", "10.0.0.0/8, ::1", "unix,10.0.0.0/8", "https://a.example,https://b.example")
	f.Add("1e9/s", "10/", "-1h", "-1", "0.0.0.0/0", "::/0", "*")
	f.Add("0/s", "/1m", "1000000h", "9223372036854775808", "::ffff:1.2.3.4/120", "fe80::1%eth0", "null")
	f.Add("5/m,burst=1", "+1/1h0m0s", "1.5h", "1_000", ",", "unix,unix", "https://a.example,,")
	f.Add("", " 3/1m", "10 m", "0x10", "1.2.3.4,", " unix ", "https://a.example/")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, rate, lockout, duration, number, networks, proxies, origins string) {
		t.Chdir(dir)
		values := map[string]string{
			"USERMGMT_RATE_LIMIT": rate, "USERMGMT_LOCKOUT": lockout, "USERMGMT_ACCESS_TOKEN_TTL": duration, "USERMGMT_DAILY_CONVERSATIONS": number,
			"USERMGMT_IP_ALLOWLIST": networks, "USERMGMT_TRUSTED_PROXIES": proxies, "USERMGMT_CORS_ORIGINS": origins,
		}
		first, err := fromEnv(t, values)
		if err != nil {
			wantSilent(t, err)
			return
		}
		again, err := fromEnv(t, printed(first))
		if err != nil {
			t.Fatalf("%v is refused as it is printed: %v", printed(first), err)
		}
		if first.Lockout != again.Lockout || first.RateLimit != again.RateLimit || first.AccessTokenTTL != again.AccessTokenTTL ||
			!slices.Equal(first.IPAllowlist, again.IPAllowlist) || !slices.Equal(first.CORSOrigins, again.CORSOrigins) ||
			!slices.Equal(first.TrustedProxies.Prefixes, again.TrustedProxies.Prefixes) || first.TrustedProxies.Unix != again.TrustedProxies.Unix {
			t.Errorf("%v became %v", printed(first), printed(again))
		}
		if first.TrustedProxies.Validate() != nil {
			t.Errorf("%q trusts everybody", proxies)
		}
	})
}

var namedVariable = regexp.MustCompile(`\bUSERMGMT_[A-Z_]+\b`)

// wantSilent wants an error that says which variables are wrong and nothing of
// their values: it stays the same when they are wrong in another way.
func wantSilent(t *testing.T, err error) {
	t.Helper()
	if err.Error() == "usermgmt: .env cannot be read: each line must be NAME=value" {
		return
	}
	named := namedVariable.FindAllString(err.Error(), -1)
	if len(named) == 0 {
		t.Fatalf("the error names no variable: %v", err)
	}
	for _, name := range named {
		t.Setenv(name, "\x01")
	}
	if _, other := usermgmt.FromEnv(); other == nil || other.Error() != err.Error() {
		t.Errorf("the error goes by the value: %v\nfor other values %v", err, other)
	}
}

// fromEnv is FromEnv with the values set.
func fromEnv(t *testing.T, values map[string]string) (usermgmt.Config, error) {
	t.Helper()
	for name, value := range values {
		if strings.ContainsRune(value, 0) {
			t.Skip("an environment holds no NUL")
		}
		t.Setenv(name, value)
	}
	return usermgmt.FromEnv()
}

// printed writes settings in the form in which they are read; those that were
// not set stay so.
func printed(c usermgmt.Config) map[string]string {
	values := map[string]string{"USERMGMT_CORS_ORIGINS": strings.Join(c.CORSOrigins, ",")}
	for name, set := range map[string]struct {
		value fmt.Stringer
		is    bool
	}{
		"USERMGMT_RATE_LIMIT":       {c.RateLimit, c.RateLimit.Valid()},
		"USERMGMT_ACCESS_TOKEN_TTL": {c.AccessTokenTTL, c.AccessTokenTTL != 0},
	} {
		if values[name] = ""; set.is {
			values[name] = set.value.String()
		}
	}
	if values["USERMGMT_LOCKOUT"] = ""; c.Lockout != (usermgmt.Lockout{}) {
		values["USERMGMT_LOCKOUT"] = fmt.Sprintf("%d/%s", c.Lockout.Limit, c.Lockout.Window)
	}
	if values["USERMGMT_DAILY_CONVERSATIONS"] = ""; c.DailyConversations != nil {
		values["USERMGMT_DAILY_CONVERSATIONS"] = fmt.Sprint(*c.DailyConversations)
	}
	values["USERMGMT_IP_ALLOWLIST"] = list(c.IPAllowlist)
	values["USERMGMT_TRUSTED_PROXIES"] = proxyList(c.TrustedProxies)
	return values
}

func list(prefixes []netip.Prefix, words ...string) string {
	for _, p := range prefixes {
		words = append(words, p.String())
	}
	return strings.Join(words, ",")
}

func proxyList(t middleware.TrustedProxies) string {
	if t.Unix {
		return list(t.Prefixes, "unix")
	}
	return list(t.Prefixes)
}

// FuzzEnvFile gives FromEnv any file .env. It never fails otherwise than with an
// error, which holds nothing of the file; the file never overrides the process's
// environment and sets nothing in it.
func FuzzEnvFile(f *testing.F) {
	f.Add("USERMGMT_DEFAULT_PLAN=from-file\n")
	f.Add("export USERMGMT_DEFAULT_PLAN='quoted' # comment\nUSERMGMT_KEY_PREFIX: yaml\n")
	f.Add("USERMGMT_LISTEN=\"two\nlines\"\nUSERMGMT_BASE_URL=${USERMGMT_LISTEN}\n")
	f.Add("USERMGMT_SECRET_KEYS=unfinished'\n=\n\x00")
	f.Add("USERMGMT_LISTEN=127.0.0.1:80\n30s")
	f.Add("\ufeffUSERMGMT_DEFAULT_PLAN=with-a-mark\r\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content string) {
		t.Chdir(dir)
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("USERMGMT_DEFAULT_PLAN", "from-environment")
		t.Setenv("USERMGMT_LOG_LEVEL", "error") // of variables nobody knows there will be many
		before := os.Environ()
		cfg, err := usermgmt.FromEnv()
		if !slices.Equal(before, os.Environ()) {
			t.Error("the file changed the environment of the process")
		}
		switch {
		case err == nil && cfg.DefaultPlan != "from-environment":
			t.Errorf("the file overrides the environment: %q", cfg.DefaultPlan)
		case err != nil:
			wantSilent(t, err)
		}
	})
}
