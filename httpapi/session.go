package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Tokens are what a sign-in or a refresh hands out. Theirs are the only answers
// in which tokens appear.
type Tokens struct {
	AccessToken      string `json:"access_token"`
	TokenType        string `json:"token_type" enum:"Bearer"`
	ExpiresIn        int64  `json:"expires_in" doc:"Seconds until the access token expires"`
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn int64  `json:"refresh_expires_in" doc:"Seconds until the refresh token expires unless it is used"`
	SessionID        string `json:"session_id"`
}

// Session is a sign-in of a user.
type Session struct {
	Tokens
	Kind authn.Kind `json:"kind" enum:"user"`
	User User       `json:"user"`
}

func (a *API) session(g authn.Grant, u store.User) Session {
	return Session{a.tokens(g), authn.KindUser, a.user(u)}
}

func (a *API) tokens(g authn.Grant) Tokens {
	session := secondsUntil(g.RefreshExpiresAt, a.cfg.Clock())
	lifetime := a.cfg.Tokens.TTL(authn.Kind(g.Session.Kind))
	return Tokens{
		AccessToken: g.AccessToken.Reveal(),
		TokenType:   "Bearer",
		// The lifetime as it was given, not what is left of it in the fraction of
		// a second that the answer took; a token is worth nothing after its session.
		ExpiresIn:        min(int64(lifetime/time.Second), session),
		RefreshToken:     g.RefreshToken.Reveal(),
		RefreshExpiresIn: session,
		SessionID:        g.Session.ID,
	}
}

func secondsUntil(t, now time.Time) int64 {
	return max(0, int64(t.Sub(now).Round(time.Second)/time.Second))
}

type refreshInput struct {
	RefreshToken string `json:"refresh_token" format:"password"`
}

func (a *API) refresh(ctx context.Context, c *call, in refreshInput) (Session, error) {
	grant, user, err := a.cfg.Sessions.Refresh(ctx, in.RefreshToken, c.origin)
	if err != nil {
		return Session{}, err
	}
	return a.session(grant, user), nil
}

func (a *API) logout(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, a.cfg.Sessions.Logout(ctx, c.actor(), c.subject(), c.principal.SessionID)
}

func (a *API) logoutAll(ctx context.Context, c *call, _ none) (none, error) {
	_, err := a.cfg.Sessions.RevokeAll(ctx, c.actor(), c.subject(), "", "")
	return none{}, err
}

// SignedIn is one live session of a user.
type SignedIn struct {
	ID         string    `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at" doc:"The sign-in or the last refresh"`
	IP         string    `json:"ip"`
	UserAgent  string    `json:"user_agent"`
	Current    bool      `json:"current" doc:"Whether this request was made with it"`
}

func (a *API) listSessions(ctx context.Context, c *call, _ none) (List[SignedIn], error) {
	return a.sessionsOf(ctx, c, c.subject())
}

func (a *API) sessionsOf(ctx context.Context, c *call, userID string) (List[SignedIn], error) {
	list, err := a.cfg.Sessions.List(ctx, userID, c.page)
	if err != nil {
		return List[SignedIn]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, func(s store.Session) SignedIn {
		return SignedIn{
			ID:         s.ID,
			CreatedAt:  s.CreatedAt.UTC(),
			LastSeenAt: s.LastSeen.UTC(),
			IP:         s.IP,
			UserAgent:  s.UserAgent,
			Current:    s.ID == c.principal.SessionID,
		}
	}), nil
}

func (a *API) revokeSession(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, a.cfg.Sessions.Revoke(ctx, c.actor(), c.subject(), c.id)
}
