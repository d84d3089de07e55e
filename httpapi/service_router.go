package httpapi

import (
	"net/http"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

// ServiceRouter serves what services in other languages do for users, with a
// service key: metering and message logs. The prefix is as in UserRouter, such
// as "/service". Other credentials are ErrInvalidToken here.
func (a *API) ServiceRouter(prefix string) http.Handler {
	return a.routerOf(authn.KindService, prefix, func(r *router) {
		a.meterRoutes(r)
		a.logRoutes(r)
		r.serveKeySet()
	})
}

// refusalsOfSubjects are what is said of users that a service names, and of their
// limits.
func refusalsOfSubjects() []store.Code {
	return []store.Code{store.ErrNotFound, store.ErrSuspended, store.ErrQuotaExceeded, store.ErrInsufficientCredits}
}

func (a *API) meterRoutes(r *router) {
	handle(r, route{
		method: "POST", path: "/consume", id: "consume", tag: "metering", action: authz.Consume,
		summary: "Use units of a user's meter at once", status: http.StatusOK,
		idempotent: true, refusals: refusalsOfSubjects(),
	}, a.consume)
	handle(r, route{
		method: "POST", path: "/reservations", id: "reserve", tag: "metering", action: authz.Reserve,
		summary: "Hold units of a user's meter", status: http.StatusCreated,
		idempotent: true, refusals: refusalsOfSubjects(),
	}, a.reserve)
	handle(r, route{
		method: "POST", path: "/reservations/{id}/settle", id: "settle-reservation", tag: "metering", action: authz.Reserve,
		summary: "End a hold with what was used; the first ending stands", status: http.StatusOK,
	}, a.settle)
	handle(r, route{
		method: "POST", path: "/reservations/{id}/release", id: "release-reservation", tag: "metering", action: authz.Reserve,
		summary: "End a hold and return its units; the first ending stands", status: http.StatusOK,
	}, a.release)
	handle(r, route{
		method: "POST", path: "/reservations/{id}/extend", id: "extend-reservation", tag: "metering", action: authz.Reserve,
		summary: "Keep a hold for longer", status: http.StatusOK,
	}, a.extend)
}

func (a *API) logRoutes(r *router) {
	handle(r, route{
		method: "POST", path: "/messages", id: "log-messages", tag: "metering", action: authz.AppendMessages,
		summary: "Log messages of users, all or none: soon (202), or with durable=true before the answer (201)",
		status:  http.StatusAccepted, also: http.StatusCreated,
		query:   []parameter{{"durable", "true means that the messages are stored when the answer comes"}},
		maxBody: maxMessagesBody, maxValues: maxMessagesValues,
		refusals: []store.Code{store.ErrConflict},
	}, a.logMessages)
}
