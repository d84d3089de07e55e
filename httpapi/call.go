package httpapi

import (
	"net/http"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

// call is what a handler needs to know of a request beside its body.
type call struct {
	principal authn.Principal // anonymous on routes that need no credential
	origin    authn.Origin
	id        string            // the {id} of the path
	keyID     string            // the {key_id} of the path
	filters   map[string]string // the parameters of the query that were given
	page      store.Page        // of a list
	scope     string            // what a cursor of this list is good for

	// idempotency names the request, on routes that must not be carried out twice.
	idempotency store.Idempotency

	// What the handler has to say beside its answer or error.
	status   int                  // in place of the route's
	replayed bool                 // the answer is that of an earlier request
	counters []store.CounterState // what the limits say that were asked
}

// newCall reads what every route needs.
func newCall(r *http.Request) call {
	p, _ := authn.FromContext(r.Context())
	return call{
		principal: p,
		origin: authn.Origin{
			IP:        middleware.ClientAddr(r),
			UserAgent: r.UserAgent(),
			RequestID: middleware.RequestID(r.Context()),
		},
		id:    r.PathValue("id"),
		keyID: r.PathValue("key_id"),
	}
}

// subject is the account that the caller's own routes are about.
func (c *call) subject() string { return c.principal.Subject }

// actor is who the audit trail will name.
func (c *call) actor() store.Actor {
	ip := ""
	if c.origin.IP.IsValid() {
		ip = c.origin.IP.String()
	}
	return c.principal.Actor(ip, c.origin.RequestID)
}
