package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

// router is the operations of one kind under one prefix.
type router struct {
	api    *API
	kind   authn.Kind // whose it is
	prefix string     // "" or "/auth": a slash at the beginning, none at the end
	suffix string     // of operation ids
	mux    *http.ServeMux
	huma   huma.API
}

// routerOf returns the handler of the router of a kind under a prefix. The first
// call makes it.
func (a *API) routerOf(kind authn.Kind, prefix string, addRoutes func(*router)) http.Handler {
	prefix = cleanPrefix(prefix)
	a.mu.Lock()
	defer a.mu.Unlock()
	same := func(r *router) bool { return r.kind == kind && r.prefix == prefix }
	if i := slices.IndexFunc(a.routers, same); i >= 0 {
		return a.routers[i].handler()
	}
	r := a.newRouter(kind, prefix)
	addRoutes(r)
	a.routers, a.doc = append(a.routers, r), nil
	return r.handler()
}

// newRouter makes a router of a kind without operations. huma's document, schema and docs
// pages are off: one document describes all routers, and it is ours to serve.
// No format or hook is set either, since no body passes through huma.
func (a *API) newRouter(kind authn.Kind, prefix string) *router {
	mux := http.NewServeMux()
	return &router{
		api:    a,
		kind:   kind,
		prefix: prefix,
		suffix: a.suffix(kind),
		mux:    mux,
		huma: huma.NewAPI(huma.Config{OpenAPI: &huma.OpenAPI{
			Info:       &huma.Info{Title: title, Version: a.cfg.Version},
			Components: &huma.Components{Schemas: a.schemas},
		}}, humago.NewAdapter(mux, prefix)),
	}
}

// suffix keeps the operation ids of a second router of a kind apart.
func (a *API) suffix(kind authn.Kind) string {
	n := 1
	for _, r := range a.routers {
		if r.kind == kind {
			n++
		}
	}
	if n == 1 {
		return ""
	}
	return fmt.Sprintf("-%d", n)
}

// cleanPrefix brings a prefix into the form that patterns are made with. It
// panics at one that a pattern would take for something else than a path.
func cleanPrefix(prefix string) string {
	if strings.ContainsFunc(prefix, notInPrefix) {
		panic(fmt.Sprintf("httpapi: the prefix %q is not a plain path such as /auth", prefix))
	}
	return strings.TrimSuffix(path.Clean("/"+prefix), "/")
}

// notInPrefix reports what is neither a slash nor unreserved (RFC 3986 section
// 2.3): methods, hosts and wildcards need some of it.
func notInPrefix(c rune) bool {
	letterOrDigit := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	return !letterOrDigit && !strings.ContainsRune("/-._~", c)
}

// handler is the whole router: paths and methods that it does not have are
// problem documents too, and a credential in the query is refused also where
// none is read.
func (r *router) handler() http.Handler {
	h := middleware.NoQueryCredentials()(middleware.NotFound()(r.mux))
	named := middleware.AssignRequestID()(h)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if middleware.RequestID(req.Context()) == "" {
			named.ServeHTTP(w, req)
			return
		}
		h.ServeHTTP(w, req)
	})
}

// route is what there is to say of an operation before its handler.
type route struct {
	method   string
	path     string // below the prefix; its parameters are {id} and {key_id}
	id       string // unique among all operations
	summary  string
	tag      string
	action   authz.Action
	status   int
	list     *listing     // of a list
	refusals []store.Code // what it answers beside what every such route does

	also       int         // another status of success; zero means none
	query      []parameter // of the query; those of a list stand in list
	idempotent bool        // a request names itself and is carried out once
	maxBody    int64       // the longest body that is read; zero means maxBody
	maxValues  int         // how many values a body has at most; zero means maxValues
}

// parameter is one of the query. It may be left out, and its value is the
// handler's to check.
type parameter struct{ name, description string }

// flag reads a parameter that is true or false; without a value it is false.
func (c *call) flag(p parameter) (bool, error) {
	switch c.filters[p.name] {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, store.Invalid(p.name, "type", "The parameter must be true or false.")
}

func (rt route) readQuery(c *call, query url.Values) {
	for _, p := range rt.query {
		if c.filters == nil {
			c.filters = make(map[string]string)
		}
		c.filters[p.name] = query.Get(p.name)
	}
}

// secure puts in front of an operation what its declared security asks for:
// there is no other place where a credential is read, so that what is
// documented and what is enforced are one. A service is not slowed down: it asks
// for many users, each of whom has limits.
func (r *router) secure(op *huma.Operation, next http.Handler) http.Handler {
	cfg := r.api.cfg
	if len(op.Security) == 0 {
		return cfg.LimitByIP(cfg.LimitLogin(next))
	}
	if r.kind != authn.KindService {
		next = cfg.LimitByPrincipal(next)
	}
	return cfg.LimitByIP(cfg.Authenticate(next))
}

// handle adds an operation. It panics when the route has no action in the
// table of authz: such a route would be open to everybody or to nobody. So it
// does when the table asks for a reason that the body has no member for.
func handle[I, O any](r *router, rt route, h handler[I, O]) {
	op, body := describe[I, O](r, rt)
	var in I
	if _, says := any(in).(reasoned); authz.NeedsReason(r.kind, rt.action) && !says {
		panic(fmt.Sprintf("httpapi: %s %s needs a reason, and its body has none", rt.method, rt.path))
	}
	r.mount(op, rt, &endpoint[I, O]{api: r.api, kind: r.kind, route: rt, body: body, handler: h})
}

// mount puts an operation behind what its security asks for.
func (r *router) mount(op *huma.Operation, rt route, h http.Handler) {
	if !authz.Known(rt.action) {
		panic(fmt.Sprintf("httpapi: %s %s has no action", rt.method, rt.path))
	}
	r.huma.OpenAPI().AddOperation(op)
	secured := r.secure(op, h)
	r.huma.Adapter().Handle(op, func(ctx huma.Context) {
		req, w := humago.Unwrap(ctx)
		secured.ServeHTTP(w, req)
	})
}
