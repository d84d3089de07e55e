package usermgmt

import (
	"cmp"
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
	Registration      string     `env:"USERMGMT_REGISTRATION" envDefault:"open"`
	PasswordLogin     bool       `env:"USERMGMT_PASSWORD_LOGIN" envDefault:"true"`
	StaffReadMessages bool       `env:"USERMGMT_STAFF_READ_MESSAGES" envDefault:"true"`
	LogLevel          slog.Level `env:"USERMGMT_LOG_LEVEL" envDefault:"info"`
	LogFormat         string     `env:"USERMGMT_LOG_FORMAT" envDefault:"text"`
}

// FromEnv reads a Config from the environment and, for what is not set there,
// from a file .env in the working directory. It opens nothing and changes
// nothing of the process; New does the rest. The Logger of the Config it returns
// writes to standard error. A variable that cannot be read is an error that
// names it and says how it is written; all of them are reported at once. The drivers serve the schemes of
// USERMGMT_DATABASE_URL beside "sqlite".
func FromEnv(drivers ...Driver) (Config, error) {
	vars, err := environment(".env")
	if err != nil {
		return Config{}, err
	}
	cfg := Config{Drivers: drivers}
	var set settings
	options := env.Options{Environment: vars, FuncMap: parsers}
	err = errors.Join(
		unreadable(&cfg, env.ParseWithOptions(&cfg, options)),
		unreadable(&set, env.ParseWithOptions(&set, options)),
		set.apply(&cfg))
	if err != nil {
		return Config{}, err
	}
	cfg.Listen = cmp.Or(cfg.Listen, defaultListen)
	warnUnknown(cfg.Logger, vars)
	return cfg, nil
}

// unreadable says of each setting that into could not take which variable it
// is, and what it must be.
func unreadable(into any, err error) error {
	if err == nil {
		return nil
	}
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return err
	}
	var said []error
	for _, one := range all.Errors {
		fault, ok := errors.AsType[env.ParseError](one)
		if !ok {
			said = append(said, one)
			continue
		}
		field, _ := reflect.TypeOf(into).Elem().FieldByName(fault.Name)
		said = append(said, fmt.Errorf("usermgmt: %s %s", field.Tag.Get("env"), rules[field.Type]))
	}
	return errors.Join(said...)
}

// rules say how a setting of each type is written.
var rules = map[reflect.Type]string{
	reflect.TypeFor[int]():                       "must be a whole number, such as 12",
	reflect.TypeFor[*int64]():                    "must be a whole number, such as 100",
	reflect.TypeFor[bool]():                      "must be true or false",
	reflect.TypeFor[time.Duration]():             "must be a duration, such as 10m or 720h",
	reflect.TypeFor[ratelimit.Rate]():            "must be a rate, such as 50/s,burst=200 or 30/m",
	reflect.TypeFor[Lockout]():                   "must be failures/window, such as 10/15m",
	reflect.TypeFor[[]netip.Prefix]():            "must be a list of networks, such as 10.0.0.0/8,203.0.113.7",
	reflect.TypeFor[middleware.TrustedProxies](): "must be a list of networks, or the word unix, and no network of all addresses",
	reflect.TypeFor[Bytes]():                     "must be a size, such as 64MiB",
	reflect.TypeFor[slog.Level]():                "must be debug, info, warn or error",
}

// ours begins the names of our variables.
const ours = "USERMGMT_"

// environment is our variables in the process's environment over the file's. It
// has no others: a field that is a list of structs would be filled from names
// such as 0_NAME.
func environment(file string) (map[string]string, error) {
	vars, err := godotenv.Read(file)
	_, nameless := vars[""] // a last line without "=": every field without a variable would take it
	switch {
	case errors.Is(err, fs.ErrNotExist):
		vars = make(map[string]string)
	case err != nil, nameless:
		return nil, fmt.Errorf("usermgmt: %s cannot be read: each line must be NAME=value", file)
	}
	maps.Copy(vars, env.ToMap(os.Environ()))
	maps.DeleteFunc(vars, func(name, value string) bool { return !strings.HasPrefix(name, ours) || value == "" })
	return vars, nil
}

func (s settings) apply(cfg *Config) error {
	if s.Registration != "open" && s.Registration != "closed" {
		return errors.New("usermgmt: USERMGMT_REGISTRATION must be open or closed")
	}
	cfg.CloseRegistration = s.Registration == "closed"
	cfg.DisablePasswordLogin = !s.PasswordLogin
	cfg.HideMessagesFromStaff = !s.StaffReadMessages

	options := &slog.HandlerOptions{Level: s.LogLevel}
	switch s.LogFormat {
	case "text":
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, options))
	case "json":
		cfg.Logger = slog.New(slog.NewJSONHandler(os.Stderr, options))
	default:
		return errors.New("usermgmt: USERMGMT_LOG_FORMAT must be text or json")
	}
	return nil
}

// warnUnknown says which variables have our prefix and no meaning: most often a
// slip of the pen.
func warnUnknown(logger *slog.Logger, vars map[string]string) {
	known := Variables()
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !slices.Contains(known, name) {
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
	reflect.TypeFor[Bytes](): func(s string) (any, error) {
		return parseBytes(s)
	},
}

// parseLockout reads failures and window, such as "10/15m".
func parseLockout(s string) (Lockout, error) {
	failures, window, _ := strings.Cut(s, "/")
	n, errN := strconv.Atoi(failures)
	d, errD := time.ParseDuration(window)
	return Lockout{Limit: n, Window: d}, errors.Join(errN, errD)
}
