package httpapi

import (
	"net/http"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// StaffRouter serves what support staff does: it signs in and helps users, within
// its levels and Ceilings. The prefix is as in UserRouter, such as "/staff". The
// access tokens of other kinds of account are ErrInvalidToken here.
func (a *API) StaffRouter(prefix string) http.Handler {
	return a.routerOf(authn.KindStaff, prefix, func(r *router) {
		a.staffSelfRoutes(r)
		a.deskRoutes(r)
	})
}

func (a *API) staffSelfRoutes(r *router) {
	handle(r, route{
		method: "POST", path: "/login", id: "login-staff", tag: "staff", action: authz.SignInStaff,
		summary: "Sign in as support staff", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidCredentials, store.ErrLocked, store.ErrSuspended},
	}, a.loginStaff)
	handle(r, route{
		method: "POST", path: "/refresh", id: "refresh-staff", tag: "staff", action: authz.Refresh,
		summary: "Exchange a refresh token of support staff", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidToken},
	}, a.refreshStaff)
	handle(r, route{
		method: "POST", path: "/logout", id: "logout-staff", tag: "staff", action: authz.SignOut,
		summary: "End this session", status: http.StatusNoContent,
	}, a.logout)
	handle(r, route{
		method: "POST", path: "/logout/all", id: "logout-all-staff", tag: "staff", action: authz.SignOut,
		summary: "End all of one's sessions", status: http.StatusNoContent,
	}, a.logoutAll)
	handle(r, route{
		method: "GET", path: "/me", id: "get-staff-me", tag: "staff", action: authz.ReadSelf,
		summary: "Show one's own account and level", status: http.StatusOK,
	}, a.getStaffSelf)
	handle(r, route{
		method: "POST", path: "/me/password", id: "change-staff-password", tag: "staff", action: authz.ChangePassword,
		summary: "Change the password; every session ends and a new one begins", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidCredentials, store.ErrWeakPassword, store.ErrLocked, store.ErrSuspended},
	}, a.changeStaffPassword)
}
