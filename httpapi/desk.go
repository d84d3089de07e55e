package httpapi

import (
	"net/http"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// deskRoutes are what support staff and admins do with users: the same handlers
// on the routes of both, who are told apart by the table of authz and by
// Ceilings alone.
func (a *API) deskRoutes(r *router) {
	a.deskReadRoutes(r)
	a.deskAccountRoutes(r)
	a.deskMeterRoutes(r)
}

// deskRoute fills in what the routes of the desk have in common: their section
// and an operation id that says whose routes they are.
func deskRoute(r *router, rt route) route {
	rt.tag = "users"
	if r.kind == authn.KindStaff {
		rt.id = "staff-" + rt.id
	}
	if rt.status == 0 {
		rt.status = http.StatusOK
	}
	return rt
}

func (a *API) deskReadRoutes(r *router) {
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users", id: "list-users", action: authz.ListUsers,
		summary: "List users, or search them by the beginning of user name or e-mail address, then in the order of these",
		list:    &listing{sorts: store.UserFilter{}.Sorts(), filters: []string{"q", "status", "plan"}, offered: a.userSorts},
	}), a.listUsers)
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users/{id}", id: "get-user", action: authz.ReadProfile,
		summary: "Show a user",
	}), ofUser(a, a.userView))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users/{id}/usage", id: "get-user-usage", action: authz.ReadUsage,
		summary: "Show a user's limits and what is used of them",
	}), ofUser(a, a.usageOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users/{id}/usage/history", id: "get-user-usage-history", action: authz.ReadUsage,
		summary: "Show what a user used, by day", query: historyQuery(),
	}), ofUser(a, a.historyOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users/{id}/credits", id: "list-user-credits", action: authz.ReadCredits,
		summary: "List the entries of a user's ledger of credits", list: &listing{sorts: byCreation},
	}), ofUser(a, a.creditsOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users/{id}/keys", id: "list-user-keys", action: authz.ReadKeys,
		summary: "List a user's API keys, revoked ones included", list: &listing{sorts: byCreation},
	}), ofUser(a, a.keysOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users/{id}/sessions", id: "list-user-sessions", action: authz.ReadSessions,
		summary: "List a user's live sessions", list: &listing{sorts: byCreation},
	}), ofUser(a, a.sessionsOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users/{id}/audit", id: "list-user-audit", action: authz.ReadUserAudit,
		summary: "List what was done to a user and by him", list: &listing{sorts: byCreation, filters: []string{"action"}},
	}), ofUser(a, a.auditOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/users/{id}/messages", id: "list-user-messages", action: authz.ReadMessages,
		summary: "List a user's logged messages; each reading is audited", list: &listing{sorts: byCreation, filters: []string{"conversation_id"}},
	}), ofUser(a, a.messagesOfUser))
}

func (a *API) deskAccountRoutes(r *router) {
	handle(r, deskRoute(r, route{
		method: "POST", path: "/users/{id}/suspend", id: "suspend-user", action: authz.SuspendUser,
		summary: "Refuse a user; sessions end, API keys are refused while it lasts",
	}), a.suspendUser)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/users/{id}/reactivate", id: "reactivate-user", action: authz.ReactivateUser,
		summary: "End a suspension; API keys work again",
	}), a.reactivateUser)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/users/{id}/unlock", id: "unlock-user", action: authz.UnlockUser,
		summary: "Forget a user's failed sign-ins, on all devices",
	}), a.unlockUser)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/users/{id}/password-reset", id: "reset-user-password", action: authz.ResetPassword,
		summary: "Mail a user a link to choose a new password", status: http.StatusAccepted,
		refusals: []store.Code{store.ErrMailNotConfigured},
	}), a.resetUserPassword)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/users/{id}/sessions/revoke", id: "revoke-user-sessions", action: authz.RevokeSessions,
		summary: "End all of a user's sessions", status: http.StatusNoContent,
	}), a.revokeUserSessions)
	for _, rt := range deletions("/users/{id}/keys/{key_id}", "revoke-user-key") {
		rt.action, rt.summary = authz.RevokeKey, "Revoke a user's API key for good"
		handle(r, deskRoute(r, rt), a.revokeUserKey)
	}
}

func (a *API) deskMeterRoutes(r *router) {
	handle(r, deskRoute(r, route{
		method: "PATCH", path: "/users/{id}/limits", id: "set-user-limits", action: authz.SetLimits,
		summary: "Set limits of a user's own, or remove them",
	}), a.setUserLimits)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/users/{id}/usage/reset", id: "reset-user-usage", action: authz.ResetUsage,
		summary: "Start a meter's present windows anew; they end when they would have", status: http.StatusNoContent,
	}), a.resetUserUsage)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/users/{id}/credits", id: "grant-credits", action: authz.GrantCredits,
		summary: "Grant credits to a user", status: http.StatusCreated,
		idempotent: true, refusals: []store.Code{store.ErrConflict, store.ErrCeilingExceeded},
	}), a.grantCredits)
}
