package account

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

const (
	defaultLockoutLimit  = 10
	defaultLockoutWindow = 15 * time.Minute
	defaultRetention     = 30 * 24 * time.Hour
)

// Config is what Users and Admins need. The services are required, and for Users
// DefaultPlan; what else may be zero says so.
type Config struct {
	Store    store.Store
	Door     *change.Door
	Trail    *audit.Trail
	Hasher   *authn.Hasher
	Keyring  *authn.Keyring // names the counters of unknown sign-in names
	Sessions *authn.Sessions
	Seal     *seal.Keyring // seals the profiles of deleted users; Admins need none

	Policy   PasswordPolicy // zero is usable; what admins need is longer
	Reserved []string       // user names nobody can register; nil means DefaultReserved
	// Lockout is how many failures within a window lock a name, for the length
	// of the window; zero means 10 in 15 minutes.
	Lockout     store.SignInRule
	DefaultPlan string // id of the plan of new users

	RegistrationClosed    bool // Register is ErrForbidden
	PasswordLoginDisabled bool // SignIn is ErrForbidden

	// DeletedRetention is how long a deleted user can come back; zero means 30
	// days.
	DeletedRetention time.Duration

	Metering *metering.Service // changes plans; only Update and Bulk ask for it
	Messages *messagelog.Log   // purged and exported from; nil means that there is none

	Clock  func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
}

// Users are the accounts of people. Its methods may be called by any number of
// goroutines and by several instances on one store. Those that change something
// return when the change is durable, stands in the audit trail and no cached
// verdict of this instance contradicts it any more.
type Users struct {
	cfg    Config
	prover prover
}

// New makes the service. It fails when a required field is missing, naming it.
func New(cfg Config) (*Users, error) {
	cfg = cfg.withDefaults()
	if err := errors.Join(cfg.validate(), cfg.validateUsers()); err != nil {
		return nil, err
	}
	u := &Users{cfg: cfg}
	u.prover = prover{
		cfg: cfg, kind: authn.KindUser, usernames: store.IdentifierUsername, mails: store.IdentifierEmail,
		unknown: "name", login: "user.login", failed: "user.login_failed", version: store.UserVersion,
		nameOf: func(ctx context.Context, id string) (string, error) {
			user, err := cfg.Store.UserGet(ctx, id)
			return user.Username, err
		},
	}
	return u, nil
}

// withDefaults returns a copy in which what may be zero is filled in.
func (cfg Config) withDefaults() Config {
	cfg.Lockout.Limit = cmp.Or(cfg.Lockout.Limit, defaultLockoutLimit)
	cfg.Lockout.Window = cmp.Or(cfg.Lockout.Window, defaultLockoutWindow)
	cfg.DeletedRetention = cmp.Or(cfg.DeletedRetention, defaultRetention)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Reserved == nil {
		cfg.Reserved = DefaultReserved()
	}
	return cfg
}

func (c Config) validate() error {
	var errs []error
	check := func(ok bool, rule string) {
		if !ok {
			errs = append(errs, errors.New("account: Config."+rule))
		}
	}
	check(c.Store != nil, "Store is required")
	check(c.Door != nil, "Door is required")
	check(c.Trail != nil, "Trail is required")
	check(c.Hasher != nil, "Hasher is required")
	check(c.Keyring != nil, "Keyring is required")
	check(c.Sessions != nil, "Sessions is required")
	check(c.Lockout.Limit > 0, "Lockout.Limit must not be negative")
	check(c.Lockout.Window > 0, "Lockout.Window must not be negative")
	check(c.DeletedRetention > 0, "DeletedRetention must not be negative")
	return errors.Join(errs...)
}

// validateUsers checks what only Users need.
func (c Config) validateUsers() error {
	var errs []error
	if c.Seal == nil {
		errs = append(errs, errors.New("account: Config.Seal is required"))
	}
	if c.DefaultPlan == "" {
		errs = append(errs, errors.New("account: Config.DefaultPlan is required"))
	}
	return errors.Join(errs...)
}

// Get finds a user. One who is deleted is ErrNotFound like one who never was.
func (u *Users) Get(ctx context.Context, id string) (store.User, error) {
	user, err := u.cfg.Store.UserGet(ctx, id)
	if err != nil {
		return store.User{}, err
	}
	return asOf(user, u.cfg.now()), nil
}

// asOf is a user as others see it at a time: a suspension whose end has come
// is over, although nothing was written.
func asOf(user store.User, now time.Time) store.User {
	if user.Status == store.Suspended && !user.SuspendedAt(now) {
		user.Status, user.SuspendedReason, user.SuspendedUntil = store.Active, "", time.Time{}
	}
	return user
}

// now is the time as it comes back from the database.
func (cfg *Config) now() time.Time { return cfg.Clock().UTC().Truncate(time.Microsecond) }

func target(kind authn.Kind, id string) store.Target {
	return store.Target{Kind: string(kind), ID: id}
}

func targetUser(id string) store.Target { return target(authn.KindUser, id) }

// selfActor is somebody who acts alone, before there is a principal.
func selfActor(kind authn.Kind, id, username string, from authn.Origin) store.Actor {
	actor := anonymous(from)
	actor.Kind, actor.ID, actor.Name = store.ActorKind(kind), id, username
	return actor
}

// anonymous is whoever sent a request.
func anonymous(from authn.Origin) store.Actor {
	actor := store.Actor{Kind: store.ActorAnonymous, RequestID: from.RequestID}
	if from.IP.IsValid() {
		actor.IP = from.IP.String()
	}
	return actor
}

// joinInvalid makes one error of what is wrong with several members: one
// ErrValidation that names them all, else the first other error.
func joinInvalid(errs ...error) error {
	var all *store.Error
	var other error
	for _, err := range errs {
		e, ok := errors.AsType[*store.Error](err)
		switch {
		case err == nil:
		case !ok || e.Code != store.ErrValidation:
			other = cmp.Or(other, err)
		case all == nil:
			all = e
		default:
			all.Fields = append(all.Fields, e.Fields...)
		}
	}
	if all == nil {
		return other
	}
	return all
}
