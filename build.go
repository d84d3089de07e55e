package usermgmt

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	_ "time/tzdata" // the zones of accounts must load on a machine without them

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/allowlist"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// openStore takes the host's store, or opens the one that DatabaseURL names.
func (m *Manager) openStore(ctx context.Context) error {
	if m.cfg.Store != nil {
		m.store = m.cfg.Store
		return nil
	}
	driver, err := m.cfg.storeDriver()
	if err != nil {
		return err
	}
	m.store, err = driver.OpenStore(ctx, m.cfg.DatabaseURL)
	if err != nil {
		return fmt.Errorf("usermgmt: the database cannot be opened: %w", err)
	}
	m.opened = true
	m.logger.Info("the database is open", "where", whereabouts(m.cfg.DatabaseURL))
	return nil
}

// build makes the rooms from the bottom up.
func (m *Manager) build(ctx context.Context) error {
	for _, floor := range []func(context.Context) error{m.buildTrail, m.buildAuthn, m.buildMetering, m.buildMessages, m.buildPeople} {
		if err := floor(ctx); err != nil {
			return err
		}
	}
	m.limiter = m.cfg.Limiter
	if m.limiter == nil {
		m.limiter = ratelimit.NewMemory(0)
	}
	if err := m.buildTasks(); err != nil {
		return err
	}
	m.buildAPI()
	return nil
}

// buildTrail makes the audit trail, the door for mutations and the follower of
// other instances' changes.
func (m *Manager) buildTrail(ctx context.Context) error {
	var err error
	m.trail, err = m.cfg.trailOn(m.store)
	if err != nil {
		return err
	}
	if err := m.warnOfMissingAuditKey(ctx); err != nil {
		return err
	}
	m.versions = version.New()
	origin := ids.New("ins_")
	m.door = change.NewDoor(change.Config{
		Store:    m.store,
		Trail:    m.trail,
		Versions: m.versions,
		Origin:   origin,
		Hook:     m.cfg.OnChange,
		Clock:    m.cfg.Clock,
	})
	m.follower, err = change.Follow(ctx, m.store, m.versions, origin, m.cfg.Clock, m.logger)
	if err != nil {
		return err
	}
	m.allowlist, err = allowlist.New(ctx, allowlist.Config{
		Store:    m.store,
		Door:     m.door,
		Versions: m.versions,
		Fresh:    m.follower.Fresh,
		Clock:    m.cfg.Clock,
		Logger:   m.logger,
	})
	return err
}

// buildAuthn makes what tells who is calling.
func (m *Manager) buildAuthn(context.Context) error {
	var err error
	if m.keyring, err = authn.NewKeyring(bytesOf(m.cfg.SecretKeys)); err != nil {
		return err
	}
	m.tokens, err = authn.NewTokens(authn.TokenConfig{
		Keyring:   m.keyring,
		Algorithm: m.cfg.TokenAlgorithm,
		Issuer:    m.cfg.BaseURL,
		TTL:       m.cfg.AccessTokenTTL,
		Clock:     m.cfg.Clock,
	})
	if err != nil {
		return err
	}
	m.keyUses = authn.NewKeyUses(authn.KeyUsesConfig{Store: m.store, Logger: m.logger})
	m.verifier = authn.NewVerifier(authn.VerifierConfig{
		Store:     m.store,
		Tokens:    m.tokens,
		KeyPrefix: m.cfg.KeyPrefix + "_",
		Versions:  m.versions,
		Fresh:     m.follower.Fresh,
		OnKeyUse:  m.keyUses.Note,
		Rate:      m.cfg.RateLimit,

		ServiceKeyPrefix: m.cfg.serviceKeyPrefix(),
	})
	m.sessions = authn.NewSessions(authn.SessionsConfig{
		Store:       m.store,
		Door:        m.door,
		Tokens:      m.tokens,
		Keyring:     m.keyring,
		IdleTTL:     m.cfg.RefreshTokenTTL,
		AbsoluteTTL: m.cfg.RefreshAbsoluteTTL,
		Clock:       m.cfg.Clock,
		Logger:      m.logger,
	})
	m.keys = authn.NewKeys(authn.KeysConfig{
		Store:         m.store,
		Door:          m.door,
		Prefix:        m.cfg.KeyPrefix + "_",
		Clock:         m.cfg.Clock,
		HostScopes:    m.cfg.Scopes,
		DefaultScopes: m.cfg.DefaultScopes,
		Meters:        m.cfg.meterNames(),
	})
	m.serviceKeys = authn.NewServiceKeys(authn.ServiceKeysConfig{
		Store:  m.store,
		Door:   m.door,
		Prefix: m.cfg.serviceKeyPrefix(),
		Clock:  m.cfg.Clock,
	})
	return nil
}

func (c Config) serviceKeyPrefix() string { return c.KeyPrefix + "s_" }

// meterNames are the meters that a key may have limits of.
func (c Config) meterNames() []string {
	names := []string{metering.Conversations, metering.Credits}
	for _, m := range c.Meters {
		names = append(names, m.Name)
	}
	return names
}

// buildPeople makes the accounts.
func (m *Manager) buildPeople(context.Context) error {
	hasher, err := authn.NewHasher(authn.PasswordConfig{Algorithm: m.cfg.PasswordHash, BcryptCost: m.cfg.BcryptCost})
	if err != nil {
		return err
	}
	ring, err := seal.New(m.cfg.EncryptionKeys)
	if err != nil {
		return err
	}
	people := account.Config{
		Store:                 m.store,
		Door:                  m.door,
		Trail:                 m.trail,
		Hasher:                hasher,
		Keyring:               m.keyring,
		Sessions:              m.sessions,
		Seal:                  ring,
		Policy:                m.cfg.passwordPolicy(),
		Reserved:              m.cfg.ReservedUsernames,
		Lockout:               m.cfg.Lockout,
		DefaultPlan:           m.cfg.DefaultPlan,
		RegistrationClosed:    m.cfg.CloseRegistration,
		PasswordLoginDisabled: m.cfg.DisablePasswordLogin,
		DeletedRetention:      m.cfg.DeletedRetention,
		Metering:              m.metering,
		Messages:              m.messages,
		Clock:                 m.cfg.Clock,
		Logger:                m.logger,
	}
	if m.users, err = account.New(people); err != nil {
		return err
	}
	if m.staff, err = account.NewStaff(people); err != nil {
		return err
	}
	m.admins, err = account.NewAdmins(people)
	return err
}

func (c Config) passwordPolicy() account.PasswordPolicy {
	return account.PasswordPolicy{MinLength: c.PasswordMinLength, Brand: "usermgmt"}
}

// buildMetering makes the meters and the default plan.
func (m *Manager) buildMetering(ctx context.Context) error {
	var err error
	m.metering, err = metering.New(metering.Config{
		Store:    m.store,
		Door:     m.door,
		Versions: m.versions,
		Clock:    m.cfg.Clock,
		Logger:   m.logger,
		Meters:   m.cfg.Meters,
		DefaultPlan: store.Plan{
			ID:          m.cfg.DefaultPlan,
			Name:        m.cfg.DefaultPlan,
			Limits:      []store.Limit{{Meter: metering.Conversations, Window: store.Day, Limit: *m.cfg.DailyConversations}},
			OnInterrupt: store.ChargeDelivered,
		},
	})
	if err != nil {
		return err
	}
	return m.metering.EnsureDefaultPlan(ctx)
}

func bytesOf(keys []string) [][]byte {
	var all [][]byte
	for _, key := range keys {
		all = append(all, []byte(key))
	}
	return all
}

// whereabouts is what of a database URL may be logged: a password may stand
// before the host and in the query.
func whereabouts(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		scheme, _, _ := strings.Cut(raw, ":")
		return scheme + ":..."
	}
	return (&url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path}).String()
}
