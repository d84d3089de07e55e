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

// deskRoute fills in what the routes of the desk have in common. Below /users/,
// and under an id that says whose routes they are.
func deskRoute(r *router, rt route) route {
	rt.tag = "users"
	rt.path = "/users/{id}" + rt.path
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
		method: "GET", id: "get-user", action: authz.ReadProfile,
		summary: "Show a user",
	}), ofUser(a, a.userView))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/usage", id: "get-user-usage", action: authz.ReadUsage,
		summary: "Show a user's limits and what is used of them",
	}), ofUser(a, a.usageOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/usage/history", id: "get-user-usage-history", action: authz.ReadUsage,
		summary: "Show what a user used, by day", query: historyQuery(),
	}), ofUser(a, a.historyOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/credits", id: "list-user-credits", action: authz.ReadCredits,
		summary: "List the entries of a user's ledger of credits", list: &listing{sorts: byCreation},
	}), ofUser(a, a.creditsOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/keys", id: "list-user-keys", action: authz.ReadKeys,
		summary: "List a user's API keys, revoked ones included", list: &listing{sorts: byCreation},
	}), ofUser(a, a.keysOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/sessions", id: "list-user-sessions", action: authz.ReadSessions,
		summary: "List a user's live sessions", list: &listing{sorts: byCreation},
	}), ofUser(a, a.sessionsOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/audit", id: "list-user-audit", action: authz.ReadUserAudit,
		summary: "List what was done to a user and by him", list: &listing{sorts: byCreation, filters: []string{"action"}},
	}), ofUser(a, a.auditOfUser))
	handle(r, deskRoute(r, route{
		method: "GET", path: "/messages", id: "list-user-messages", action: authz.ReadMessages,
		summary: "List a user's logged messages; each reading is audited", list: &listing{sorts: byCreation, filters: []string{"conversation_id"}},
	}), ofUser(a, a.messagesOfUser))
}

func (a *API) deskAccountRoutes(r *router) {
	handle(r, deskRoute(r, route{
		method: "POST", path: "/suspend", id: "suspend-user", action: authz.SuspendUser,
		summary: "Refuse a user; sessions end, API keys are refused while it lasts",
	}), a.suspendUser)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/reactivate", id: "reactivate-user", action: authz.ReactivateUser,
		summary: "End a suspension; API keys work again",
	}), a.reactivateUser)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/unlock", id: "unlock-user", action: authz.UnlockUser,
		summary: "Forget a user's failed sign-ins, on all devices",
	}), a.unlockUser)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/password-reset", id: "reset-user-password", action: authz.ResetPassword,
		summary: "Mail a user a link to choose a new password", status: http.StatusAccepted,
		refusals: []store.Code{store.ErrMailNotConfigured},
	}), a.resetUserPassword)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/sessions/revoke", id: "revoke-user-sessions", action: authz.RevokeSessions,
		summary: "End all of a user's sessions", status: http.StatusNoContent,
	}), a.revokeUserSessions)
	for _, rt := range deletions("/keys/{key_id}", "revoke-user-key") {
		rt.action, rt.summary = authz.RevokeKey, "Revoke a user's API key for good"
		handle(r, deskRoute(r, rt), a.revokeUserKey)
	}
}

func (a *API) deskMeterRoutes(r *router) {
	handle(r, deskRoute(r, route{
		method: "PATCH", path: "/limits", id: "set-user-limits", action: authz.SetLimits,
		summary: "Set limits of a user's own, or remove them",
	}), a.setUserLimits)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/usage/reset", id: "reset-user-usage", action: authz.ResetUsage,
		summary: "Start a meter's present windows anew; they end when they would have", status: http.StatusNoContent,
	}), a.resetUserUsage)
	handle(r, deskRoute(r, route{
		method: "POST", path: "/credits", id: "grant-credits", action: authz.GrantCredits,
		summary: "Grant credits to a user", status: http.StatusCreated,
		idempotent: true, refusals: []store.Code{store.ErrConflict, store.ErrCeilingExceeded},
	}), a.grantCredits)
}
