package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// deletedRoutes are what admins do with deleted users.
func (a *API) deletedRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/deleted-users", id: "list-deleted-users", tag: "deleted-users", action: authz.ReadDeleted,
		summary: "List deleted users who can come back, or are being purged", status: http.StatusOK,
		list: &listing{sorts: byCreation, filters: []string{"q"}, offered: deletedSorts},
	}, a.listDeleted)
	handle(r, route{
		method: "GET", path: "/deleted-users/{id}", id: "get-deleted-user", tag: "deleted-users", action: authz.ReadDeleted,
		summary: "Show a deleted user", status: http.StatusOK,
	}, a.getDeleted)
	handle(r, route{
		method: "POST", path: "/deleted-users/{id}/restore", id: "restore-user", tag: "deleted-users", action: authz.RestoreUser,
		summary: "Bring a deleted user back; active keys come back suspended, sessions do not", status: http.StatusOK,
		refusals: []store.Code{store.ErrRestoreConflict, store.ErrConflict},
	}, a.restoreUser)
	for _, rt := range deletions("/deleted-users/{id}", "purge-user") {
		rt.tag, rt.action, rt.summary = "deleted-users", authz.PurgeUser, "Delete a user for good, and free the user name"
		handle(r, rt, a.purgeUser)
	}
}

// DeletedUser is a user who was deleted. Profile and keys are sealed.
type DeletedUser struct {
	ID        string     `json:"id"`
	Username  string     `json:"username" doc:"Held until the purge"`
	DeletedAt time.Time  `json:"deleted_at"`
	DeletedBy AuditActor `json:"deleted_by"`
	Reason    string     `json:"reason"`
	PurgeAt   time.Time  `json:"purge_at" doc:"When he is deleted for good"`
	Purging   bool       `json:"purging" doc:"Whether that has begun, so that he cannot come back"`
}

func deletedUser(d store.DeletedUser) DeletedUser {
	return DeletedUser{
		ID:        d.ID,
		Username:  d.Username,
		DeletedAt: d.DeletedAt.UTC(),
		DeletedBy: AuditActor{Kind: d.DeletedBy.Kind, ID: d.DeletedBy.ID, Name: d.DeletedBy.Name},
		Reason:    d.Reason,
		PurgeAt:   d.PurgeAt.UTC(),
		Purging:   d.Purging,
	}
}

// deletedSorts are the orders of the list: a search is in that of names, and
// offers none.
func deletedSorts(c *call) []store.Sort {
	if c.filters["q"] != "" {
		return []store.Sort{""}
	}
	return byCreation
}

func (a *API) listDeleted(ctx context.Context, c *call, _ none) (List[DeletedUser], error) {
	list, err := a.cfg.Users.ListDeleted(ctx, store.DeletedUserFilter{Query: c.filters["q"]}, c.page)
	if err != nil {
		return List[DeletedUser]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, deletedUser), nil
}

func (a *API) getDeleted(ctx context.Context, c *call, _ none) (DeletedUser, error) {
	d, err := a.cfg.Users.GetDeleted(ctx, c.id)
	if err != nil {
		return DeletedUser{}, err
	}
	return deletedUser(d), nil
}

type restoreInput struct {
	Because
	Username optional[string] `json:"username,omitzero" doc:"In place of the one he had"`
	Email    optional[string] `json:"email,omitzero" nullable:"true" doc:"In place of the one he had; null or empty for none"`
}

func (a *API) restoreUser(ctx context.Context, c *call, in restoreInput) (UserView, error) {
	choice := account.RestoreChoice{Username: in.Username.pointer(), Email: in.Email.pointer()}
	user, err := a.cfg.Users.Restore(ctx, c.actor(), c.id, choice, in.Reason)
	if err != nil {
		return UserView{}, err
	}
	return a.userView(ctx, c, user)
}

func (a *API) purgeUser(ctx context.Context, c *call, in reasonInput) (none, error) {
	return none{}, a.cfg.Users.Purge(ctx, c.actor(), c.id, in.Reason)
}
