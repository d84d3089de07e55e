package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/allowlist"
	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

// Version is the release of the module.
const Version = "0.1.0"

// Manager is the whole of usermgmt for one host. Make it with New. Its methods
// may be called by any number of goroutines. After Close whatever would change
// something answers ErrClosed, and so does what reads from a store that New
// opened.
type Manager struct {
	cfg     Config
	logger  *slog.Logger
	store   store.Store
	opened  bool // New opened the store, so Close closes it
	limiter ratelimit.Limiter

	door     *change.Door
	follower *change.Follower
	versions *version.Table
	trail    *audit.Trail
	keyring  *authn.Keyring
	tokens   *authn.Tokens
	verifier *authn.Verifier
	keyUses  *authn.KeyUses
	sessions *authn.Sessions
	keys     *authn.Keys

	serviceKeys *authn.ServiceKeys

	users    *account.Users
	staff    *account.Staff
	admins   *account.Admins
	metering *metering.Service
	messages *messagelog.Log
	api      *httpapi.API
	runner   *tasks.Runner

	allowlist *allowlist.List

	life      context.Context // ends when Close begins
	end       context.CancelFunc
	closeOnce sync.Once
	closeErr  error
}

// New opens the store, brings its schema up to date and starts what answers
// depend on. A wrong Config is reported whole: every field that breaks a rule,
// by its name. New reaches for nothing but the store. The Manager must be
// closed.
func New(ctx context.Context, cfg Config) (*Manager, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.withDevelopmentKeys()
	if err != nil {
		return nil, err
	}
	m := &Manager{cfg: cfg, logger: cfg.Logger}
	m.life, m.end = context.WithCancel(context.Background())
	if err := m.openStore(ctx); err != nil {
		return nil, err
	}
	if err := m.build(ctx); err != nil {
		if m.opened && errors.Is(err, ErrUnavailable) {
			err = fmt.Errorf("usermgmt: the database %s cannot be used: %w", whereabouts(cfg.DatabaseURL), err)
		}
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Users are the accounts of people.
func (m *Manager) Users() *account.Users { return m.users }

// Staff are the accounts of those who help users.
func (m *Manager) Staff() *account.Staff { return m.staff }

// Admins are the accounts of those who run the service.
func (m *Manager) Admins() *account.Admins { return m.admins }

// EnsureFirstAdmin makes the first admin, an owner, when there is none, with the
// name and password of the Config. Where the Config has no password, one is made
// up, which is in the answer and nowhere else: show it to whoever starts the
// service, and do not log it. Of any number of processes one makes the admin.
func (m *Manager) EnsureFirstAdmin(ctx context.Context) (account.FirstAdmin, error) {
	return m.admins.EnsureFirst(ctx, m.cfg.AdminUsername, m.cfg.AdminPassword)
}

// ServiceKeys are the credentials of services that ask over HTTP.
func (m *Manager) ServiceKeys() *authn.ServiceKeys { return m.serviceKeys }

// Sessions are the sign-ins of users, support staff and admins.
func (m *Manager) Sessions() *authn.Sessions { return m.sessions }

// Keys are the API keys of users.
func (m *Manager) Keys() *authn.Keys { return m.keys }

// Metering counts what users use and holds it against their plans.
func (m *Manager) Metering() *metering.Service { return m.metering }

// Messages are the logs of conversations.
func (m *Manager) Messages() *messagelog.Log { return m.messages }

// Audit is the trail of every change.
func (m *Manager) Audit() *audit.Trail { return m.trail }

// IPAllowlist is the list of addresses that Wrap takes requests from, beside
// Config.IPAllowlist: both must admit. It may change while the service runs.
func (m *Manager) IPAllowlist() *allowlist.List { return m.allowlist }
