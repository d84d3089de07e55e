package httpapi

import (
	"context"
	"net/http"

	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

func (a *API) exportUsers(ctx context.Context, c *call, w http.ResponseWriter, _ *http.Request) error {
	filter := store.UserFilter{Query: c.filters["q"], Status: store.Status(c.filters["status"]), Plan: c.filters["plan"]}
	if s := filter.Status; s != "" && s != store.Active && s != store.Suspended {
		return store.Invalid("status", "enum", "The status must be active or suspended.")
	}
	format, err := attach(c, w, "users")
	if err != nil {
		return err
	}
	return a.cfg.Users.ExportAll(ctx, c.actor(), w, format, filter)
}

// selfExportRoutes are what a user does to have all that is kept about him.
func (a *API) selfExportRoutes(r *router) {
	handle(r, route{
		method: "POST", path: "/me/reauth", id: "reauth", tag: "account", action: authz.Reauth,
		summary: "Give the password again; it serves for 10 minutes on this session", status: http.StatusNoContent,
		refusals: []store.Code{store.ErrInvalidCredentials, store.ErrLocked},
	}, a.reauth)
	handleStream(r, route{
		method: "GET", path: "/me/export", id: "export-me", tag: "account", action: authz.ExportUsers,
		summary: "Take out everything that is kept about oneself", status: http.StatusOK,
		refusals: []store.Code{store.ErrReauthRequired},
	}, "", []string{"application/json"}, a.exportMe)
}

type reauthInput struct {
	Password string `json:"password" format:"password"`
}

func (a *API) reauth(ctx context.Context, c *call, in reauthInput) (none, error) {
	return none{}, a.cfg.Users.Reauthenticate(ctx, c.actor(), c.subject(), c.principal.SessionID, in.Password)
}

func (a *API) exportMe(ctx context.Context, c *call, w http.ResponseWriter, _ *http.Request) error {
	if err := a.cfg.Sessions.CheckReauth(ctx, c.principal.SessionID); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="account.json"`)
	h.Set("X-Content-Type-Options", "nosniff")
	return a.cfg.Users.Export(ctx, c.actor(), c.subject(), w)
}
