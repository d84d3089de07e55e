package authn

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

const (
	defaultIdleTTL      = 14 * 24 * time.Hour
	defaultAbsoluteTTL  = 30 * 24 * time.Hour
	defaultAdminTTL     = 12 * time.Hour
	defaultRefreshGrace = 10 * time.Second

	maxUserAgentBytes = 256
)

// SessionsConfig is what Sessions need. The durations may be zero, Logger and
// Clock may be nil; everything else is required.
type SessionsConfig struct {
	Store   store.Store
	Door    *change.Door
	Tokens  *Tokens
	Keyring *Keyring
	// IdleTTL is how long a session lives without a refresh; zero means 14 days.
	IdleTTL time.Duration
	// AbsoluteTTL is how long a session lives at most; zero means 30 days.
	AbsoluteTTL time.Duration
	// AdminTTL is the same of an admin's and of support staff's; zero means 12
	// hours, or AbsoluteTTL where that is less.
	AdminTTL time.Duration
	// Grace is how long the last used refresh token still gives the successor
	// that it gave first; zero means 10 seconds.
	Grace  time.Duration
	Clock  func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
}

// Origin is where a request came from.
type Origin struct {
	IP        netip.Addr
	UserAgent string
	RequestID string
}

// Grant is what a sign-in or a refresh hands out.
type Grant struct {
	AccessToken      Secret
	ExpiresAt        time.Time
	RefreshToken     Secret
	RefreshExpiresAt time.Time
	Session          store.Session
}

// Sessions starts, lists and ends sessions, and exchanges refresh tokens. It
// is safe for concurrent use by any number of instances on one store.
type Sessions struct{ cfg SessionsConfig }

// NewSessions makes the service.
func NewSessions(cfg SessionsConfig) *Sessions {
	cfg.IdleTTL = cmp.Or(cfg.IdleTTL, defaultIdleTTL)
	cfg.AbsoluteTTL = cmp.Or(cfg.AbsoluteTTL, defaultAbsoluteTTL)
	cfg.AdminTTL = cmp.Or(cfg.AdminTTL, min(defaultAdminTTL, cfg.AbsoluteTTL))
	cfg.Grace = cmp.Or(cfg.Grace, defaultRefreshGrace)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Sessions{cfg: cfg}
}

// Start makes a session for an account that has just signed in, inside the
// caller's transaction. The grant is worth something once that commits.
func (s *Sessions) Start(ctx context.Context, q store.Queries, subject string, kind Kind, from Origin) (Grant, error) {
	now := s.now()
	session := store.Session{
		ID:        ids.New(ids.Session),
		Kind:      store.ActorKind(kind),
		Subject:   subject,
		CreatedAt: now,
		ExpiresAt: now.Add(s.absoluteTTL(kind)),
		ReauthAt:  now,
	}
	s.seen(&session, from, now)
	token := newRefreshToken()
	if err := q.SessionInsert(ctx, session); err != nil {
		return Grant{}, err
	}
	err := q.RefreshTokenInsert(ctx, store.RefreshToken{
		Hash:      HashSecret(token.Reveal()),
		SessionID: session.ID,
		CreatedAt: now,
	})
	if err != nil {
		return Grant{}, err
	}
	return s.grant(session, token)
}

func (s *Sessions) absoluteTTL(kind Kind) time.Duration {
	if kind == KindUser {
		return s.cfg.AbsoluteTTL
	}
	return s.cfg.AdminTTL
}

// List lists the live sessions of an account.
func (s *Sessions) List(ctx context.Context, subject string, p store.Page) (store.List[store.Session], error) {
	return s.cfg.Store.SessionList(ctx, subject, s.now(), p)
}

// Revoke ends one session of an account. Its access and refresh tokens are
// refused from when Revoke returns, on other instances within a second.
// A session of another account, or one that has ended, is ErrNotFound.
func (s *Sessions) Revoke(ctx context.Context, actor store.Actor, subject, sessionID string) error {
	return s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) error {
		session, err := q.SessionGet(ctx, sessionID)
		if err != nil {
			return err
		}
		if session.Subject != subject || !session.Live(c.At) {
			return errNoSession()
		}
		live, err := q.SessionRevoke(ctx, sessionID, c.At)
		if err != nil {
			return err
		}
		if !live {
			return errNoSession()
		}
		c.Action = "session.revoke"
		c.Target = store.Target{Kind: "session", ID: sessionID, Owner: subject}
		c.Affects = append(c.Affects, store.SessionVersion(sessionID))
		return nil
	})
}

// Logout ends one session like Revoke, and is nil when it has ended already.
func (s *Sessions) Logout(ctx context.Context, actor store.Actor, subject, sessionID string) error {
	err := s.Revoke(ctx, actor, subject, sessionID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// RevokeAll ends every session of an account but one (empty: none is spared)
// and returns how many it ended. Support staff and admins say why
// (ErrReasonRequired) when the account is another's; of anybody else the reason
// may be empty.
func (s *Sessions) RevokeAll(ctx context.Context, actor store.Actor, subject, except, reason string) (int, error) {
	if err := checkReason(actor, subject, reason); err != nil {
		return 0, err
	}
	var ended int
	err := s.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		ended, err = s.revokeAll(ctx, q, c, subject, except, c.At)
		if err != nil || ended == 0 {
			return err
		}
		c.Action, c.Reason = "session.revoke", reason
		c.Target = store.Target{Kind: string(kindOf(subject)), ID: subject}
		return nil
	})
	return ended, err
}

// RevokeAllIn ends every session of an account but one as a part of a larger
// change: it writes through q and adds to c what the caches must forget.
func (s *Sessions) RevokeAllIn(ctx context.Context, q store.Queries, c *store.Change, subject, except string, at time.Time) error {
	_, err := s.revokeAll(ctx, q, c, subject, except, at)
	return err
}

// ReauthIn notes on a session that the password was given at a time, as a part of
// a larger change.
func (s *Sessions) ReauthIn(ctx context.Context, q store.Queries, sessionID string, at time.Time) error {
	session, err := q.SessionGet(ctx, sessionID)
	if err != nil {
		return err
	}
	session.ReauthAt = at
	return q.SessionUpdate(ctx, session)
}

// CheckReauth refuses what a stolen access token must not do alone: it is
// ErrReauthRequired unless the session lives and the password was given on it
// within the last ten minutes.
func (s *Sessions) CheckReauth(ctx context.Context, sessionID string) error {
	session, err := s.cfg.Store.SessionGet(ctx, sessionID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if now := s.now(); err != nil || !session.Live(now) || now.Sub(session.ReauthAt) > reauthWithin {
		return store.Errorf(store.ErrReauthRequired, "Give your password again first.")
	}
	return nil
}

// revokeAll names the account in c.Affects rather than each session: one row
// of the feed, however many sessions there are.
func (s *Sessions) revokeAll(ctx context.Context, q store.Queries, c *store.Change, subject, except string, at time.Time) (int, error) {
	ended, err := q.SessionRevokeAll(ctx, subject, except, at)
	if err != nil || len(ended) == 0 {
		return 0, err
	}
	if key := accountVersion(subject); !slices.Contains(c.Affects, key) {
		c.Affects = append(c.Affects, key)
	}
	return len(ended), nil
}

// grant signs the access token that goes with a refresh token.
func (s *Sessions) grant(session store.Session, refresh Secret) (Grant, error) {
	access, expires, err := s.cfg.Tokens.Issue(Kind(session.Kind), session.Subject, session.ID)
	if err != nil {
		return Grant{}, err
	}
	return Grant{
		AccessToken:      access,
		ExpiresAt:        expires,
		RefreshToken:     refresh,
		RefreshExpiresAt: session.IdleUntil,
		Session:          session,
	}, nil
}

// seen notes a sign-in or refresh and moves the idle end, never past the
// absolute one.
func (s *Sessions) seen(session *store.Session, from Origin, now time.Time) {
	session.LastSeen = now
	session.IdleUntil = now.Add(s.cfg.IdleTTL)
	if session.IdleUntil.After(session.ExpiresAt) {
		session.IdleUntil = session.ExpiresAt
	}
	session.IP = ""
	if from.IP.IsValid() {
		session.IP = from.IP.String()
	}
	agent := from.UserAgent[:min(len(from.UserAgent), maxUserAgentBytes)]
	session.UserAgent = strings.ToValidUTF8(agent, "")
}

func (s *Sessions) now() time.Time {
	return s.cfg.Clock().UTC().Truncate(time.Microsecond)
}

// kindOf tells the kind of an account that has sessions by its id.
func kindOf(subject string) Kind {
	switch {
	case strings.HasPrefix(subject, ids.Admin):
		return KindAdmin
	case strings.HasPrefix(subject, ids.Staff):
		return KindStaff
	}
	return KindUser
}

// accountVersion is the version key of everything that depends on an account.
func accountVersion(subject string) string {
	switch kindOf(subject) {
	case KindAdmin:
		return store.AdminVersion(subject)
	case KindStaff:
		return store.StaffVersion(subject)
	}
	return store.UserVersion(subject)
}

// checkReason asks those who act on other people's accounts for a reason. One
// that is given is checked in any case.
func checkReason(actor store.Actor, subject, reason string) error {
	operator := actor.Kind == store.ActorStaff || actor.Kind == store.ActorAdmin
	if reason == "" && (!operator || actor.ID == subject) {
		return nil
	}
	return change.CheckReason(reason)
}

func errNoSession() error {
	return store.Errorf(store.ErrNotFound, "There is no such session.")
}
