package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

// User is an account as its owner sees it.
type User struct {
	ID            string       `json:"id"`
	Username      string       `json:"username"`
	Email         string       `json:"email" doc:"As it was typed; empty when there is none"`
	EmailVerified bool         `json:"email_verified"`
	DisplayName   string       `json:"display_name"`
	Status        store.Status `json:"status" enum:"active,suspended"`
	Plan          string       `json:"plan" doc:"The id of the plan"`
	TimeZone      string       `json:"time_zone" doc:"An IANA name, such as Europe/Berlin"`
	MFAEnabled    bool         `json:"mfa_enabled"`
	Metadata      Object       `json:"metadata"`
	CreatedAt     time.Time    `json:"created_at"`
	UpdatedAt     time.Time    `json:"updated_at"`
	LastLoginAt   *time.Time   `json:"last_login_at"`
}

func (a *API) user(u store.User) User {
	status := store.Active
	if u.SuspendedAt(a.cfg.Clock()) {
		status = store.Suspended
	}
	return User{
		ID:            u.ID,
		Username:      u.Username,
		Email:         u.Email,
		EmailVerified: u.EmailVerified,
		DisplayName:   u.DisplayName,
		Status:        status,
		Plan:          u.Plan,
		TimeZone:      u.Zone.Name,
		MFAEnabled:    u.MFAEnabled,
		Metadata:      Object{u.Metadata},
		CreatedAt:     u.CreatedAt.UTC(),
		UpdatedAt:     u.UpdatedAt.UTC(),
		LastLoginAt:   timeOrNull(u.LastLoginAt),
	}
}

type registerInput struct {
	Username    string `json:"username"`
	Email       string `json:"email" minLength:"1"`
	Password    string `json:"password" format:"password"`
	DisplayName string `json:"display_name,omitempty"`
	TimeZone    string `json:"time_zone,omitempty" doc:"An IANA name, such as Europe/Berlin"`
}

func (a *API) register(ctx context.Context, c *call, in registerInput) (Session, error) {
	user, grant, err := a.cfg.Users.Register(ctx, account.Registration{
		Username:    in.Username,
		Email:       in.Email,
		Password:    in.Password,
		DisplayName: in.DisplayName,
		TimeZone:    in.TimeZone,
	}, c.origin)
	if err != nil {
		return Session{}, err
	}
	return a.session(grant, user), nil
}

type loginInput struct {
	Username string `json:"username" doc:"The user name or the e-mail address"`
	Password string `json:"password" format:"password"`
}

func (a *API) login(ctx context.Context, c *call, in loginInput) (Session, error) {
	user, grant, err := a.cfg.Users.SignIn(ctx, in.Username, in.Password, c.origin)
	if err != nil {
		return Session{}, err
	}
	return a.session(grant, user), nil
}

func (a *API) getMe(ctx context.Context, c *call, _ none) (User, error) {
	user, err := a.cfg.Users.Get(ctx, c.subject())
	if err != nil {
		return User{}, err
	}
	return a.user(user), nil
}

type updateMeInput struct {
	DisplayName optional[string] `json:"display_name,omitzero" nullable:"true" doc:"Null clears it"`
	TimeZone    optional[string] `json:"time_zone,omitzero" doc:"Counts from the next day of the old one, once in 24 hours"`
	Metadata    optional[Object] `json:"metadata,omitzero" nullable:"true" doc:"Replaced whole; null clears it"`
}

func (a *API) updateMe(ctx context.Context, c *call, in updateMeInput) (User, error) {
	update := account.ProfileUpdate{DisplayName: in.DisplayName.pointer(), TimeZone: in.TimeZone.pointer()}
	if metadata := in.Metadata.pointer(); metadata != nil {
		raw, err := metadata.MarshalJSON()
		if err != nil {
			return User{}, err
		}
		update.Metadata = (*json.RawMessage)(&raw)
	}
	user, err := a.cfg.Users.UpdateProfile(ctx, c.actor(), c.subject(), update)
	if err != nil {
		return User{}, err
	}
	return a.user(user), nil
}

type changePasswordInput struct {
	CurrentPassword string `json:"current_password" format:"password"`
	NewPassword     string `json:"new_password" format:"password"`
}

func (a *API) changePassword(ctx context.Context, c *call, in changePasswordInput) (Session, error) {
	user, grant, err := a.cfg.Users.ChangePassword(ctx, c.actor(), c.subject(), c.principal.SessionID,
		in.CurrentPassword, in.NewPassword, c.origin)
	if err != nil {
		return Session{}, err
	}
	return a.session(grant, user), nil
}

type deleteMeInput struct {
	Password string `json:"password" format:"password"`
}

func (a *API) deleteMe(ctx context.Context, c *call, in deleteMeInput) (none, error) {
	return none{}, a.cfg.Users.DeleteSelf(ctx, c.actor(), c.subject(), in.Password)
}

// timeOrNull shows a time that was never set as null.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// textOrNull shows a text that was never set as null.
func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
