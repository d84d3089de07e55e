package httpapi

import (
	"net/http"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// UserRouter serves what users do for themselves: registration, sign-in,
// profile, sessions, API keys, usage and messages. The prefix is where it is
// mounted, such as "/auth"; "" and "/" mean the root. The handler expects whole
// paths, so that it is mounted as it is: under "/auth/" of a ServeMux, by Mount
// of chi, without StripPrefix. It panics at a prefix that is not a plain path,
// such as a pattern of http.ServeMux or a URL.
//
// The OpenAPI document describes the router from then on, once a prefix.
func (a *API) UserRouter(prefix string) http.Handler {
	return a.routerOf(authn.KindUser, prefix, func(r *router) {
		a.accountRoutes(r)
		a.selfExportRoutes(r)
		a.sessionRoutes(r)
		a.keyRoutes(r)
		a.usageRoutes(r)
		a.messageRoutes(r)
	})
}

func (a *API) accountRoutes(r *router) {
	handle(r, route{
		method: "POST", path: "/register", id: "register", tag: "account", action: authz.Register,
		summary: "Make an account and sign in", status: http.StatusCreated,
		refusals: []store.Code{store.ErrUsernameTaken, store.ErrEmailTaken, store.ErrWeakPassword, store.ErrForbidden},
	}, a.register)
	handle(r, route{
		method: "POST", path: "/login", id: "login", tag: "account", action: authz.SignIn,
		summary: "Sign in", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidCredentials, store.ErrLocked, store.ErrSuspended, store.ErrForbidden},
	}, a.login)
	handle(r, route{
		method: "GET", path: "/me", id: "get-me", tag: "account", action: authz.ReadProfile,
		summary: "Show one's own account", status: http.StatusOK,
	}, a.getMe)
	handle(r, route{
		method: "PATCH", path: "/me", id: "update-me", tag: "account", action: authz.UpdateProfile,
		summary: "Change one's own profile", status: http.StatusOK,
	}, a.updateMe)
	handle(r, route{
		method: "POST", path: "/me/password", id: "change-password", tag: "account", action: authz.ChangePassword,
		summary: "Change the password; every session ends and a new one begins", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidCredentials, store.ErrLocked, store.ErrWeakPassword},
	}, a.changePassword)
	for _, rt := range deletions("/me", "delete-me") {
		rt.tag, rt.action, rt.summary = "account", authz.DeleteAccount, "Delete one's own account"
		rt.refusals = []store.Code{store.ErrInvalidCredentials, store.ErrLocked}
		handle(r, rt, a.deleteMe)
	}
}

func (a *API) sessionRoutes(r *router) {
	handle(r, route{
		method: "POST", path: "/refresh", id: "refresh", tag: "sessions", action: authz.Refresh,
		summary: "Exchange a refresh token", status: http.StatusOK,
		refusals: []store.Code{store.ErrInvalidToken},
	}, a.refresh)
	handle(r, route{
		method: "POST", path: "/logout", id: "logout", tag: "sessions", action: authz.SignOut,
		summary: "End this session", status: http.StatusNoContent,
	}, a.logout)
	handle(r, route{
		method: "POST", path: "/logout/all", id: "logout-all", tag: "sessions", action: authz.SignOut,
		summary: "End all of one's sessions", status: http.StatusNoContent,
	}, a.logoutAll)
	handle(r, route{
		method: "GET", path: "/me/sessions", id: "list-sessions", tag: "sessions", action: authz.ReadSessions,
		summary: "List one's live sessions", status: http.StatusOK, list: &listing{sorts: byCreation},
	}, a.listSessions)
	for _, rt := range deletions("/me/sessions/{id}", "revoke-session") {
		rt.tag, rt.action, rt.summary = "sessions", authz.RevokeSessions, "End one of one's sessions"
		handle(r, rt, a.revokeSession)
	}
}

func (a *API) keyRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/me/keys", id: "list-keys", tag: "keys", action: authz.ReadKeys,
		summary: "List one's API keys, revoked ones included", status: http.StatusOK, list: &listing{sorts: byCreation},
	}, a.listKeys)
	handle(r, route{
		method: "POST", path: "/me/keys", id: "create-key", tag: "keys", action: authz.CreateKey,
		summary: "Make an API key; it is shown this once", status: http.StatusCreated,
		refusals: []store.Code{store.ErrConflict, store.ErrReauthRequired},
	}, a.createKey)
	handle(r, route{
		method: "GET", path: "/me/keys/{id}", id: "get-key", tag: "keys", action: authz.ReadKeys,
		summary: "Show an API key, without its secret", status: http.StatusOK,
	}, a.getKey)
	handle(r, route{
		method: "PATCH", path: "/me/keys/{id}", id: "update-key", tag: "keys", action: authz.UpdateKey,
		summary: "Change an API key", status: http.StatusOK,
		refusals: []store.Code{store.ErrConflict, store.ErrReauthRequired},
	}, a.updateKey)
	for _, rt := range deletions("/me/keys/{id}", "revoke-key") {
		rt.tag, rt.action, rt.summary = "keys", authz.RevokeKey, "Revoke an API key for good"
		handle(r, rt, a.revokeKey)
	}
	handle(r, route{
		method: "POST", path: "/me/keys/{id}/rotate", id: "rotate-key", tag: "keys", action: authz.RotateKey,
		summary: "Replace an API key by a new one", status: http.StatusCreated,
		refusals: []store.Code{store.ErrConflict, store.ErrReauthRequired},
	}, a.rotateKey)
	handle(r, route{
		method: "POST", path: "/me/keys/{id}/enable", id: "enable-key", tag: "keys", action: authz.EnableKey,
		summary: "Make a suspended API key active again", status: http.StatusOK,
		refusals: []store.Code{store.ErrConflict},
	}, a.enableKey)
}

func (a *API) usageRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/me/usage", id: "get-usage", tag: "usage", action: authz.ReadUsage,
		summary: "Show limits and what is used of them", status: http.StatusOK,
	}, a.getUsage)
	handle(r, route{
		method: "GET", path: "/me/usage/history", id: "get-usage-history", tag: "usage", action: authz.ReadUsage,
		summary: "Show what was used, by day", status: http.StatusOK, query: historyQuery(),
	}, a.getUsageHistory)
	handle(r, route{
		method: "GET", path: "/me/credits", id: "list-credits", tag: "usage", action: authz.ReadUsage,
		summary: "List the entries of one's ledger of credits", status: http.StatusOK, list: &listing{sorts: byCreation},
	}, a.listCredits)
}

func (a *API) messageRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/me/messages", id: "list-messages", tag: "messages", action: authz.ReadMessages,
		summary: "List one's logged messages", status: http.StatusOK,
		list: &listing{sorts: byCreation, filters: []string{"conversation_id"}},
	}, a.listMessages)
	handle(r, route{
		method: "GET", path: "/me/messages/{id}", id: "get-message", tag: "messages", action: authz.ReadMessages,
		summary: "Show one of one's logged messages", status: http.StatusOK,
	}, a.getMessage)
}

// deletions are the two routes of one deletion: DELETE, and POST to the path
// with /delete for clients that cannot send a body with DELETE.
func deletions(path, id string) []route {
	return []route{
		{method: "DELETE", path: path, id: id, status: http.StatusNoContent},
		{method: "POST", path: path + "/delete", id: id + "-by-post", status: http.StatusNoContent},
	}
}
