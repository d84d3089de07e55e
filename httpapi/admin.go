package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Admin is the account of somebody who runs the service.
type Admin struct {
	ID          string       `json:"id"`
	Kind        authn.Kind   `json:"kind" enum:"admin"`
	Username    string       `json:"username"`
	Email       string       `json:"email" doc:"As it was typed; empty when there is none"`
	Permissions []string     `json:"permissions" enum:"owner,users,staff,admins,plans,messages,audit,settings,tasks" doc:"An owner has all of them"`
	Status      store.Status `json:"status" enum:"active,suspended"`
	MFAEnabled  bool         `json:"mfa_enabled"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
	LastLoginAt *time.Time   `json:"last_login_at"`
}

func admin(a store.Admin) Admin {
	return Admin{
		ID:          a.ID,
		Kind:        authn.KindAdmin,
		Username:    a.Username,
		Email:       a.Email,
		Permissions: emptyNotNull(a.Permissions),
		Status:      a.Status,
		MFAEnabled:  a.MFAEnabled,
		CreatedAt:   a.CreatedAt.UTC(),
		UpdatedAt:   a.UpdatedAt.UTC(),
		LastLoginAt: timeOrNull(a.LastLoginAt),
	}
}

// AdminSession is a sign-in of an admin.
type AdminSession struct {
	Tokens
	Kind authn.Kind `json:"kind" enum:"admin"`
	User Admin      `json:"user"`
}

func (a *API) adminSession(g authn.Grant, who store.Admin) AdminSession {
	return AdminSession{a.tokens(g), authn.KindAdmin, admin(who)}
}

func (a *API) loginAdmin(ctx context.Context, c *call, in loginInput) (AdminSession, error) {
	who, grant, err := a.cfg.Admins.SignIn(ctx, in.Username, in.Password, c.origin)
	if err != nil {
		return AdminSession{}, err
	}
	return a.adminSession(grant, who), nil
}

func (a *API) refreshAdmin(ctx context.Context, c *call, in refreshInput) (AdminSession, error) {
	grant, who, err := a.cfg.Sessions.RefreshAdmin(ctx, in.RefreshToken, c.origin)
	if err != nil {
		return AdminSession{}, err
	}
	return a.adminSession(grant, who), nil
}

func (a *API) getAdminSelf(ctx context.Context, c *call, _ none) (Admin, error) {
	return adminOr(a.cfg.Admins.Get(ctx, c.subject()))
}

func (a *API) changeAdminPassword(ctx context.Context, c *call, in changePasswordInput) (AdminSession, error) {
	who, grant, err := a.cfg.Admins.ChangePassword(ctx, c.actor(), c.subject(), c.principal.SessionID,
		in.CurrentPassword, in.NewPassword, c.origin)
	if err != nil {
		return AdminSession{}, err
	}
	return a.adminSession(grant, who), nil
}
