package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// UserView is an account as support staff and admins see it. What Ceilings hide
// from staff is empty.
type UserView struct {
	User
	SuspendedReason string     `json:"suspended_reason" doc:"Empty unless the account is suspended"`
	SuspendedUntil  *time.Time `json:"suspended_until" doc:"Null unless the account is suspended, and where the suspension has no end"`
	LockedUntil     *time.Time `json:"locked_until" doc:"Until when failed sign-ins lock the account; devices that it knows are counted apart"`
	Limits          []Limit    `json:"limits" doc:"Limits of the account's own, each in place of the plan's of its meter and window"`
	Credits         Credits    `json:"credits"`
}

// userView shows an account to a caller.
func (a *API) userView(ctx context.Context, c *call, u store.User) (UserView, error) {
	views, err := a.userViews(ctx, c, []store.User{u})
	if err != nil {
		return UserView{}, err
	}
	return views[0], nil
}

// userViews shows accounts to a caller, in their order.
func (a *API) userViews(ctx context.Context, c *call, users []store.User) ([]UserView, error) {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	locked, err := a.cfg.Users.LockedUntil(ctx, ids...)
	if err != nil {
		return nil, err
	}
	balances, err := a.cfg.Metering.Balances(ctx, ids)
	if err != nil {
		return nil, err
	}
	views := make([]UserView, len(users))
	for i, u := range users {
		views[i] = UserView{
			User:            a.user(u),
			SuspendedReason: u.SuspendedReason,
			SuspendedUntil:  timeOrNull(u.SuspendedUntil),
			LockedUntil:     timeOrNull(locked[u.ID]),
			Limits:          limits(u.Limits),
			Credits:         credits(balances[u.ID]),
		}
		a.hide(c.principal, &views[i].User)
	}
	return views, nil
}

// hide empties what the caller may not see.
func (a *API) hide(p authn.Principal, u *User) {
	for field, empty := range map[string]func(){
		"email":         func() { u.Email = "" },
		"display_name":  func() { u.DisplayName = "" },
		"metadata":      func() { u.Metadata = Object{} },
		"time_zone":     func() { u.TimeZone = "" },
		"last_login_at": func() { u.LastLoginAt = nil },
	} {
		if a.cfg.Ceilings.Hides(p, field) {
			empty()
		}
	}
}

// viewUser shows the account of the path as it is now.
func (a *API) viewUser(ctx context.Context, c *call) (UserView, error) {
	u, err := a.cfg.Users.Get(ctx, c.id)
	if err != nil {
		return UserView{}, err
	}
	return a.userView(ctx, c, u)
}
