package usermgmt

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"

	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
)

// settings are what the environment says beside the fields of Config.
type settings struct {
	Registration  string     `env:"USERMGMT_REGISTRATION" envDefault:"open"`
	PasswordLogin bool       `env:"USERMGMT_PASSWORD_LOGIN" envDefault:"true"`
	LogLevel      slog.Level `env:"USERMGMT_LOG_LEVEL" envDefault:"info"`
	LogFormat     string     `env:"USERMGMT_LOG_FORMAT" envDefault:"text"`
}

// FromEnv reads a Config from the environment and, for what is not set there,
// from a file .env in the working directory. It opens nothing and changes
// nothing of the process; New does the rest. The Logger of the Config it returns
// writes to standard error. A variable that cannot be read is an error that
// names it; all of them are reported at once. The drivers serve the schemes of
// USERMGMT_DATABASE_URL beside "sqlite".
func FromEnv(drivers ...Driver) (Config, error) {
	vars, err := environment(".env")
	if err != nil {
		return Config{}, err
	}
	cfg := Config{Drivers: drivers}
	var set settings
	options := env.Options{Environment: vars, FuncMap: parsers}
	err = errors.Join(env.ParseWithOptions(&cfg, options), env.ParseWithOptions(&set, options), set.apply(&cfg))
	if err != nil {
		return Config{}, fmt.Errorf("usermgmt: the environment has settings that cannot be read: %w", err)
	}
	warnUnknown(cfg.Logger, vars)
	return cfg, nil
}

// environment is the process's environment over the file's.
func environment(file string) (map[string]string, error) {
	vars, err := godotenv.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		vars = make(map[string]string)
	} else if err != nil {
		return nil, fmt.Errorf("usermgmt: %s cannot be read: each line must be NAME=value", file)
	}
	maps.Copy(vars, env.ToMap(os.Environ()))
	maps.DeleteFunc(vars, func(_, value string) bool { return value == "" })
	return vars, nil
}

func (s settings) apply(cfg *Config) error {
	if s.Registration != "open" && s.Registration != "closed" {
		return errors.New("USERMGMT_REGISTRATION must be open or closed")
	}
	cfg.CloseRegistration = s.Registration == "closed"
	cfg.DisablePasswordLogin = !s.PasswordLogin

	options := &slog.HandlerOptions{Level: s.LogLevel}
	switch s.LogFormat {
	case "text":
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, options))
	case "json":
		cfg.Logger = slog.New(slog.NewJSONHandler(os.Stderr, options))
	default:
		return errors.New("USERMGMT_LOG_FORMAT must be text or json")
	}
	return nil
}

// warnUnknown says which variables have our prefix and no meaning: most often a
// slip of the pen.
func warnUnknown(logger *slog.Logger, vars map[string]string) {
	known := Variables()
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if strings.HasPrefix(name, "USERMGMT_") && !slices.Contains(known, name) {
			logger.Warn("a variable is set that this version does not know", "name", name)
		}
	}
}

// Variables are the names FromEnv reads, sorted.
func Variables() []string {
	var names []string
	for _, t := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[settings]()} {
		for field := range t.Fields() {
			if name := field.Tag.Get("env"); name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// parsers read the settings that are not plain words, numbers or durations.
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[[]netip.Prefix](): func(s string) (any, error) {
		return middleware.ParsePrefixes(s)
	},
	reflect.TypeFor[middleware.TrustedProxies](): func(s string) (any, error) {
		return middleware.ParseTrustedProxies(s)
	},
	reflect.TypeFor[ratelimit.Rate](): func(s string) (any, error) {
		return ratelimit.ParseRate(s)
	},
	reflect.TypeFor[Lockout](): func(s string) (any, error) {
		return parseLockout(s)
	},
}

// parseLockout reads failures and window, such as "10/15m".
func parseLockout(s string) (Lockout, error) {
	failures, window, _ := strings.Cut(s, "/")
	n, err := strconv.Atoi(failures)
	if err != nil {
		return Lockout{}, errors.New("must be failures/window, such as 10/15m")
	}
	d, err := time.ParseDuration(window)
	if err != nil {
		return Lockout{}, errors.New("must be failures/window, such as 10/15m")
	}
	return Lockout{Limit: n, Window: d}, nil
}
