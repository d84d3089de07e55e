package httpapi

import (
	"context"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

func (a *API) listStaff(ctx context.Context, c *call, _ none) (List[Staff], error) {
	list, err := a.cfg.Staff.List(ctx, c.page)
	if err != nil {
		return List[Staff]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, staff), nil
}

func (a *API) getStaff(ctx context.Context, c *call, _ none) (Staff, error) {
	return staffOr(a.cfg.Staff.Get(ctx, c.id))
}

func staffOr(m store.Staff, err error) (Staff, error) {
	if err != nil {
		return Staff{}, err
	}
	return staff(m), nil
}

type createStaffInput struct {
	Name     string           `json:"name" doc:"As others see it"`
	Username string           `json:"username"`
	Email    string           `json:"email,omitempty" doc:"May be left out: then there is no address to sign in with"`
	Level    store.StaffLevel `json:"level" minimum:"1" maximum:"3" doc:"1 looks, 2 acts on accounts, 3 also changes limits and grants credits"`
	Password string           `json:"password" format:"password" doc:"At least 15 characters"`
}

func (a *API) createStaff(ctx context.Context, c *call, in createStaffInput) (Staff, error) {
	return staffOr(a.cfg.Staff.Create(ctx, c.actor(), account.NewStaffMember{
		Name:     in.Name,
		Username: in.Username,
		Email:    in.Email,
		Level:    in.Level,
		Password: in.Password,
	}))
}

type updateStaffInput struct {
	Name     optional[string]           `json:"name,omitzero"`
	Username optional[string]           `json:"username,omitzero"`
	Email    optional[string]           `json:"email,omitzero" nullable:"true" doc:"Null clears it"`
	Level    optional[store.StaffLevel] `json:"level,omitzero" minimum:"1" maximum:"3"`
	Status   optional[store.Status]     `json:"status,omitzero" enum:"active,suspended" doc:"suspended ends every session"`
	Password optional[string]           `json:"password,omitzero" format:"password" doc:"At least 15 characters; ends every session"`
}

func (a *API) updateStaff(ctx context.Context, c *call, in updateStaffInput) (Staff, error) {
	return staffOr(a.cfg.Staff.Update(ctx, c.actor(), c.id, account.StaffUpdate{
		Name:     in.Name.pointer(),
		Username: in.Username.pointer(),
		Email:    in.Email.pointer(),
		Level:    in.Level.pointer(),
		Status:   in.Status.pointer(),
		Password: in.Password.pointer(),
	}))
}

func (a *API) deleteStaff(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, a.cfg.Staff.Delete(ctx, c.actor(), c.id)
}
