package httpapi

import (
	"net/http"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// AdminRouter serves what admins do: they sign in, make keys for services, keep
// the accounts of staff and admins, and do all that support staff does, without
// Ceilings. The prefix is as in UserRouter, such as "/admin". The access tokens of
// other kinds of account are ErrInvalidToken here.
func (a *API) AdminRouter(prefix string) http.Handler {
	return a.routerOf(authn.KindAdmin, prefix, func(r *router) {
		a.adminRoutes(r)
		a.serviceKeyRoutes(r)
		a.planRoutes(r)
		a.deskRoutes(r)
		a.settingsRoutes(r)
		a.staffAccountRoutes(r)
		a.adminAccountRoutes(r)
		a.taskRoutes(r)
		a.userAdminRoutes(r)
		a.deletedRoutes(r)
		a.allMessageRoutes(r)
		a.statsRoutes(r)
		a.auditRoutes(r)
	})
}

func (a *API) adminRoutes(r *router) {
	handle(r, route{
		method: "POST", path: "/login", id: "login-admin", tag: "admin", action: authz.SignInAdmin,
		summary: "Sign in as an admin", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidCredentials, store.ErrLocked, store.ErrSuspended},
	}, a.loginAdmin)
	handle(r, route{
		method: "POST", path: "/refresh", id: "refresh-admin", tag: "admin", action: authz.Refresh,
		summary: "Exchange an admin's refresh token", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidToken},
	}, a.refreshAdmin)
	handle(r, route{
		method: "POST", path: "/logout", id: "logout-admin", tag: "admin", action: authz.SignOut,
		summary: "End this session", status: http.StatusNoContent,
	}, a.logout)
	handle(r, route{
		method: "POST", path: "/logout/all", id: "logout-all-admin", tag: "admin", action: authz.SignOut,
		summary: "End all of one's sessions", status: http.StatusNoContent,
	}, a.logoutAll)
	handle(r, route{
		method: "GET", path: "/me", id: "get-admin-me", tag: "admin", action: authz.ReadSelf,
		summary: "Show one's own account and permissions", status: http.StatusOK,
	}, a.getAdminSelf)
	handle(r, route{
		method: "POST", path: "/me/password", id: "change-admin-password", tag: "admin", action: authz.ChangePassword,
		summary: "Change the password; every session ends and a new one begins", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidCredentials, store.ErrWeakPassword, store.ErrLocked, store.ErrSuspended},
	}, a.changeAdminPassword)
}

func (a *API) serviceKeyRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/service-keys", id: "list-service-keys", tag: "service-keys", action: authz.ReadServiceKeys,
		summary: "List the keys of services, revoked ones included", status: http.StatusOK, list: &listing{sorts: byCreation},
	}, a.listServiceKeys)
	handle(r, route{
		method: "POST", path: "/service-keys", id: "create-service-key", tag: "service-keys", action: authz.CreateServiceKey,
		summary: "Make a key for a service; it is shown this once", status: http.StatusCreated,
	}, a.createServiceKey)
	for _, rt := range deletions("/service-keys/{id}", "revoke-service-key") {
		rt.tag, rt.action, rt.summary = "service-keys", authz.RevokeServiceKey, "Revoke a service key for good"
		handle(r, rt, a.revokeServiceKey)
	}
}
