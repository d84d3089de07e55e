package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// reasonInput is the body of what needs nothing but a reason.
type reasonInput struct{ Because }

type suspendInput struct {
	Because
	Until *time.Time `json:"until,omitempty" nullable:"true" doc:"Absent or null means until it is reactivated"`
}

func (a *API) suspendUser(ctx context.Context, c *call, in suspendInput) (UserView, error) {
	var until time.Time
	if in.Until != nil {
		until = *in.Until
	}
	if err := a.cfg.Users.Suspend(ctx, c.actor(), c.id, in.Reason, until); err != nil {
		return UserView{}, err
	}
	return a.viewUser(ctx, c)
}

func (a *API) reactivateUser(ctx context.Context, c *call, in reasonInput) (UserView, error) {
	if err := a.cfg.Users.Reactivate(ctx, c.actor(), c.id, in.Reason); err != nil {
		return UserView{}, err
	}
	return a.viewUser(ctx, c)
}

func (a *API) unlockUser(ctx context.Context, c *call, in reasonInput) (UserView, error) {
	if err := a.cfg.Users.Unlock(ctx, c.actor(), c.id, in.Reason); err != nil {
		return UserView{}, err
	}
	return a.viewUser(ctx, c)
}

// resetUserPassword sends the user a link and shows nobody else one: without
// mail there is nothing that it could do.
func (a *API) resetUserPassword(ctx context.Context, c *call, _ reasonInput) (none, error) {
	if _, err := a.cfg.Users.Get(ctx, c.id); err != nil {
		return none{}, err
	}
	return none{}, store.Errorf(store.ErrMailNotConfigured, "A link to choose a new password is sent by mail, and no mail server is configured.")
}

func (a *API) revokeUserSessions(ctx context.Context, c *call, in reasonInput) (none, error) {
	if _, err := a.cfg.Users.Get(ctx, c.id); err != nil {
		return none{}, err // and not an account of another kind
	}
	_, err := a.cfg.Sessions.RevokeAll(ctx, c.actor(), c.id, "", in.Reason)
	return none{}, err
}

func (a *API) revokeUserKey(ctx context.Context, c *call, in reasonInput) (none, error) {
	return none{}, a.cfg.Keys.Revoke(ctx, c.actor(), c.id, c.keyID, in.Reason)
}

type setLimitsInput struct {
	Because
	Limits []limitChangeInput `json:"limits" nullable:"false" maxItems:"64" doc:"Pairs of meter and window that are not named stay"`
}

func (a *API) setUserLimits(ctx context.Context, c *call, in setLimitsInput) (UserView, error) {
	changes, err := limitChanges(in.Limits)
	if err != nil {
		return UserView{}, err
	}
	if _, err := a.cfg.Metering.SetLimits(ctx, c.actor(), c.id, changes, in.Reason); err != nil {
		return UserView{}, err
	}
	return a.viewUser(ctx, c)
}

type resetUsageInput struct {
	Because
	Meter string `json:"meter" minLength:"1"`
}

func (a *API) resetUserUsage(ctx context.Context, c *call, in resetUsageInput) (none, error) {
	return none{}, a.cfg.Metering.ResetUsage(ctx, c.actor(), c.id, in.Meter, in.Reason)
}
