package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// userAdminRoutes are what admins alone do with users: they make, change and
// delete them, one by one or in bulk, and take all of them out or in.
func (a *API) userAdminRoutes(r *router) {
	names := []store.Code{store.ErrUsernameTaken, store.ErrEmailTaken}
	handle(r, route{
		method: "POST", path: "/users", id: "create-user", tag: "accounts", action: authz.CreateUser,
		summary: "Make an account; without a password nobody can sign in to it with one", status: http.StatusCreated,
		refusals: append(names, store.ErrWeakPassword),
	}, a.createUser)
	handle(r, route{
		method: "PATCH", path: "/users/{id}", id: "update-user", tag: "accounts", action: authz.UpdateProfile,
		summary: "Change a user, all that is named or nothing", status: http.StatusOK, refusals: names,
	}, a.updateUser)
	for _, rt := range deletions("/users/{id}", "delete-user") {
		rt.tag, rt.action, rt.summary = "accounts", authz.DeleteAccount, "Delete a user, who can be restored until the retention is over"
		handle(r, rt, a.deleteUser)
	}
	handle(r, route{
		method: "POST", path: "/users/bulk", id: "change-users", tag: "accounts", action: authz.ChangeUsers,
		summary: "Do one thing to up to 1000 users, each by itself", status: http.StatusOK,
	}, a.changeUsers)
	handleStream(r, route{
		method: "GET", path: "/users/export", id: "export-users", tag: "accounts", action: authz.ExportUsers,
		summary: "Take out all users, or those of a search", status: http.StatusOK,
		query: []parameter{
			{"format", "ndjson, which is the default, or csv"},
			{"q", "Only users whose user name or e-mail address begins with it"},
			{"status", "Only active or suspended users"},
			{"plan", "Only users of the plan with this id"},
		},
	}, "", []string{mediaNDJSON, mediaCSV}, a.exportUsers)
	handleStream(r, route{
		method: "POST", path: "/users/import", id: "import-users", tag: "accounts", action: authz.ImportUsers,
		summary: "Make an account for each line, and report on it; repeating it is harmless", status: http.StatusOK,
	}, mediaNDJSON, []string{mediaNDJSON}, a.newUserImport().run)
}

type createUserInput struct {
	Username    string           `json:"username"`
	Email       string           `json:"email" doc:"Empty for none"`
	Password    string           `json:"password,omitempty" format:"password"`
	Plan        string           `json:"plan,omitempty" doc:"The id of a plan; absent means the default one"`
	DisplayName string           `json:"display_name,omitempty"`
	TimeZone    string           `json:"time_zone,omitempty" doc:"An IANA name, such as Europe/Berlin"`
	Metadata    optional[Object] `json:"metadata,omitzero" nullable:"true"`
}

func (a *API) createUser(ctx context.Context, c *call, in createUserInput) (UserView, error) {
	metadata, err := rawOf(in.Metadata)
	if err != nil {
		return UserView{}, err
	}
	reg := account.Registration{
		Username: in.Username, Email: in.Email, Password: in.Password, DisplayName: in.DisplayName, TimeZone: in.TimeZone, Plan: in.Plan,
	}
	if metadata != nil {
		reg.Metadata = *metadata
	}
	user, err := a.cfg.Users.Create(ctx, c.actor(), reg)
	if err != nil {
		return UserView{}, err
	}
	return a.userView(ctx, c, user)
}

// rawOf is the text of a member that is an object; nil where it was absent.
func rawOf(o optional[Object]) (*json.RawMessage, error) {
	object := o.pointer()
	if object == nil {
		return nil, nil
	}
	raw, err := object.MarshalJSON()
	return (*json.RawMessage)(&raw), err
}

type updateUserInput struct {
	Username    optional[string]      `json:"username,omitzero"`
	Email       optional[string]      `json:"email,omitzero" nullable:"true" doc:"Null clears it; another address counts as not verified"`
	DisplayName optional[string]      `json:"display_name,omitzero" nullable:"true" doc:"Null clears it"`
	TimeZone    optional[string]      `json:"time_zone,omitzero" doc:"Counts from the next day of the old one, once in 24 hours"`
	Metadata    optional[Object]      `json:"metadata,omitzero" nullable:"true" doc:"Replaced whole; null clears it"`
	Plan        optional[string]      `json:"plan,omitzero" doc:"The id of a plan"`
	Usage       metering.PresentUsage `json:"usage,omitempty" enum:"keep,zero" doc:"Whether what was used so far counts against the new plan; keep by default"`
}

func (a *API) updateUser(ctx context.Context, c *call, in updateUserInput) (UserView, error) {
	metadata, err := rawOf(in.Metadata)
	if err != nil {
		return UserView{}, err
	}
	user, err := a.cfg.Users.Update(ctx, c.actor(), c.id, account.UserUpdate{
		ProfileUpdate: account.ProfileUpdate{DisplayName: in.DisplayName.pointer(), TimeZone: in.TimeZone.pointer(), Metadata: metadata},
		Username:      in.Username.pointer(),
		Email:         in.Email.pointer(),
		Plan:          in.Plan.pointer(),
		Usage:         in.Usage,
	})
	if err != nil {
		return UserView{}, err
	}
	return a.userView(ctx, c, user)
}

func (a *API) deleteUser(ctx context.Context, c *call, in reasonInput) (none, error) {
	return none{}, a.cfg.Users.Delete(ctx, c.actor(), c.id, in.Reason)
}

type changeUsersInput struct {
	Because
	IDs    []string           `json:"ids" nullable:"false" minItems:"1" maxItems:"1000"`
	Action account.BulkAction `json:"action" enum:"suspend,reactivate,delete,set_plan"`
	Plan   string             `json:"plan,omitempty" doc:"The id of a plan, with set_plan alone"`
}

// Changed is how it went with each of many users.
type Changed struct {
	Items []ChangedItem `json:"items" nullable:"false" doc:"In the order of ids, each once"`
}

// ChangedItem is how it went with one user.
type ChangedItem struct {
	ID   string     `json:"id"`
	OK   bool       `json:"ok"`
	Code store.Code `json:"code" doc:"What a call about this user alone would have said; empty when it went well"`
}

func (a *API) changeUsers(ctx context.Context, c *call, in changeUsersInput) (Changed, error) {
	items, err := a.cfg.Users.Bulk(ctx, c.actor(), in.IDs, in.Action, in.Plan, in.Reason)
	if err != nil {
		return Changed{}, err
	}
	out := Changed{Items: make([]ChangedItem, len(items))}
	for i, item := range items {
		out.Items[i] = ChangedItem{ID: item.ID, OK: item.Err == nil}
		if item.Err != nil {
			a.logFault(ctx, "change-users", c.origin.RequestID, item.Err)
			out.Items[i].Code = problem.From(item.Err, "").Code
		}
	}
	a.recordRefusal(c, authz.ChangeUsers, items[len(items)-1].Err) // whoever may no more does nothing to the rest
	return out, nil
}
