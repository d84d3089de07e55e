package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Staff is the account of somebody who helps users.
type Staff struct {
	ID          string           `json:"id"`
	Kind        authn.Kind       `json:"kind" enum:"staff"`
	Name        string           `json:"name"`
	Username    string           `json:"username"`
	Email       string           `json:"email" doc:"As it was typed; empty when there is none"`
	Level       store.StaffLevel `json:"level" minimum:"1" maximum:"3" doc:"1 looks, 2 acts on accounts, 3 also changes limits and grants credits"`
	Status      store.Status     `json:"status" enum:"active,suspended"`
	MFAEnabled  bool             `json:"mfa_enabled"`
	CreatedAt   time.Time        `json:"created_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
	LastLoginAt *time.Time       `json:"last_login_at"`
}

func staff(m store.Staff) Staff {
	return Staff{
		ID:          m.ID,
		Kind:        authn.KindStaff,
		Name:        m.Name,
		Username:    m.Username,
		Email:       m.Email,
		Level:       m.Level,
		Status:      m.Status,
		MFAEnabled:  m.MFAEnabled,
		CreatedAt:   m.CreatedAt.UTC(),
		UpdatedAt:   m.UpdatedAt.UTC(),
		LastLoginAt: timeOrNull(m.LastLoginAt),
	}
}

// StaffSession is a sign-in of a member of the support staff.
type StaffSession struct {
	Tokens
	Kind authn.Kind `json:"kind" enum:"staff"`
	User Staff      `json:"user"`
}

func (a *API) staffSession(g authn.Grant, who store.Staff) StaffSession {
	return StaffSession{a.tokens(g), authn.KindStaff, staff(who)}
}

func (a *API) loginStaff(ctx context.Context, c *call, in loginInput) (StaffSession, error) {
	who, grant, err := a.cfg.Staff.SignIn(ctx, in.Username, in.Password, c.origin)
	if err != nil {
		return StaffSession{}, err
	}
	return a.staffSession(grant, who), nil
}

func (a *API) refreshStaff(ctx context.Context, c *call, in refreshInput) (StaffSession, error) {
	grant, who, err := a.cfg.Sessions.RefreshStaff(ctx, in.RefreshToken, c.origin)
	if err != nil {
		return StaffSession{}, err
	}
	return a.staffSession(grant, who), nil
}

func (a *API) getStaffSelf(ctx context.Context, c *call, _ none) (Staff, error) {
	return staffOr(a.cfg.Staff.Get(ctx, c.subject()))
}

func (a *API) changeStaffPassword(ctx context.Context, c *call, in changePasswordInput) (StaffSession, error) {
	who, grant, err := a.cfg.Staff.ChangePassword(ctx, c.actor(), c.subject(), c.principal.SessionID,
		in.CurrentPassword, in.NewPassword, c.origin)
	if err != nil {
		return StaffSession{}, err
	}
	return a.staffSession(grant, who), nil
}
