package httpapi

import (
	"context"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

func (a *API) listAdmins(ctx context.Context, c *call, _ none) (List[Admin], error) {
	list, err := a.cfg.Admins.List(ctx, c.page)
	if err != nil {
		return List[Admin]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, admin), nil
}

func (a *API) getAdmin(ctx context.Context, c *call, _ none) (Admin, error) {
	return adminOr(a.cfg.Admins.Get(ctx, c.id))
}

func adminOr(who store.Admin, err error) (Admin, error) {
	if err != nil {
		return Admin{}, err
	}
	return admin(who), nil
}

type createAdminInput struct {
	Username    string   `json:"username"`
	Email       string   `json:"email,omitempty" doc:"May be left out: then there is no address to sign in with"`
	Permissions []string `json:"permissions" nullable:"false" enum:"owner,users,staff,admins,plans,messages,audit,settings,tasks" doc:"None that the maker has not"`
	Password    string   `json:"password" format:"password" doc:"At least 15 characters"`
}

func (a *API) createAdmin(ctx context.Context, c *call, in createAdminInput) (Admin, error) {
	return adminOr(a.cfg.Admins.Create(ctx, c.actor(), account.NewAdmin{
		Username:    in.Username,
		Email:       in.Email,
		Permissions: in.Permissions,
		Password:    in.Password,
	}))
}

type updateAdminInput struct {
	Username    optional[string]       `json:"username,omitzero"`
	Email       optional[string]       `json:"email,omitzero" nullable:"true" doc:"Null clears it"`
	Permissions optional[[]string]     `json:"permissions,omitzero" nullable:"false" enum:"owner,users,staff,admins,plans,messages,audit,settings,tasks" doc:"Replaced whole"`
	Status      optional[store.Status] `json:"status,omitzero" enum:"active,suspended" doc:"suspended ends every session"`
	Password    optional[string]       `json:"password,omitzero" format:"password" doc:"At least 15 characters; ends every session. Not one's own: see /me/password"`
}

func (a *API) updateAdmin(ctx context.Context, c *call, in updateAdminInput) (Admin, error) {
	return adminOr(a.cfg.Admins.Update(ctx, c.actor(), c.id, account.AdminUpdate{
		Username:    in.Username.pointer(),
		Email:       in.Email.pointer(),
		Permissions: in.Permissions.pointer(),
		Status:      in.Status.pointer(),
		Password:    in.Password.pointer(),
	}))
}

func (a *API) deleteAdmin(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, a.cfg.Admins.Delete(ctx, c.actor(), c.id)
}
