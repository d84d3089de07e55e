package httpapi

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/allowlist"
	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

// Config is what the routers need. Fields are required unless they say
// otherwise.
type Config struct {
	Users     *account.Users
	Sessions  *authn.Sessions
	Keys      *authn.Keys
	Staff     *account.Staff
	Admins    *account.Admins
	Services  *authn.ServiceKeys
	Metering  *metering.Service
	Messages  *messagelog.Log
	Tokens    *authn.Tokens
	Trail     *audit.Trail
	Allowlist *allowlist.List
	Tasks     *tasks.Runner
	Door      *change.Door

	// Ceilings bound what support staff may do; the zero value grants nothing.
	Ceilings authz.Ceilings

	// Authenticate finds out who calls, as middleware.Authenticate does. It
	// stands in front of every route that needs a credential and of no other.
	Authenticate func(http.Handler) http.Handler

	// LimitByIP stands in front of every route, LimitLogin also in front of
	// those that need no credential, LimitByPrincipal behind Authenticate. Nil
	// does not limit.
	LimitByIP, LimitLogin, LimitByPrincipal func(http.Handler) http.Handler

	// CursorKeys sign the cursors of lists: the first makes them, all are
	// accepted, so that a rotation breaks no page that somebody has open.
	CursorKeys [][]byte

	// BaseURL is where clients find the service; may be empty. Version is
	// shown in the OpenAPI document and to operators.
	BaseURL, Version string

	Logger *slog.Logger     // nil discards
	Clock  func() time.Time // nil means time.Now

	// Health are the things that Health asks; may be empty. OpsAllowed says
	// which addresses see details beside loopback; nil means none.
	Health     []HealthCheck
	OpsAllowed func(netip.Addr) bool
}

// API makes routers over the services. Its methods and the handlers they
// return are safe for concurrent use.
type API struct {
	cfg     Config
	started time.Time
	large   largeBodies

	mu      sync.Mutex
	schemas huma.Registry // of all routers
	routers []*router
	doc     []byte // the OpenAPI document, once asked for
}

// New makes an API. It panics without Authenticate or CursorKeys: whatever it
// answered then would be wrong.
func New(cfg Config) *API {
	if cfg.Authenticate == nil || len(cfg.CursorKeys) == 0 {
		panic("httpapi.New: no Authenticate or no CursorKeys")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	for _, limit := range []*func(http.Handler) http.Handler{&cfg.LimitByIP, &cfg.LimitLogin, &cfg.LimitByPrincipal} {
		if *limit == nil {
			*limit = func(next http.Handler) http.Handler { return next }
		}
	}
	return &API{
		cfg:     cfg,
		started: cfg.Clock(),
		large:   newLargeBodies(largeAtOnce),
		schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
	}
}

func errMethod() error {
	return store.Errorf(store.ErrMethodNotAllowed, "This path does not take the method; see Allow.")
}
