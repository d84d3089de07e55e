package httpapi

import (
	"net/http"

	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// staffAccountRoutes are what admins do with the accounts of support staff.
func (a *API) staffAccountRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/staff", id: "list-staff", tag: "staff-accounts", action: authz.ReadStaff,
		summary: "List the support staff", status: http.StatusOK, list: &listing{sorts: byCreation},
	}, a.listStaff)
	handle(r, route{
		method: "POST", path: "/staff", id: "create-staff", tag: "staff-accounts", action: authz.CreateStaff,
		summary: "Make an account of the support staff", status: http.StatusCreated, refusals: refusalsOfLogins,
	}, a.createStaff)
	handle(r, route{
		method: "GET", path: "/staff/{id}", id: "get-staff", tag: "staff-accounts", action: authz.ReadStaff,
		summary: "Show a member of the support staff", status: http.StatusOK,
	}, a.getStaff)
	handle(r, route{
		method: "PATCH", path: "/staff/{id}", id: "update-staff", tag: "staff-accounts", action: authz.UpdateStaff,
		summary: "Change an account of the support staff", status: http.StatusOK, refusals: refusalsOfLogins,
	}, a.updateStaff)
	for _, rt := range deletions("/staff/{id}", "delete-staff") {
		rt.tag, rt.action, rt.summary = "staff-accounts", authz.DeleteStaff, "Remove an account of the support staff for good"
		handle(r, rt, a.deleteStaff)
	}
}

// adminAccountRoutes are what admins do with the accounts of admins.
func (a *API) adminAccountRoutes(r *router) {
	lastOwner := []store.Code{store.ErrLastOwner}
	handle(r, route{
		method: "GET", path: "/admins", id: "list-admins", tag: "admin-accounts", action: authz.ReadAdmins,
		summary: "List the admins", status: http.StatusOK, list: &listing{sorts: byCreation},
	}, a.listAdmins)
	handle(r, route{
		method: "POST", path: "/admins", id: "create-admin", tag: "admin-accounts", action: authz.CreateAdmin,
		summary: "Make an account of an admin, who may no more than its maker", status: http.StatusCreated, refusals: refusalsOfLogins,
	}, a.createAdmin)
	handle(r, route{
		method: "GET", path: "/admins/{id}", id: "get-admin", tag: "admin-accounts", action: authz.ReadAdmins,
		summary: "Show an admin", status: http.StatusOK,
	}, a.getAdmin)
	handle(r, route{
		method: "PATCH", path: "/admins/{id}", id: "update-admin", tag: "admin-accounts", action: authz.UpdateAdmin,
		summary: "Change an account of an admin; of others, owners only", status: http.StatusOK,
		refusals: append(lastOwner, refusalsOfLogins...),
	}, a.updateAdmin)
	for _, rt := range deletions("/admins/{id}", "delete-admin") {
		rt.tag, rt.action, rt.summary = "admin-accounts", authz.DeleteAdmin, "Remove an account of an admin for good; owners only"
		rt.refusals = lastOwner
		handle(r, rt, a.deleteAdmin)
	}
}

// refusalsOfLogins are what names and passwords may be refused with.
var refusalsOfLogins = []store.Code{store.ErrUsernameTaken, store.ErrEmailTaken, store.ErrWeakPassword}
